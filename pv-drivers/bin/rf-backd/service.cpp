// SPDX-License-Identifier: MIT
#include "bin/rf-backd/service.hpp"

#include <algorithm>
#include <sys/signalfd.h>
#include <unistd.h>

#include "rpc/log.hpp"

namespace rf::backd {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_wait = 60s;          ///< with nothing to do; also how long to wait for a first device
constexpr auto evaluation_pause = 50ms;     ///< before a device in transition is looked at again
constexpr auto store_pause = 500ms;         ///< between looks for a store that went away
constexpr auto rest_limit = 10s;  ///< for I/O under way when the process is to end
constexpr unsigned lines_at_once = 32;  ///< that the guest causes
constexpr auto line_pause = 10s;        ///< then one in so long a time
constexpr const char* introduced_event = "@introduceDomain";
constexpr const char* released_event = "@releaseDomain";

}  // namespace

Service::Service(std::uint16_t domain, Resources resources, Reactor& reactor)
    : domain_(domain), resources_(std::move(resources)), reactor_(reactor), ration_(lines_at_once, line_pause), began_(Clock::now())
{
}

void Service::log(const std::string& text) const
{
    rpc::log(rpc::Severity::notice, "rf-backd " + std::to_string(domain_) + ": " + text);
}

void Service::log_of_guest(const std::string& text)
{
    if (const auto line = ration_.tell(text, Clock::now()))
        log(*line);
}

Exit Service::run()
{
    Result<void> fine = {};
    if (auto begun = begin(); !begun)
        lose_store(begun.error());
    while (fine) {
        if (asked_to_stop_) {
            come_to_rest();
            log("stopped; a successor can take over");
            return exit_handed_over;
        }
        if (entries_.empty() && (had_devices_ || gone_ || Clock::now() - began_ > longest_wait)) {
            log(had_devices_ ? "all devices are closed" : "there are no devices");
            return exit_over;
        }
        fine = round();
    }
    log(fine.error().text());
    come_to_rest();
    return exit_store_lost;
}

Result<void> Service::begin()
{
    for (const Kind kind : kinds)
        if (auto watched = resources_.store->watch(xenbus::backend_directory(type_of(kind), domain_), "backend"); !watched)
            return watched;
    for (const char* event : {introduced_event, released_event})
        if (auto watched = resources_.store->watch(event, "domain"); !watched)
            return watched;
    return {};
}

/// The devices are served on; what the store has to say can wait.
void Service::lose_store(const xen::Error& error)
{
    log(error.text() + "; waiting for the store");
    reactor_.forget(resources_.store->descriptor());
    resources_.store.reset();
    look_for_store_at_ = Clock::now() + store_pause;
}

void Service::look_for_store()
{
    if (Clock::now() < look_for_store_at_)
        return;
    look_for_store_at_ = Clock::now() + store_pause;
    auto socket = resources_.opener.open_store();
    if (!socket)
        return;
    resources_.store = std::make_unique<StoreConnection>(std::move(*socket));
    auto watched = begin();
    for (auto entry = entries_.begin(); entry != entries_.end() && watched; ++entry) {
        watched = resources_.store->watch(entry->second.device->paths().frontend + "/state", entry->second.token);
        entry->second.marked = true;
    }
    look_for_devices_ = check_domain_ = true;
    if (watched)
        log("the store is back");
    else
        lose_store(watched.error());
}

Result<void> Service::round()
{
    arm_all();
    const auto readable = reactor_.wait(time_to_wait());
    if (!readable)
        return std::unexpected(readable.error());
    const auto ready = [&](int descriptor) { return std::ranges::find(*readable, descriptor) != readable->end(); };
    hear(*readable);
    read_events();
    turn_all();
    judge_events();
    unmask_due();
    if (ready(resources_.signals)) {
        signalfd_siginfo information;
        asked_to_stop_ = ::read(resources_.signals, &information, sizeof information) > 0;
    }
    if (!resources_.store) {
        look_for_store();
        return {};
    }
    const bool disturbed = ready(resources_.store->descriptor()) || look_for_devices_ || check_domain_ ||
                           (evaluate_at_ && *evaluate_at_ <= Clock::now());
    if (!disturbed)
        return {};
    if (auto heard = store_events(); !heard)
        lose_store(heard.error());
    return {};
}

std::chrono::microseconds Service::time_to_wait() const
{
    const bool has_store = resources_.store != nullptr;
    if (more_ || events_wait_ || (has_store && (look_for_devices_ || check_domain_)))
        return 0us;
    std::optional<Clock::time_point> until = has_store ? evaluate_at_ : look_for_store_at_;
    const auto not_after = [&](const std::optional<Clock::time_point>& time) {
        if (time)
            until = until ? std::min(*until, *time) : *time;
    };
    not_after(next_time_);
    for (const auto& [number, port] : ports_)
        not_after(port.unmask_at);
    if (!until)
        return longest_wait;  // looking at the clock would be the dearest part of this
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(*until - Clock::now());
    return std::clamp<std::chrono::microseconds>(left, 1us, longest_wait);
}

