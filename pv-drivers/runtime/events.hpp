// SPDX-License-Identifier: MIT
#pragma once
/// Event channels of the two-level ABI. Ports are bound to the first vCPU; others may let the callback in as well.
///
/// Handlers run in the event callback with events masked, on the interrupted stack; they are short and do not sleep. The
/// main program waits with `wait_until`. A port without a handler stays masked.

#include <cstdint>

#include "front/doors.hpp"
#include "hypercall.hpp"
#include "result.hpp"
#include "xen/event.h"
#include "xen/sched.h"
#include "xen/shared_info.h"

namespace rf::runtime {

using front::Port;

class Events final : public front::EventChannels {
public:
    /// Called for every event of a port, with the context given at `handle`.
    using Handler = void (*)(Port port, void* context);

    /// Masks all ports, registers the callback and lets events in. Call once, when `shared` is mapped.
    [[nodiscard]] Result<void> initialise(xen::shared_info* shared);

    /// Binds a virtual interrupt (VIRQ_*) of vCPU 0.
    [[nodiscard]] Result<Port> bind_virq(xen::virq_number virq);
    /// A new port that only `remote` can connect to; its events only wake the main program until `handle` says more.
    [[nodiscard]] Result<Port> open(xen::domid_t remote) override;
    /// Connects to another domain's unbound port.
    [[nodiscard]] Result<Port> bind_interdomain(xen::domid_t remote, Port remote_port);
    /// Closes a port and forgets its handler.
    void close(Port port) override;
    void notify(Port port) override;

    /// Sets the handler of a port below `handled_ports` and unmasks it; EINVAL for a higher one.
    [[nodiscard]] Result<void> handle(Port port, Handler handler, void* context);
    void mask(Port port);
    void unmask(Port port);

    /// Sleeps until `ready()` holds; it is asked with events masked and again after every event.
    template <class Condition>
    void wait_until(Condition ready)
    {
        mask_upcalls();
        while (!ready()) {
            hypercall(xen::HYPERVISOR_sched_op, xen::SCHEDOP_block, nullptr);
            mask_upcalls();
        }
        unmask_upcalls();
    }

    /// As `wait_until`, for `nanoseconds` at most; false if `ready` does not hold then.
    [[nodiscard]] bool wait(front::Condition ready, std::uint64_t nanoseconds) override;
    /// Sleeps until the port is pending, masked or not, or for `nanoseconds`. Works with events masked; may return early.
    void poll(Port port, std::uint64_t nanoseconds) override;

    /// Keeps the callback away from the calling vCPU; the return value says whether it was already.
    bool mask_upcalls();
    /// The same for a vCPU that does not run yet.
    void mask_upcalls_of(unsigned number);
    /// Lets the callback come, for what is pending at once.
    void unmask_upcalls();
    /// Runs the handlers of all pending ports; only for the callback.
    void dispatch();

    /// Ports below this can have handlers.
    static constexpr Port handled_ports = 256;

private:
    struct Entry {
        Handler handler;
        void* context;
    };

    void dispatch_word(unsigned word);
    [[nodiscard]] xen::vcpu_info& own_info();

    xen::shared_info* shared_ = nullptr;
    Entry entries_[handled_ports] = {};
};

extern Events events;

/// Keeps event handlers away for a scope; scopes nest.
class EventsMasked {
public:
    EventsMasked() : masked_before_(events.mask_upcalls()) {}
    ~EventsMasked()
    {
        if (!masked_before_)
            events.unmask_upcalls();
    }
    EventsMasked(const EventsMasked&) = delete;
    EventsMasked& operator=(const EventsMasked&) = delete;

private:
    bool masked_before_;
};

}  // namespace rf::runtime
