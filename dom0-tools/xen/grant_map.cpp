// SPDX-License-Identifier: MIT
#include "xen/grant_map.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <vector>

namespace rf::xen {

GrantMapping& GrantMapping::operator=(GrantMapping&& other) noexcept
{
    std::swap(device_, other.device_);
    std::swap(pages_, other.pages_);
    std::swap(index_, other.index_);
    return *this;
}

GrantMapping::~GrantMapping()
{
    if (!pages_)
        return;
    uapi::GntdevUnmap block{index_, static_cast<std::uint32_t>(pages_.pages()), 0};
    pages_.reset();
    // Cannot fail for an index that this object owns; a failure would leave the pages to be released at close.
    (void)device_->kernel().ioctl(device_->number(), uapi::gntdev_unmap, &block);
}

Result<void> GrantMapping::notify_on_unmap(const UnmapNotice& notice)
{
    uapi::GntdevUnmapNotify block{index_, 0, 0};
    if (notice.clear_byte) {
        block.index += *notice.clear_byte;
        block.action |= uapi::unmap_notify_clear_byte;
    }
    if (notice.notify) {
        block.event_channel_port = notice.notify->value;
        block.action |= uapi::unmap_notify_send_event;
    }
    const long result = device_->kernel().ioctl(device_->number(), uapi::gntdev_unmap_notify, &block);
    if (result < 0)
        return failure(result, "cannot set the unmap notice of a granted page");
    return {};
}

Result<GrantMapper> GrantMapper::open(Kernel& kernel)
{
    auto device = Descriptor::open(kernel, "/dev/xen/gntdev", O_RDWR);
    if (!device)
        return std::unexpected(device.error());
    return GrantMapper(std::make_shared<Descriptor>(std::move(*device)));
}

Result<GrantMapping> GrantMapper::map(DomainId domain, std::span<const GrantRef> refs, Access access)
{
    const auto where = [&] {
        return "cannot map " + std::to_string(refs.size()) + " granted page(s) of domain " + std::to_string(domain.value) +
               (refs.empty() ? std::string() : " from reference " + std::to_string(refs[0].value));
    };
    if (refs.empty())
        return failure(EINVAL, where());

    const std::size_t head = offsetof(uapi::GntdevMap, refs);
    std::vector<std::uint64_t> storage((head + refs.size() * sizeof(uapi::GntdevGrantRef) + 7) / 8);
    auto* block = reinterpret_cast<uapi::GntdevMap*>(storage.data());
    block->count = static_cast<std::uint32_t>(refs.size());
    auto* entry = reinterpret_cast<uapi::GntdevGrantRef*>(reinterpret_cast<std::byte*>(storage.data()) + head);
    for (GrantRef ref : refs)
        *entry++ = {domain.value, ref.value};

    Kernel& kernel = device_->kernel();
    long result = kernel.ioctl(device_->number(), uapi::gntdev_map, block);
    if (result < 0)
        return failure(result, where());

    const int protection = access == Access::read_write ? PROT_READ | PROT_WRITE : PROT_READ;
    const std::size_t length = refs.size() * page_size;
    void* address = nullptr;
    result = kernel.map(address, length, protection, MAP_SHARED, device_->number(), static_cast<long>(block->index));
    if (result < 0) {
        uapi::GntdevUnmap undo{block->index, block->count, 0};
        (void)kernel.ioctl(device_->number(), uapi::gntdev_unmap, &undo);
        return failure(result, where());
    }
    return GrantMapping(device_, Mapping(kernel, address, length), block->index);
}

Result<void> GrantMapper::make_ready()
{
    // The first half of a mapping takes the page frames; which grant is meant does not matter before the second.
    uapi::GntdevMap block{};
    block.count = 1;
    Kernel& kernel = device_->kernel();
    if (const long result = kernel.ioctl(device_->number(), uapi::gntdev_map, &block); result < 0)
        return failure(result, "cannot reserve page frames for granted pages");
    uapi::GntdevUnmap undo{block.index, block.count, 0};
    if (const long result = kernel.ioctl(device_->number(), uapi::gntdev_unmap, &undo); result < 0)
        return failure(result, "cannot release page frames for granted pages");
    return {};
}

Result<GrantMapping> GrantMapper::map(DomainId domain, GrantRef ref, Access access)
{
    return map(domain, std::span(&ref, 1), access);
}

Result<void> GrantMapper::copy(std::span<uapi::GntdevCopySegment> segments)
{
    uapi::GntdevCopy block{static_cast<std::uint32_t>(segments.size()), segments.data()};
    const long result = device_->kernel().ioctl(device_->number(), uapi::gntdev_copy, &block);
    if (result < 0)
        return failure(result, "cannot copy granted pages");
    return {};
}

}  // namespace rf::xen
