// SPDX-License-Identifier: MIT
// What the hypervisor itself says of memory and domains, asked the same way on both.
#include <cstdlib>
#include <unistd.h>

#include "verbs.hpp"
#include "window.hpp"
#include "xen/event_channels.hpp"
#include "xen/system_control.hpp"

namespace rf::bench {

namespace {

constexpr unsigned kib_per_page = 4, events = 1000;

int fail(const std::string& name, const xen::Error& error)
{
    refuse(name, error.text());
    return 1;
}

}  // namespace

int tell_memory(Words words)
{
    const std::string name = words.empty() ? "memory" : words[0];
    auto privcmd = xen::Privcmd::open();
    if (!privcmd)
        return fail(name, privcmd.error());
    xen::SystemControl system(*privcmd);
    const auto info = system.physical_info();
    const auto domains = system.domains();
    if (!info || !domains)
        return fail(name, info ? domains.error() : info.error());
    tell("value ", name, ".free ", std::to_string(info->free_pages * kib_per_page));
    tell("value ", name, ".domains ", std::to_string(domains->size() - 1));
    for (const auto& domain : *domains)
        if (domain.domain == 0)
            tell("value ", name, ".dom0 ", std::to_string(domain.tot_pages * kib_per_page));
    return 0;
}

int wait_for_domains(Words words)
{
    if (words.size() != 2)
        return 2;
    const auto wanted = static_cast<std::size_t>(std::atol(words[0]));
    auto privcmd = xen::Privcmd::open();
    if (!privcmd)
        return fail("wait", privcmd.error());
    xen::SystemControl system(*privcmd);
    for (long second = std::atol(words[1]); second > 0; --second) {
        const auto domains = system.domains();
        if (domains && domains->size() <= wanted + 1)
            return 0;
        ::sleep(1);
    }
    return 1;
}

int measure_events(Words words)
{
    const std::string name = words.empty() ? "event" : words[0];
    auto channels = xen::EventChannels::open();
    if (!channels)
        return fail(name, channels.error());
    const auto far = channels->bind_unbound(xen::dom0);
    if (!far)
        return fail(name, far.error());
    const auto near = channels->bind_interdomain(xen::dom0, xen::RemotePort(far->value));
    if (!near)
        return fail(name, near.error());
    // connecting is told to the new end as an event of its own
    ::usleep(1000);
    if (const auto first = channels->pending())
        for (const auto port : *first)
            (void)channels->unmask(port);
    bool good = true;
    measure(name, events, [&] {
        for (unsigned i = 0; i < events; ++i) {
            good = channels->notify(*near) && good;
            const auto pending = channels->pending();
            good = pending && pending->size() == 1 && channels->unmask(pending->front()) && good;
        }
    });
    if (!good)
        refuse(name, "an event did not arrive");
    return good ? 0 : 1;
}

}  // namespace rf::bench
