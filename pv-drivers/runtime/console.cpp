// SPDX-License-Identifier: MIT
#include "console.hpp"

#include "events.hpp"
#include "hypercall.hpp"
#include "memory.hpp"
#include "xen/console.h"

namespace rf::runtime {

constinit Console console;

void Console::initialise(const xen::start_info& info)
{
    if ((info.flags & xen::SIF_INITDOMAIN) != 0) {
        kind_ = Kind::hypervisor;
        return;
    }
    auto* const ring = reinterpret_cast<xen::xencons_interface*>(memory.window_address(MachineFrame{info.console.domU.mfn}));
    if (ring == nullptr)
        return;
    kind_ = Kind::ring;
    port_ = info.console.domU.evtchn;
    ring_ = front::Console{*ring, port_, events};
}

void Console::write(std::string_view text)
{
    const EventsMasked masked;
    if (kind_ == Kind::hypervisor)
        hypercall(xen::HYPERVISOR_console_io, xen::CONSOLEIO_write, text.size(), text.data());
    else
        ring_.write(text);
}

std::optional<char> Console::read()
{
    if (kind_ != Kind::hypervisor)
        return ring_.read();
    char byte = 0;
    if (hypercall(xen::HYPERVISOR_console_io, xen::CONSOLEIO_read, 1, &byte) == 1)
        return byte;
    return std::nullopt;
}

}  // namespace rf::runtime
