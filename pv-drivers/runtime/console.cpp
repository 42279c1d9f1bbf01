// SPDX-License-Identifier: MIT
#include "console.hpp"

#include <atomic>

#include "events.hpp"
#include "hypercall.hpp"
#include "memory.hpp"
#include "xen/console.h"

namespace rf::runtime {

namespace {

/// How long a daemon may leave a full ring alone.
constexpr std::uint64_t poll_nanoseconds = 10'000'000;
constexpr int patience_in_polls = 500;

[[nodiscard]] std::uint32_t load(std::uint32_t& index)
{
    return std::atomic_ref(index).load(std::memory_order_acquire);
}

void publish(std::uint32_t& index, std::uint32_t value)
{
    std::atomic_ref(index).store(value, std::memory_order_seq_cst);
}

}  // namespace

constinit Console console;

void Console::initialise(const xen::start_info& info)
{
    if ((info.flags & xen::SIF_INITDOMAIN) != 0) {
        kind_ = Kind::hypervisor;
        return;
    }
    ring_ = reinterpret_cast<xen::xencons_interface*>(memory.window_address(MachineFrame{info.console.domU.mfn}));
    if (ring_ == nullptr)
        return;
    kind_ = Kind::ring;
    port_ = info.console.domU.evtchn;
    produced_ = load(ring_->out_prod);
}

void Console::write(std::string_view text)
{
    const EventsMasked masked;
    if (kind_ == Kind::hypervisor) {
        hypercall(xen::HYPERVISOR_console_io, xen::CONSOLEIO_write, text.size(), text.data());
        return;
    }
    if (kind_ == Kind::none)
        return;
    for (const char byte : text) {
        if (byte == '\n')
            put('\r');
        put(byte);
    }
    publish(ring_->out_prod, produced_);
    events.send(port_);
}

void Console::put(char byte)
{
    if (used() >= xen::XENCONS_OUT_SIZE) {
        publish(ring_->out_prod, produced_);
        events.send(port_);
        // once the daemon proved dead, only look, so that a guest without one still gets on with its work
        if (dropped_ != 0 || !wait_until_below(xen::XENCONS_OUT_SIZE)) {
            ++dropped_;
            return;
        }
    }
    ring_->out[produced_++ & (xen::XENCONS_OUT_SIZE - 1)] = byte;
}

std::optional<char> Console::read()
{
    if (kind_ == Kind::hypervisor) {
        char byte = 0;
        if (hypercall(xen::HYPERVISOR_console_io, xen::CONSOLEIO_read, 1, &byte) == 1)
            return byte;
        return std::nullopt;
    }
    if (kind_ == Kind::none || load(ring_->in_prod) == ring_->in_cons)
        return std::nullopt;
    const std::uint32_t consumed = ring_->in_cons;
    const char byte = ring_->in[consumed & (xen::XENCONS_IN_SIZE - 1)];
    publish(ring_->in_cons, consumed + 1);
    events.send(port_);
    return byte;
}

void Console::flush()
{
    if (kind_ == Kind::ring && dropped_ == 0)
        static_cast<void>(wait_until_below(1));
}

bool Console::wait_until_below(std::uint32_t bound)
{
    for (int poll = 0; poll < patience_in_polls; ++poll) {
        if (used() < bound)
            return true;
        events.poll(port_, poll_nanoseconds);
    }
    return used() < bound;
}

std::uint32_t Console::used() const
{
    return produced_ - load(ring_->out_cons);
}

}  // namespace rf::runtime
