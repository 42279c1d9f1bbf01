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

Result<std::span<const std::byte>> KernelImage::unpack(const std::string& path, std::span<const std::byte> payload)
{
    const dom0::Packing packing = dom0::identify(payload);
    if (packing == dom0::Packing::none)
        return payload;
    const auto size = dom0::unpacked_size(packing, payload);
    if (!size)
        return unfit(path, size.error());
    if (*size > most_kernel_bytes)
        return fail(Kind::invalid, "kernel " + path + ": it claims to unpack to " + std::to_string(*size) + " bytes, more than any kernel");
    unpacked_ = std::make_unique_for_overwrite<std::byte[]>(*size);
    unpacked_bytes_ = *size;
    const std::size_t scratch_bytes = dom0::scratch_size();
    const std::unique_ptr<std::byte, decltype(&std::free)> scratch(
        static_cast<std::byte*>(std::aligned_alloc(64, (scratch_bytes + 63) / 64 * 64)), std::free);
    if (!scratch)
        return fail(Kind::no_resource, "no memory to unpack kernel " + path);
    const std::span<std::byte> out(unpacked_.get(), unpacked_bytes_);
    if (const auto done = dom0::unpack(packing, payload, out, {scratch.get(), scratch_bytes}); !done)
        return unfit(path, done.error());
    return out;
}

Result<KernelImage> KernelImage::load(const std::string& path, const KernelCache& cache)
{
    KernelImage image;
    image.file_ = BUILD_TRY(FileView::open(path, "kernel"));
    std::span<const std::byte> kernel = image.file_.bytes();
    if (!dom0::is_elf(kernel)) {
        const std::string key = KernelCache::key_of(image.file_.status());
        if (auto cached = cache.find(key)) {
            image.file_ = std::move(*cached);
            kernel = image.file_.bytes();
        } else {
            const auto payload = dom0::find_payload(kernel);
            if (!payload)
                return unfit(path, payload.error());
            kernel = BUILD_TRY(image.unpack(path, *payload));
            if (image.unpacked_)
                cache.keep(key, kernel);
        }
    }
    const auto elf = dom0::ElfFile::open(kernel);
    if (!elf)
        return unfit(path, elf.error());
    image.elf_ = *elf;
    const auto notes = dom0::read_notes(image.elf_);
    if (!notes)
        return unfit(path, notes.error());
    image.notes_ = *notes;
    return image;
}

}  // namespace rf::builder
