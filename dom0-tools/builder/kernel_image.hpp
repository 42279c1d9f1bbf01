// SPDX-License-Identifier: MIT
#pragma once
/// A guest's kernel, ready to be placed: the file given, unpacked if need be, parsed as ELF, its Xen notes read and found fit
/// for a paravirtual guest. Move-only; `elf` and the texts of `notes` point into memory that this object owns.

#include <memory>
#include <string>

#include "builder/file_view.hpp"
#include "builder/kernel_cache.hpp"
#include "dom0/notes.hpp"

namespace rf::builder {

class KernelImage {
public:
    /// Loads the kernel at `path`; an unpacked form is taken from, or put into, the cache.
    [[nodiscard]] static Result<KernelImage> load(const std::string& path, const KernelCache& cache);

    [[nodiscard]] const dom0::ElfFile& elf() const { return elf_; }
    [[nodiscard]] const dom0::KernelNotes& notes() const { return notes_; }

private:
    [[nodiscard]] Result<std::span<const std::byte>> unpack(const std::string& path, std::span<const std::byte> payload);

    FileView file_;                           ///< the source, or its unpacked form in the cache
    std::unique_ptr<std::byte[]> unpacked_;   ///< when it was unpacked just now
    std::size_t unpacked_bytes_ = 0;
    dom0::ElfFile elf_;
    dom0::KernelNotes notes_;
};

}  // namespace rf::builder
