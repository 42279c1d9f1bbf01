// SPDX-License-Identifier: MIT
#pragma once
/// The time services of one vCPU: periodic tick, one-shot timer, poll timeout, time page and runstate area.
///
/// The runstate area lies at a guest virtual address and is written only while the vCPU's own *kernel* address space is
/// loaded on the calling CPU; when a write is due at another moment it is kept as deferred, and the mode toggle from user
/// to kernel asks needs_kernel_space() and calls kernel_space_loaded(). The time page never changes (see clock.hpp), so
/// the second copy is written once, when it is registered.
///
/// Locking: none of its own. scheduled_in, scheduled_out, kernel_space_loaded and the one-shot timers belong to the CPU
/// that runs the vCPU; the others may be called by any vCPU of the domain and consist of single atomic stores and timer
/// operations.

#include "base/result.hpp"
#include "time/runstate.hpp"
#include "time/timer.hpp"
#include "xen/shared_info.h"

namespace rf::time {

/// Which guest address space the CPU has loaded.
enum class LoadedSpace : std::uint8_t { kernel, user };
/// VMASST_TYPE_runstate_update_flag of the domain.
enum class RunstateProtocol : std::uint8_t { plain, update_flag };

inline constexpr Nanoseconds default_tick = 10'000'000;
inline constexpr Nanoseconds shortest_tick = 1'000'000;
/// Longest period of a tick that a guest may ask for.
inline constexpr Nanoseconds longest_tick = ~0ull >> 2;

class VcpuTime {
public:
    /// What happens when time is up; implemented by domain::Vcpu. Called without locks, on any CPU.
    class Listener {
    public:
        /// Raise VIRQ_TIMER for the vCPU.
        virtual void timer_expired() = 0;
        /// SCHEDOP_poll's timeout: wake the vCPU.
        virtual void poll_expired() = 0;

    protected:
        ~Listener() = default;
    };

    explicit VcpuTime(Listener& listener);
    VcpuTime(VcpuTime const&) = delete;
    VcpuTime& operator=(VcpuTime const&) = delete;
    ~VcpuTime() { stop(); }

    // --- scheduling hooks (entry::leave, around a switch of vCPUs)

    /// The vCPU was loaded on this CPU (address space included): its timers follow it here, the tick resumes and a missed
    /// tick is raised, the runstate area is written.
    void scheduled_in(Runstate const& runstate, LoadedSpace space, RunstateProtocol protocol);
    /// The vCPU is about to be unloaded, its address space still being there and its new runstate entered: the tick stops
    /// and the runstate area is written.
    void scheduled_out(Runstate const& runstate, LoadedSpace space, RunstateProtocol protocol);
    /// True when a guest area waits for the kernel address space.
    [[nodiscard]] bool needs_kernel_space() const { return runstate_deferred_; }
    /// The kernel address space was loaded (toggle from user mode): writes what was deferred.
    void kernel_space_loaded(Runstate const& runstate, RunstateProtocol protocol);

    // --- guest timers

    /// VCPUOP_set_periodic_timer. Errno::einval: shorter than 1 ms or absurdly long.
    [[nodiscard]] Status set_periodic(Nanoseconds period);
    /// VCPUOP_stop_periodic_timer.
    void stop_periodic();
    /// VCPUOP_set_singleshot_timer by the vCPU itself. A past time fires at once.
    void set_singleshot(Nanoseconds deadline);
    void stop_singleshot();
    /// `never` when it is not set.
    [[nodiscard]] Nanoseconds singleshot_deadline() const { return singleshot_.deadline(); }
    /// SCHEDOP_poll's timeout; `never` is none.
    void set_poll_timeout(Nanoseconds deadline);
    void stop_poll_timeout();
    /// The vCPU goes down or its domain dies: no timer fires until it is scheduled again.
    void stop();
    /// As stop, and everything that the guest had set is forgotten: the tick is the default, there are no areas.
    void reset();

    // --- pages shared with the guest

    /// Writes the time fields of the vCPU's vcpu_info; before the first instruction and whenever vcpu_info moved.
    void publish(xen::vcpu_info& info) const;
    /// VCPUOP_register_vcpu_time_memory_area: writes the second copy. The calling vCPU, of the same domain, is in kernel
    /// mode. Errno::efault.
    [[nodiscard]] static Status write_time_area(GuestVirtual area);
    /// VCPUOP_register_runstate_memory_area; address 0 unregisters. As above; Errno::efault: nothing changed.
    [[nodiscard]] Status register_runstate_area(GuestVirtual area, Runstate const& runstate, RunstateProtocol protocol);

private:
    static void tick_fired(void* self);
    static void singleshot_fired(void* self);
    static void poll_fired(void* self);
    void resume_tick();
    void update_runstate_area(Runstate const& runstate, LoadedSpace space, RunstateProtocol protocol);

    Listener& listener_;
    Timer tick_;
    Timer singleshot_;
    Timer poll_;
    Atomic<Nanoseconds> period_{default_tick}; ///< 0: no tick
    Atomic<Nanoseconds> last_tick_{0};
    Atomic<std::uint64_t> runstate_area_{0};   ///< guest virtual; 0: none
    Atomic<bool> loaded_{false};               ///< between scheduled_in and scheduled_out
    bool runstate_deferred_ = false;           ///< this CPU only
};

} // namespace rf::time
