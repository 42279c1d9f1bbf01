// SPDX-License-Identifier: MIT
#include "lifecycle/create.hpp"

#include <algorithm>
#include <ctime>

#include "builder/domain_builder.hpp"
#include "lifecycle/destroy.hpp"
#include "lifecycle/devices.hpp"
#include "lifecycle/domain_list.hpp"
#include "lifecycle/preflight.hpp"
#include "lifecycle/store_tree.hpp"

namespace rf::lifecycle {
namespace {

constexpr auto device_patience = std::chrono::seconds(20);
constexpr std::uint64_t memory_slack_kib = 1024;  ///< as xl grants: room for pages that a guest exchanges
constexpr std::uint32_t usual_event_channels = 1023;
constexpr std::int32_t hypervisors_choice = -1;

/// Records how long each step takes.
class StopWatch {
public:
    void lap(std::string step)
    {
        const auto now = Clock::now();
        timings_.push_back({std::move(step), std::chrono::duration_cast<std::chrono::microseconds>(now - last_)});
        last_ = now;
    }
    [[nodiscard]] std::vector<Timing> take() { return std::move(timings_); }

private:
    Clock::time_point last_ = Clock::now();
    std::vector<Timing> timings_;
};

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
    [[nodiscard]] Result<void> configure();
    [[nodiscard]] Result<void> place_vcpus();
    [[nodiscard]] Result<void> build(const builder::BuildRequest& request);
    [[nodiscard]] Result<void> finish();
    [[nodiscard]] Result<void> complete(const builder::BuildRequest& request);

    Session& session_;
    const StateDirectory& state_;
    const CreateRequest& request_;
    const config::DomainSpec& spec_;
    DomainId id_;
    FileLock lock_;
    DomainRecord record_;
    StopWatch watch_;
};

Result<void> Creation::check()
{
    BUILD_CHECK(check_devices(spec_, request_.definition_file));
    if (spec_.needs_backend_process() && !manager_is_running(state_))
        return fail(Kind::unreachable, "rfd does not run, and domain '" + spec_.name +
                                           "' has devices served by backend processes, which rfd starts: start rfd, or have the kernel serve "
                                           "them (<driver name='phy'/> for disks, <driver name='netback'/> for interfaces)");
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

    id_ = BUILD_TRY(session_.control().create(configuration_of(spec_)));
    // From here on a failure must go through destroy_domain; run() sees to that.
    lock_ = BUILD_TRY(state_.lock(id_, StateDirectory::Waiting::yes));
    record_ = {id_,  spec_.name, spec_.uuid, Stage::building, spec_.definition, request_.definition_file, std::time(nullptr),
               request_.quick_ends};
    BUILD_CHECK(state_.save(record_));
    // A domain that had this number before and was not cleaned up by whoever made it.
    BUILD_CHECK(session_.store.remove(domain_path(id_)));
    return write_entries(session_, domain_entries(spec_, id_, record_.created));
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

Result<void> Creation::build(const builder::BuildRequest& request)
{
    const builder::BuiltDomain built = BUILD_TRY(builder::DomainBuilder(session_.privcmd, id_).build(request));
    watch_.lap("build");
    BUILD_CHECK(write_entries(session_, ring_entries(id_, built)));
    BUILD_CHECK(session_.store.introduce(id_.value, built.store_frame.value, built.store_port.value));
    watch_.lap("introduce");
    return {};
}

Result<void> Creation::finish()
{
    BUILD_CHECK(create_devices(session_, spec_, id_, Clock::now() + device_patience));
    watch_.lap("devices");
    record_.stage = Stage::running;
    BUILD_CHECK(state_.save(record_));
    if (request_.start == Start::running)
        BUILD_CHECK(session_.control().unpause(id_));
    watch_.lap("start");
    return {};
}

Result<void> Creation::complete(const builder::BuildRequest& request)
{
    BUILD_CHECK(configure());
    watch_.lap("configure");
    BUILD_CHECK(build(request));
    return finish();
}

Result<Created> Creation::run()
{
    BUILD_CHECK(check());
    const auto kernel = BUILD_TRY(builder::KernelImage::load(spec_.kernel, builder::KernelCache()));
    builder::FileView initrd;
    if (!spec_.initrd.empty())
        initrd = BUILD_TRY(builder::FileView::open(spec_.initrd, "initrd"));
    const std::uint64_t pages = spec_.memory_bytes / xen::page_size;
    const auto plan = BUILD_TRY(builder::make_guest_plan(kernel.notes(), initrd.bytes().size(), pages));
    const builder::BuildRequest request{kernel, initrd.bytes(), spec_.command_line, pages,
                                        spec_.maximum_memory_bytes / xen::page_size, plan};
    watch_.lap("kernel");

    auto made = make_domain();
    watch_.lap("create");
    if (made)
        made = complete(request);
    if (made)
        return Created{id_, watch_.take()};
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
