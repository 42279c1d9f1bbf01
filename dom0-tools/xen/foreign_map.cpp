// SPDX-License-Identifier: MIT
#include "xen/foreign_map.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <sys/mman.h>

#include "xen/uapi.hpp"

namespace rf::xen {
namespace {

/// Reserves `frames` pages of address space on the privcmd device, to be filled by an ioctl.
Result<Mapping> reserve(Privcmd& privcmd, std::size_t frames, int protection)
{
    Descriptor& device = privcmd.device();
    void* address = nullptr;
    const long result = device.kernel().map(address, frames * page_size, protection, MAP_SHARED, device.number(), 0);
    if (result < 0)
        return failure(result, "cannot reserve " + std::to_string(frames) + " pages for a foreign mapping");
    return Mapping(device.kernel(), address, frames * page_size);
}

}  // namespace

Result<ForeignMap> ForeignMap::map_partial(Privcmd& privcmd, DomainId domain, std::span<const Mfn> frames, Access access)
{
    if (frames.empty())
        return failure(EINVAL, "cannot map an empty list of frames");
    auto pages = reserve(privcmd, frames.size(), access == Access::read_write ? PROT_READ | PROT_WRITE : PROT_READ);
    if (!pages)
        return std::unexpected(pages.error());

    std::vector<std::uint64_t> numbers(frames.size());
    std::transform(frames.begin(), frames.end(), numbers.begin(), [](Mfn frame) { return frame.value; });
    std::vector<std::int32_t> errors(frames.size());
    uapi::PrivcmdMmapbatchV2 block{};
    block.num = static_cast<std::uint32_t>(frames.size());
    block.dom = domain.value;
    block.addr = reinterpret_cast<std::uint64_t>(pages->data());
    block.arr = numbers.data();
    block.err = errors.data();
    Descriptor& device = privcmd.device();
    const long result = device.kernel().ioctl(device.number(), uapi::privcmd_mmapbatch_v2, &block);
    // ENOENT says that some frame is paged out; the per-frame errors tell which.
    if (result < 0 && result != -ENOENT)
        return failure(result, "cannot map " + std::to_string(frames.size()) + " frames of domain " +
                                   std::to_string(domain.value));
    return ForeignMap(std::move(*pages), std::move(errors));
}

Result<ForeignMap> ForeignMap::map(Privcmd& privcmd, DomainId domain, std::span<const Mfn> frames, Access access)
{
    auto mapped = map_partial(privcmd, domain, frames, access);
    if (!mapped)
        return mapped;
    const auto bad = std::find_if(mapped->errors_.begin(), mapped->errors_.end(), [](std::int32_t error) { return error != 0; });
    if (bad != mapped->errors_.end()) {
        const auto index = static_cast<std::size_t>(bad - mapped->errors_.begin());
        char frame[32];
        std::snprintf(frame, sizeof frame, "%#llx", static_cast<unsigned long long>(frames[index].value));
        return failure(*bad, std::string("cannot map frame ") + frame + " of domain " + std::to_string(domain.value));
    }
    return mapped;
}

Result<ForeignMap> ForeignMap::map(Privcmd& privcmd, DomainId domain, Mfn frame, Access access)
{
    return map(privcmd, domain, std::span(&frame, 1), access);
}

Result<ForeignMap> ForeignMap::map_resource(Privcmd& privcmd, DomainId domain, const Resource& resource)
{
    auto pages = reserve(privcmd, resource.frames, PROT_READ | PROT_WRITE);
    if (!pages)
        return std::unexpected(pages.error());
    uapi::PrivcmdMmapResource block{};
    block.dom = domain.value;
    block.type = resource.type;
    block.id = resource.id;
    block.idx = resource.first;
    block.num = resource.frames;
    block.addr = reinterpret_cast<std::uint64_t>(pages->data());
    Descriptor& device = privcmd.device();
    const long result = device.kernel().ioctl(device.number(), uapi::privcmd_mmap_resource, &block);
    if (result < 0)
        return failure(result, "cannot map resource " + std::to_string(resource.type) + " of domain " +
                                   std::to_string(domain.value));
    return ForeignMap(std::move(*pages), std::vector<std::int32_t>(resource.frames, 0));
}

}  // namespace rf::xen
