// SPDX-License-Identifier: MIT
#include "builder/kernel_image.hpp"

#include "dom0/bzimage.hpp"
#include "dom0/decompress.hpp"

namespace rf::builder {
namespace {

/// No kernel is larger; a packed one that claims to be would only exhaust memory.
constexpr std::uint64_t most_kernel_bytes = 1ull << 30;

std::unexpected<Failure> unfit(const std::string& path, dom0::Problem problem)
{
    return fail(Kind::invalid, "kernel " + path + ": " + std::string(problem.what));
}

}  // namespace

Result<KernelImage> KernelImage::open(const std::string& path, const KernelCache& cache)
{
    KernelImage image;
    image.path_ = path;
    image.file_ = BUILD_TRY(FileView::open(path, "kernel"));
    std::span<const std::byte> kernel = image.file_.bytes();
    if (!dom0::is_elf(kernel)) {
        if (auto cached = cache.find(KernelCache::key_of(image.file_.status()))) {
            image.file_ = std::move(*cached);
            kernel = image.file_.bytes();
        } else {
            const auto payload = dom0::find_payload(kernel);
            if (!payload)
                return unfit(path, payload.error());
            kernel = *payload;
            if (dom0::identify(kernel) != dom0::Packing::none) {
                image.payload_ = kernel;
                return image;
            }
        }
    }
    BUILD_CHECK(image.parse(kernel));
    return image;
}

Result<void> KernelImage::unpack()
{
    const dom0::Packing packing = dom0::identify(payload_);
    const auto size = dom0::unpacked_size(packing, payload_);
    if (!size)
        return unfit(path_, size.error());
    if (*size > most_kernel_bytes)
        return fail(Kind::invalid, "kernel " + path_ + ": it claims to unpack to " + std::to_string(*size) + " bytes, more than any kernel");
    auto out = MemoryBlock::allocate(*size);
    auto scratch = MemoryBlock::allocate(dom0::scratch_size());
    if (!out || !scratch)
        return fail(Kind::no_resource, "no memory to unpack kernel " + path_ + " (" + std::to_string(*size >> 20) + " MiB)");
    if (const auto done = dom0::unpack(packing, payload_, out->bytes(), scratch->bytes()); !done)
        return unfit(path_, done.error());
    BUILD_CHECK(parse(out->bytes()));
    unpacked_ = std::move(*out);
    payload_ = {};
    return {};
}

void KernelImage::keep(const KernelCache& cache) const
{
    if (was_unpacked())
        cache.keep(KernelCache::key_of(file_.status()), unpacked_.bytes());
}

Result<void> KernelImage::parse(std::span<const std::byte> kernel)
{
    const auto elf = dom0::ElfFile::open(kernel);
    if (!elf)
        return unfit(path_, elf.error());
    const auto notes = dom0::read_notes(*elf);
    if (!notes)
        return unfit(path_, notes.error());
    elf_ = *elf;
    notes_ = *notes;
    return {};
}

}  // namespace rf::builder
