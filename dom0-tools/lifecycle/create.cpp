// SPDX-License-Identifier: MIT
#include "lifecycle/create.hpp"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <optional>

#include "builder/domain_builder.hpp"
#include "builder/kernel_loading.hpp"
#include "lifecycle/destroy.hpp"
#include "lifecycle/device_creation.hpp"
#include "lifecycle/domain_list.hpp"
#include "lifecycle/preflight.hpp"
#include "lifecycle/store_tree.hpp"

namespace rf::lifecycle {
namespace {

constexpr auto connecting_patience = std::chrono::seconds(20);
constexpr std::uint64_t memory_slack_kib = 1024;  ///< as xl grants: room for pages that a guest exchanges
constexpr std::uint32_t usual_event_channels = 1023;
constexpr std::int32_t hypervisors_choice = -1;

::xen::xen_domctl_createdomain configuration_of(const config::DomainSpec& spec)
{
    ::xen::xen_domctl_createdomain configuration{};
    std::ranges::copy(spec.uuid, configuration.handle);
    configuration.max_vcpus = spec.maximum_vcpus;
    configuration.max_evtchn_port = spec.maximum_event_channels.value_or(usual_event_channels + 1) - 1;
    configuration.max_grant_frames =
        spec.maximum_grant_frames ? static_cast<std::int32_t>(*spec.maximum_grant_frames) : hypervisors_choice;
    configuration.max_maptrack_frames = hypervisors_choice;
    configuration.grant_opts = ::xen::XEN_DOMCTL_GRANT_version(1);
    return configuration;
}

std::vector<std::uint8_t> bitmap_of(const std::vector<unsigned>& cpus)
{
    std::vector<std::uint8_t> bitmap(cpus.back() / 8 + 1);
    for (unsigned cpu : cpus)
        bitmap[cpu / 8] = static_cast<std::uint8_t>(bitmap[cpu / 8] | 1u << cpu % 8);
    return bitmap;
}

class Creation {
public:
    Creation(Session& session, const StateDirectory& state, const CreateRequest& request)
        : session_(session), state_(state), request_(request), spec_(request.spec)
    {
    }

    Result<Created> run();

private:
    [[nodiscard]] Result<void> check();
    [[nodiscard]] Result<void> make_domain();
    [[nodiscard]] Result<void> make_empty_domain(const FileLock& names);
    [[nodiscard]] Result<void> publish();
    [[nodiscard]] Result<void> configure();
    [[nodiscard]] Result<void> place_vcpus();
    [[nodiscard]] Result<void> build();
    [[nodiscard]] Result<void> complete();

