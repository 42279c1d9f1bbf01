// SPDX-License-Identifier: MIT
#include "front/block.hpp"

namespace rf::front {

Result<void> BlockDevice::connect(std::uint64_t number)
{
    if (auto found = device_.find("vbd", number); !found)
        return found;
    if (auto ready = device_.wait_for_backend(xen::XenbusStateInitWait, xen::XenbusStateInitWait, Device::usual_patience); !ready)
        return ready;
    if (auto published = publish_ring(); !published)
        return published;
    if (auto done = device_.set_state(xen::XenbusStateInitialised); !done)
        return done;
    if (auto ready = device_.wait_for_backend(xen::XenbusStateConnected, xen::XenbusStateConnected, Device::usual_patience); !ready)
        return ready;
    const auto sectors = device_.backend_number("sectors");
    const auto info = device_.backend_number("info");
    if (!sectors || !info)
        return std::unexpected(sectors ? info.error() : sectors.error());
    sectors_ = *sectors;
    read_only_ = (*info & xen::VDISK_READONLY) != 0;
    return device_.set_state(xen::XenbusStateConnected);
}

Result<void> BlockDevice::publish_ring()
{
    auto& doors = device_.doors();
    auto page = LentPage::make(doors.pages, doors.grants, device_.backend(), GrantAccess::read_write);
    if (!page)
        return std::unexpected(page.error());
    ring_page_ = std::move(*page);
    ring_ = ring::FrontRing<sizeof(xen::blkif_sring_entry)>{ring_page_.span()};
    const auto port = doors.events.open(device_.backend());
    if (!port)
        return std::unexpected(port.error());
    port_ = *port;
    if (auto done = device_.write_number("ring-ref", ring_page_.reference()); !done)
        return done;
    if (auto done = device_.write_number("event-channel", port_); !done)
        return done;
    return device_.write_text("protocol", XEN_IO_PROTO_ABI_X86_64);
}

Result<void> BlockDevice::disconnect()
{
    if (auto left = device_.leave(); !left)
        return left;
    device_.forget();
    device_.doors().events.close(port_);
    return ring_page_.end();
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
    auto& grants = device_.doors().grants;
    const auto reference = grants.lend(device_.backend(), page, access);
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
    numbered.handle = static_cast<std::uint16_t>(device_.number());
    numbered.id = ++next_id_;
    if (!ring_.put(numbered))
        return failure(xen::XEN_EIO);
    if (ring_.publish() == ring::Notify::yes)
        device_.doors().events.notify(port_);
    if (auto arrived = wait_for_response(); !arrived)
        return arrived;
    const auto response = ring_.take<xen::blkif_response>();
    if (response.id != numbered.id || response.status == xen::BLKIF_RSP_ERROR)
        return failure(xen::XEN_EIO);
    if (response.status == xen::BLKIF_RSP_EOPNOTSUPP)
        return failure(xen::XEN_EOPNOTSUPP);
    return {};
}

Result<void> BlockDevice::wait_for_response()
{
    for (;;) {
        auto ready = [this] { return ring_.broken() || !ring_.may_sleep() || device_.changed(); };
        static_cast<void>(device_.doors().events.wait(ready, EventChannels::for_ever));
        if (ring_.broken())
            return failure(xen::XEN_EIO);
        if (ring_.waiting() != 0)
            return {};
        // one that is replaced by another does not close; that other finds the request in the ring
        if (device_.changed() && closing_or_gone(device_.backend_state()))
            return failure(xen::XEN_ENODEV);
    }
}

}  // namespace rf::front
