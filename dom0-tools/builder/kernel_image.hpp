// SPDX-License-Identifier: MIT
#pragma once
/// A guest's kernel, ready to be placed: the file given, unpacked if need be, parsed as ELF, its Xen notes read and found fit
/// for a paravirtual guest. Move-only; `elf` and the texts of `notes` point into memory that this object owns.

#include <string>

#include "builder/file_view.hpp"
#include "builder/kernel_cache.hpp"
#include "builder/memory_block.hpp"
#include "builder/source.hpp"
#include "dom0/notes.hpp"

namespace rf::builder {

class KernelImage {
public:
    /// Opens the kernel at `path`: whole and checked if it is plain or in the cache; else it is_packed(), and only its
    /// wrapping has been checked.
    [[nodiscard]] static Result<KernelImage> open(const std::string& path, const KernelCache& cache);
    /// Unpacks and checks a packed kernel. Takes seconds.
    [[nodiscard]] Result<void> unpack();
    /// Puts what was unpacked into the cache; nothing to do for others.
    void keep(const KernelCache& cache) const;

    [[nodiscard]] bool was_unpacked() const { return !unpacked_.bytes().empty(); }
    [[nodiscard]] bool is_packed() const { return !payload_.empty(); }
    /// The bytes of one of its segments.
    [[nodiscard]] Source contents(const dom0::Segment& segment) const
    {
        return was_unpacked() ? Source(segment.contents) : Source(file_, segment.contents);
    }
    [[nodiscard]] const dom0::ElfFile& elf() const { return elf_; }
    [[nodiscard]] const dom0::KernelNotes& notes() const { return notes_; }

private:
    [[nodiscard]] Result<void> parse(std::span<const std::byte> kernel);

    std::string path_;
    FileView file_;                         ///< the source, or its unpacked form in the cache
    std::span<const std::byte> payload_;    ///< in the source: what is still to be unpacked
    MemoryBlock unpacked_;
    dom0::ElfFile elf_;
    dom0::KernelNotes notes_;
};

}  // namespace rf::builder