    Session& session_;
    const StateDirectory& state_;
    const CreateRequest& request_;
    const config::DomainSpec& spec_;
    builder::KernelLoading kernel_;
    builder::FileView initrd_;
    DomainId id_;
    FileLock lock_;
    DomainRecord record_;
    std::optional<DeviceCreation> devices_;
    builder::StopWatch watch_;
};

/// Whatever can be refused before anything exists. The kernel is being unpacked when this returns.
Result<void> Creation::check()
{
    BUILD_CHECK(check_devices(spec_, request_.definition_file));
    if (spec_.needs_backend_process() && !manager_is_running(state_))
        return fail(Kind::unreachable, "rfd does not run, and domain '" + spec_.name +
                                           "' has devices served by backend processes, which rfd starts: start rfd, or have the kernel serve "
                                           "them (<driver name='phy'/> for disks, <driver name='netback'/> for interfaces)");
    BUILD_CHECK(kernel_.begin(spec_.kernel, builder::KernelCache()));
    if (!spec_.initrd.empty())
        initrd_ = BUILD_TRY(builder::FileView::open(spec_.initrd, "initrd"));
    return {};
}

/// Creates the empty domain and gives it its name, while no other domain can take it.
Result<void> Creation::make_domain()
{
    const FileLock names = BUILD_TRY(state_.lock_names());
    const auto domains = BUILD_TRY(list_domains(session_));
    BUILD_CHECK(check_name(spec_, domains));
    const MemoryState memory = BUILD_TRY(memory_state(session_, domains));
    BUILD_CHECK(check_memory(spec_, memory));
    const auto machine = BUILD_TRY(session_.system().physical_info());
    BUILD_CHECK(check_processors(spec_, machine.nr_cpus));
    watch_.lap("check");

    BUILD_CHECK(make_empty_domain(names));
    // From here on a failure must go through destroy_domain; run() sees to that.
    BUILD_CHECK(publish());
    watch_.lap("create");
    return {};
}

/// The record comes first: if we die, rfd finds a record without a domain or a domain with one, never a domain of nobody's.
Result<void> Creation::make_empty_domain(const FileLock& names)
{
    for (unsigned attempt = 0; attempt < xen::first_reserved_domid; ++attempt) {
        const DomainId wanted = state_.next_id(names);
        auto lock = state_.lock(wanted, StateDirectory::Waiting::no);
        if (!lock && lock.error().kind != Kind::conflict)
            return std::unexpected(lock.error());
        if (!lock || state_.load(wanted))
            continue;
        record_ = {wanted,
                   spec_.name,
                   spec_.uuid,
                   Stage::building,
                   spec_.definition,
                   request_.definition_file,
                   std::time(nullptr),
                   request_.quick_ends,
                   spec_.needs_backend_process()};
        if (auto saved = state_.save(record_); !saved) {
            state_.remove(wanted);
            return saved;
        }
        const auto made = session_.control().create(configuration_of(spec_), wanted);
        if (made) {
            id_ = wanted;
            lock_ = std::move(*lock);
            return {};
        }
        state_.remove(wanted);
        if (made.error().code != EEXIST)
            return fail(made.error());
    }
    return fail(Kind::no_resource, "all domain numbers are taken");
}

/// Everything that stands in the store from the start, devices too: their backends come up while the domain is built.
Result<void> Creation::publish()
{
    // A domain that had this number before and was not cleaned up by whoever made it.
    BUILD_CHECK(session_.store.remove(domain_path(id_)));
    StoreEntries entries = domain_entries(spec_, id_, record_.created);
    devices_.emplace(spec_, id_);
    std::ranges::move(BUILD_TRY(devices_->prepare()), std::back_inserter(entries));
    BUILD_CHECK(session_.store.transact([&](auto transaction) { return session_.store.write_all(entries, transaction); }));
    if (spec_.needs_backend_process())
        BUILD_CHECK(session_.store.write(manager_bell, std::to_string(id_.value)));
    return {};
}

Result<void> Creation::configure()
{
    auto control = session_.control();
    BUILD_CHECK(control.set_max_vcpus(id_, spec_.maximum_vcpus));
    BUILD_CHECK(control.set_max_memory(id_, spec_.maximum_memory_bytes / 1024 + memory_slack_kib));
    ::xen::xen_domctl_tsc_info tsc{};
    tsc.tsc_mode = spec_.tsc_mode;
    BUILD_CHECK(control.set_tsc(id_, tsc));
    if (spec_.time_offset_seconds)
        BUILD_CHECK(control.set_time_offset(id_, spec_.time_offset_seconds));
    if (spec_.weight)
        BUILD_CHECK(control.set_credit2(id_, {static_cast<std::uint16_t>(*spec_.weight), static_cast<std::uint16_t>(spec_.cap_percent.value_or(0))}));
    return place_vcpus();
}

Result<void> Creation::place_vcpus()
{
    auto control = session_.control();
    if (!spec_.cpus.empty())
        for (unsigned vcpu = 0; vcpu < spec_.maximum_vcpus; ++vcpu)
            BUILD_TRY(control.set_affinity(id_, vcpu, {bitmap_of(spec_.cpus), {}}));
    for (const config::Pinning& pinning : spec_.pinnings)
        BUILD_TRY(control.set_affinity(id_, pinning.vcpu, {bitmap_of(pinning.cpus), {}}));
    return {};
}

Result<void> Creation::build()
{
    builder::DomainBuilder builder(session_.privcmd, id_);
    const std::uint64_t pages = spec_.memory_bytes / xen::page_size;
    BUILD_CHECK(builder.populate(pages, spec_.maximum_memory_bytes / xen::page_size));
    watch_.lap("memory");
    const builder::KernelImage* const kernel = BUILD_TRY(kernel_.wait());
    const auto plan = BUILD_TRY(builder::make_guest_plan(kernel->notes(), initrd_.bytes().size(), pages));
    watch_.lap("kernel");
    const auto built = BUILD_TRY(builder.build({*kernel, builder::Source(initrd_, initrd_.bytes()), spec_.command_line, plan, watch_}));
    BUILD_CHECK(session_.store.write_all(ring_entries(id_, built)));
    BUILD_CHECK(session_.store.introduce(id_.value, built.store_frame.value, built.store_port.value));
    watch_.lap("introduce");
    return {};
}

Result<void> Creation::complete()
{
    BUILD_CHECK(configure());
    BUILD_CHECK(build());
    BUILD_CHECK(devices_->complete(session_, Clock::now() + connecting_patience));
    watch_.lap("devices");
    // In this order: if we die in between, rfd removes it all. The other way round it would stay, paused for ever.
    if (request_.start == Start::running)
        BUILD_CHECK(session_.control().unpause(id_));
    record_.stage = Stage::running;
    BUILD_CHECK(state_.save(record_));
    watch_.lap("start");
    return {};
}

Result<Created> Creation::run()
{
    BUILD_CHECK(check());
    auto made = make_domain();
    if (made)
        made = complete();
    if (made)
        return Created{id_, watch_.take(), kernel_.take()};
    if (id_ != xen::dom0)
        (void)destroy_domain(session_, state_, id_);  // the first failure is the one to report
    return std::unexpected(std::move(made.error()));
}

}  // namespace

bool manager_is_running(const StateDirectory& state)
{
    const auto lock = state.lock_file(manager_lock, StateDirectory::Waiting::no);
    return !lock && lock.error().kind == Kind::conflict;
}

Result<Created> create_domain(Session& session, const StateDirectory& state, const CreateRequest& request)
{
    return Creation(session, state, request).run();
}

}  // namespace rf::lifecycle