void Service::arm_all()
{
    // Anew for each wait, which looks whether it is readable: the kernel wakes nobody for an event that comes during a read.
    reactor_.arm(resources_.events.descriptor());
    if (resources_.store)
        reactor_.arm(resources_.store->descriptor());
    reactor_.arm(resources_.signals);
    for (auto& [directory, entry] : entries_) {
        descriptors_.clear();
        entry.server->add_wake_descriptors(descriptors_);
        for (const int descriptor : descriptors_) {
            reactor_.arm(descriptor);
            if (std::ranges::find(entry.armed, descriptor) == entry.armed.end())
                entry.armed.push_back(descriptor);
        }
    }
}

void Service::hear(std::span<const int> readable)
{
    for (const int descriptor : readable) {
        events_wait_ = events_wait_ || descriptor == resources_.events.descriptor();
        for (auto& [directory, entry] : entries_)
            entry.server->readable(descriptor);
    }
}

void Service::read_events()
{
    constexpr std::size_t limit = 128;
    if (!events_wait_)
        return;
    const auto fired = resources_.events.pending(limit);
    if (!fired)
        return;  // an interrupted read; the next round tries again
    events_wait_ = fired->size() == limit;
    fired_.insert(fired_.end(), fired->begin(), fired->end());
}

void Service::judge_events()
{
    for (const xen::LocalPort number : fired_) {
        const auto port = ports_.find(number);
        if (port == ports_.end())
            continue;  // closed meanwhile
        const bool worked = port->second.entry->server->worked(number);
        const auto delay = port->second.gate.after(worked ? xenbus::EventGate::Found::work : xenbus::EventGate::Found::nothing);
        if (delay == xenbus::EventGate::Duration::zero())
            due_.push_back(number);
        else
            port->second.unmask_at = Clock::now() + delay;
    }
    fired_.clear();
}

void Service::unmask_due()
{
    for (auto& [number, port] : ports_)
        if (port.unmask_at && *port.unmask_at <= Clock::now()) {
            port.unmask_at.reset();
            due_.push_back(number);
        }
    if (!due_.empty())
        (void)resources_.events.unmask(due_);  // can only fail for ports that are not ours
    due_.clear();
}

void Service::turn_all()
{
    more_ = false;
    next_time_.reset();
    bool waits = false;
    bool gave_back = false;
    for (auto& [directory, entry] : entries_) {
        const auto work = entry.server->turn();
        more_ = more_ || work.more;
        waits = waits || work.waits;
        gave_back = gave_back || work.gave_back;
        if (work.at)
            next_time_ = next_time_ ? std::min(*next_time_, *work.at) : *work.at;
    }
    // The giver's turn may have come after the waiter's, and nothing else may be under way that would wake us.
    more_ = more_ || (waits && gave_back);
}

Result<void> Service::store_events()
{
    for (;;) {
        for (;;) {
            const auto event = resources_.store->next_event();
            if (!event)
                return std::unexpected(event.error());
            if (!*event)
                break;
            store_event(**event);
        }
        if (std::exchange(check_domain_, false))
            if (auto checked = check_domain(); !checked)
                return checked;
        if (std::exchange(look_for_devices_, false))
            if (auto found = find_devices(); !found)
                return found;
        if (auto evaluated = evaluate_marked(); !evaluated)
            return evaluated;
        // Answers may have brought events along, which no longer make the descriptor readable.
        const auto event = resources_.store->next_event();
        if (!event)
            return std::unexpected(event.error());
        if (!*event)
            return {};
        store_event(**event);
    }
}

void Service::store_event(const rpc::WatchEvent& event)
{
    if (event.token == "domain") {
        check_domain_ = true;
    } else if (event.token == "backend") {
        const std::size_t slash = event.path.rfind('/');
        const std::string leaf = event.path.substr(slash + 1);
        const auto device = entries_.find(event.path.substr(0, slash));
        if (device == entries_.end())
            look_for_devices_ = true;
        else if (leaf == "state" || leaf == "online")
            device->second.marked = true;
        for (auto& [directory, entry] : entries_)
            if (directory.starts_with(event.path))
                entry.marked = true;  // it, or all around it, was removed
    } else if (const auto device = entries_.find(event.token); device != entries_.end()) {
        device->second.marked = true;
    }
}

Result<void> Service::check_domain()
{
    const auto alive = resources_.store->is_introduced(domain_);
    if (!alive)
        return std::unexpected(alive.error());
    if (*alive)
        introduced_ = true;
    if (!*alive && introduced_ && !gone_) {
        gone_ = true;
        for (auto& [directory, entry] : entries_)
            entry.marked = true;
    }
    return {};
}

