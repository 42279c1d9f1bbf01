// SPDX-License-Identifier: MIT
#include "block.hpp"

#include "timer.hpp"
#include "xen/errno.h"

namespace rf::runtime {

namespace {

constexpr std::uint64_t look_interval = nanoseconds_per_second / 50;
constexpr int patience_in_looks = 30 * 50;

}  // namespace

Result<std::uint64_t> BlockDevice::first_number()
{
    char room[256];
    const auto names = store.list("device/vbd", room);
    if (!names)
        return std::unexpected(names.error());
    if (names->empty())
        return std::unexpected(Error{xen::XEN_ENOENT});
    return number_in(*names);
}

Result<void> BlockDevice::connect(std::uint64_t number)
{
    number_ = number;
    front_ = Path{"device/vbd/", number};
    char room[store_path_size];
    const auto back = store.read(Path{front_.view(), "/backend"}.view(), room);
    if (!back)
        return std::unexpected(back.error());
    back_ = Path{*back};
    const auto backend = store.read_number(Path{front_.view(), "/backend-id"}.view());
    if (!backend)
        return std::unexpected(backend.error());
    backend_ = static_cast<xen::domid_t>(*backend);

    if (auto ready = wait_for_backend(xen::XenbusStateInitWait, xen::XenbusStateInitWait); !ready)
        return ready;
    if (auto published = publish_ring(); !published)
        return published;
    if (auto done = set_state(xen::XenbusStateInitialised); !done)
        return done;
    if (auto ready = wait_for_backend(xen::XenbusStateConnected, xen::XenbusStateConnected); !ready)
        return ready;

    const auto sectors = store.read_number(Path{back_.view(), "/sectors"}.view());
    const auto info = store.read_number(Path{back_.view(), "/info"}.view());
    if (!sectors || !info)
        return std::unexpected(sectors ? info.error() : sectors.error());
    sectors_ = *sectors;
    read_only_ = (*info & xen::VDISK_READONLY) != 0;
    return set_state(xen::XenbusStateConnected);
}

Result<void> BlockDevice::publish_ring()
{
    ring_page_ = memory.allocate();
    if (ring_page_ == nullptr)
        return std::unexpected(Error{xen::XEN_ENOMEM});
    ring_ = ring::FrontRing<sizeof(xen::blkif_sring_entry)>{std::span{ring_page_, page_size}};
    const auto reference = grants.lend(backend_, memory.machine_frame(ring_page_), GrantAccess::read_write);
    if (!reference)
        return std::unexpected(reference.error());
    ring_reference_ = *reference;
    const auto port = events.allocate_unbound(backend_);
    if (!port)
        return std::unexpected(port.error());
    port_ = *port;
    if (auto handled = events.handle(port_, [](Port, void*) {}, nullptr); !handled)
        return handled;
    if (auto done = write_node("ring-ref", ring_reference_); !done)
        return done;
    if (auto done = write_node("event-channel", port_); !done)
        return done;
    return store.write(Path{front_.view(), "/protocol"}.view(), XEN_IO_PROTO_ABI_X86_64);
}

Result<void> BlockDevice::disconnect()
{
    if (auto done = set_state(xen::XenbusStateClosing); !done)
        return done;
    if (auto closing = wait_for_backend(xen::XenbusStateClosing, xen::XenbusStateClosed); !closing)
        return closing;
    if (auto done = set_state(xen::XenbusStateClosed); !done)
        return done;
    // only now does every backend give its mapping of the ring back
    if (auto closed = wait_for_backend(xen::XenbusStateClosed, xen::XenbusStateClosed); !closed)
        return closed;
    events.close(port_);
    if (auto back = grants.take_back(ring_reference_); !back)
        return back;
    memory.release(ring_page_);
    return {};
}

Result<void> BlockDevice::wait_for_backend(xen::xenbus_state first, xen::xenbus_state last)
{
    const Path node{back_.view(), "/state"};
    for (int look = 0; look < patience_in_looks; ++look) {
        const auto state = store.read_number(node.view());
        if (!state)
            return std::unexpected(state.error());
        if (*state >= first && *state <= last)
            return {};
        timer.sleep_for(look_interval);
    }
    return std::unexpected(Error{xen::XEN_ETIMEDOUT});
}

Result<void> BlockDevice::set_state(xen::xenbus_state state)
{
    return write_node("state", state);
}

Result<void> BlockDevice::write_node(std::string_view name, std::uint64_t value)
{
    return store.write(Path{front_.view(), "/", name}.view(), ShortText<20>{value}.view());
}

Result<void> BlockDevice::read(std::uint64_t sector, std::byte* page)
{
    return transfer(xen::BLKIF_OP_READ, sector, page, GrantAccess::read_write);
}

Result<void> BlockDevice::write(std::uint64_t sector, const std::byte* page)
{
    return transfer(xen::BLKIF_OP_WRITE, sector, page, GrantAccess::read_only);
}

Result<void> BlockDevice::flush()
{
    xen::blkif_request request{};
    request.operation = xen::BLKIF_OP_FLUSH_DISKCACHE;
    return perform(request);
}

Result<void> BlockDevice::transfer(xen::blkif_operation operation, std::uint64_t sector, const std::byte* page, GrantAccess access)
{
    const auto reference = grants.lend(backend_, memory.machine_frame(page), access);
    if (!reference)
        return std::unexpected(reference.error());
    xen::blkif_request request{};
    request.operation = operation;
    request.nr_segments = 1;
    request.sector_number = sector;
    request.seg[0] = {*reference, 0, sectors_per_page - 1};
    const auto done = perform(request);
    const auto back = grants.take_back(*reference);
    return done ? back : done;
}

Result<void> BlockDevice::perform(const xen::blkif_request& request)
{
    auto numbered = request;
    numbered.handle = static_cast<std::uint16_t>(number_);
    numbered.id = ++next_id_;
    if (!ring_.put(numbered))
        return std::unexpected(Error{xen::XEN_EIO});
    if (ring_.publish() == ring::Notify::yes)
        events.send(port_);
    events.wait_until([&] { return ring_.broken() || !ring_.may_sleep(); });
    if (ring_.broken())
        return std::unexpected(Error{xen::XEN_EIO});
    const auto response = ring_.take<xen::blkif_response>();
    if (response.id != numbered.id || response.status == xen::BLKIF_RSP_ERROR)
        return std::unexpected(Error{xen::XEN_EIO});
    if (response.status == xen::BLKIF_RSP_EOPNOTSUPP)
        return std::unexpected(Error{xen::XEN_EOPNOTSUPP});
    return {};
}

}  // namespace rf::runtime
