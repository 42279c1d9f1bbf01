// SPDX-License-Identifier: MIT
#include "store.hpp"

#include "events.hpp"
#include "memory.hpp"

namespace rf::runtime {

constinit front::Store store;

front::Result<void> connect_store(const xen::start_info& info)
{
    auto* const ring = reinterpret_cast<xen::xenstore_domain_interface*>(memory.window_address(MachineFrame{info.store_mfn}));
    if (ring == nullptr)
        return front::failure(xen::XEN_ENOENT);
    if (auto handled = events.handle(info.store_evtchn, [](Port, void*) {}, nullptr); !handled)
        return handled;
    store.attach(*ring, info.store_evtchn, events);
    return {};
}

}  // namespace rf::runtime
