// SPDX-License-Identifier: MIT
#pragma once
/// The confined half: finds the domain's devices in the store, drives their handshakes, serves them, all in one loop.
///
///   wait (disk completions, event channels, taps, store, signals, times)
///     -> completions to their queues -> a turn for every device -> fired ports are judged by what their devices found
///     -> store events: mark devices -> evaluate marked devices
///
/// Ports stay masked from their event until the device has had its turn, longer if a guest only makes noise.

#include <map>
#include <memory>
#include <vector>

#include "bin/rf-backd/names.hpp"
#include "bin/rf-backd/opener.hpp"
#include "bin/rf-backd/reactor.hpp"
#include "bin/rf-backd/store_connection.hpp"
#include "xenbus/device.hpp"
#include "xenbus/event_gate.hpp"
#include "xenbus/line_ration.hpp"

namespace rf::backd {

/// All that was opened before confinement.
struct Resources {
    std::unique_ptr<StoreConnection> store;  ///< null while the store is away
    xen::EventChannels events;
    xen::GrantMapper grants;
    block::BufferPool buffers;
    xen::Mapping arena;
    int signals = -1;  ///< signalfd
    OpenerClient opener;
};

class Service {
public:
    Service(std::uint16_t domain, Resources resources, Reactor& reactor);

    /// Serves until there is nothing left to serve; how it ended.
    [[nodiscard]] Exit run();

private:
    using Clock = std::chrono::steady_clock;

    /// One device, its server side, and what belongs to it here.
    struct Entry {
        std::unique_ptr<xenbus::Device> device;
        xenbus::Server* server = nullptr;
        std::string token;
        std::vector<int> armed;
        bool marked = true;
    };
    struct Port {
        Entry* entry = nullptr;
        xenbus::EventGate gate;
        std::optional<Clock::time_point> unmask_at;
    };

    [[nodiscard]] Result<void> begin();
    [[nodiscard]] Result<void> round();
    void lose_store(const xen::Error& error);
    void look_for_store();
    [[nodiscard]] std::chrono::microseconds time_to_wait() const;

    void arm_all();
    void hear(std::span<const int> readable);
    void read_events();
    void judge_events();
    void unmask_due();
    void turn_all();
    [[nodiscard]] Result<void> store_events();
    void store_event(const rpc::WatchEvent& event);
    [[nodiscard]] Result<void> check_domain();
    [[nodiscard]] Result<void> find_devices();
    [[nodiscard]] Result<void> add_device(Kind kind, const std::string& name);
    [[nodiscard]] std::unique_ptr<xenbus::Device> make_device(Kind kind, std::uint32_t number, xenbus::DevicePaths paths,
                                                              xenbus::Server*& server);
    [[nodiscard]] Result<void> evaluate_marked();
    [[nodiscard]] Result<void> remove(std::map<std::string, Entry>::iterator entry);
    void collect_ports(Entry& entry);
    void log(const std::string& text) const;
    /// The same for what the guest may cause as often as it likes.
    void log_of_guest(const std::string& text);
    void come_to_rest();

    std::uint16_t domain_;
    Resources resources_;
    Reactor& reactor_;
    xenbus::LineRation ration_;
    std::map<std::string, Entry> entries_;  ///< by backend directory
    std::map<xen::LocalPort, Port> ports_;
    std::vector<xen::LocalPort> fired_;     ///< in this round
    std::vector<xen::LocalPort> due_;       ///< to be unmasked at once
    std::vector<int> descriptors_;          ///< scratch
    std::optional<Clock::time_point> next_time_;  ///< some device wants its turn then
    Clock::time_point began_;
    bool more_ = false;         ///< some device has more to do at once
    bool events_wait_ = true;   ///< the event channels have not been read empty
    Clock::time_point look_for_store_at_{};         ///< while it is away
    std::optional<Clock::time_point> evaluate_at_;  ///< some device is in transition
    bool look_for_devices_ = true;
    bool check_domain_ = true;
    bool introduced_ = false;   ///< the domain has been seen alive
    bool gone_ = false;
    bool had_devices_ = false;
    bool asked_to_stop_ = false;
};

}  // namespace rf::backd