Result<void> Service::find_devices()
{
    for (const Kind kind : kinds) {
        const auto names = resources_.store->list(xenbus::backend_directory(type_of(kind), domain_));
        if (!names)
            return std::unexpected(names.error());
        for (const std::string& name : *names)
            if (!entries_.contains(xenbus::backend_directory(type_of(kind), domain_) + "/" + name))
                if (auto added = add_device(kind, name); !added)
                    return added;
    }
    return {};
}

Result<void> Service::add_device(Kind kind, const std::string& name)
{
    const auto number = xenbus::parse_number(name, 0xffffffff);
    if (!number)
        return {};
    auto paths = xenbus::read_paths(*resources_.store, type_of(kind), domain_, name);
    if (!paths && paths.error().code == EINVAL) {
        // The toolstack may be half-way through writing the device; the next event brings us back here.
        log_of_guest(paths.error().message);
        return {};
    }
    if (!paths)
        return std::unexpected(paths.error());
    Entry entry;
    entry.token = paths->backend;
    if (auto watched = resources_.store->watch(paths->frontend + "/state", entry.token); !watched)
        return watched;
    entry.device = make_device(kind, *number, std::move(*paths), entry.server);
    had_devices_ = true;
    entries_.emplace(entry.token, std::move(entry));
    return {};
}

std::unique_ptr<xenbus::Device> Service::make_device(Kind kind, std::uint32_t number, xenbus::DevicePaths paths,
                                                     xenbus::Server*& server)
{
    const auto logger = [this, name = std::string(type_of(kind)) + " " + std::to_string(number)](const std::string& text) {
        log_of_guest(name + ": " + text);
    };
    const xen::DomainId domain(domain_);
    std::unique_ptr<xenbus::Backend> backend;
    if (kind == Kind::disk) {
        auto disk = std::make_unique<block::Device>(
            block::Doors{resources_.grants, resources_.events, resources_.buffers, reactor_}, domain,
            [this, number] { return resources_.opener.open_disk(number); }, logger);
        server = disk.get();
        backend = std::move(disk);
    } else {
        auto card = std::make_unique<net::Device>(
            net::Doors{resources_.grants, resources_.events, resources_.arena.bytes(), [] { return Clock::now(); }, logger},
            domain, [this, number] { return resources_.opener.open_card(number, reactor_); });
        server = card.get();
        backend = std::move(card);
    }
    return std::make_unique<xenbus::Device>(std::move(paths), std::move(backend), logger);
}

Result<void> Service::evaluate_marked()
{
    evaluate_at_.reset();
    for (auto next = entries_.begin(); next != entries_.end();) {
        const auto current = next++;
        if (!current->second.marked)
            continue;
        current->second.marked = false;
        const auto domain = gone_ ? xenbus::Domain::gone : xenbus::Domain::alive;
        const auto outcome = current->second.device->evaluate(*resources_.store, domain);
        if (!outcome)
            return std::unexpected(outcome.error());
        collect_ports(current->second);
        more_ = true;  // a new connection may have requests already
        if (*outcome == xenbus::Device::Outcome::pending) {
            current->second.marked = true;
            evaluate_at_ = Clock::now() + evaluation_pause;
        } else if (*outcome == xenbus::Device::Outcome::over) {
            if (auto removed = remove(current); !removed)
                return removed;
        }
    }
    return {};
}

Result<void> Service::remove(std::map<std::string, Entry>::iterator entry)
{
    for (const int descriptor : entry->second.armed)
        reactor_.forget(descriptor);
    const auto unwatched = resources_.store->unwatch(entry->second.device->paths().frontend + "/state", entry->second.token);
    std::erase_if(ports_, [&](const auto& port) { return port.second.entry == &entry->second; });
    entries_.erase(entry);
    if (!unwatched && unwatched.error().code != ENOENT)
        return unwatched;
    return {};
}

void Service::collect_ports(Entry& entry)
{
    const auto current = entry.server->ports();
    std::erase_if(ports_, [&](const auto& port) {
        return port.second.entry == &entry && std::ranges::find(current, port.first) == current.end();
    });
    for (const xen::LocalPort port : current)
        ports_.try_emplace(port, Port{&entry, {}, std::nullopt});
}

void Service::come_to_rest()
{
    for (auto& [directory, entry] : entries_)
        entry.server->quiesce();
    const auto limit = Clock::now() + rest_limit;
    const auto busy = [this] {
        return std::ranges::any_of(entries_, [](const auto& entry) { return !entry.second.server->at_rest(); });
    };
    while (busy() && Clock::now() < limit) {
        if (!reactor_.wait(10ms))
            break;
        turn_all();
    }
    turn_all();  // shows the last answers
}

}  // namespace rf::backd
