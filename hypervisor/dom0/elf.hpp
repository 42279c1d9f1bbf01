// SPDX-License-Identifier: MIT
#pragma once
/// A kernel's ELF64 file: segments to load, and the places that may hold Xen notes. Every number of the file is checked
/// against the file before it is used; a view of the file is all that is kept.

#include "dom0/problem.hpp"

#include <cstddef>
#include <cstdint>
#include <elf.h>
#include <span>

namespace rf::dom0 {

/// A PT_LOAD segment with memory. Where it goes follows from its physical address alone: p_vaddr of some segments is
/// meaningless (Linux' per-CPU data have 0).
struct Segment {
    std::span<std::byte const> contents; ///< the rest up to `memory_bytes` is zero
    std::uint64_t physical;
    std::uint64_t memory_bytes;
};

class ElfFile {
public:
    /// Accepts an ELF64 little-endian executable for x86-64.
    [[nodiscard]] static Parsed<ElfFile> open(std::span<std::byte const> file);

    /// Calls function(Segment const&) for each segment to load, in file order.
    template <class Function>
    void for_each_segment(Function function) const
    {
        for (unsigned i = 0; i < header_.e_phnum; ++i)
            if (Elf64_Phdr const program = program_header(i); program.p_type == PT_LOAD && program.p_memsz)
                function(Segment{part(program.p_offset, program.p_filesz), program.p_paddr, program.p_memsz});
    }
    /// Calls function(span of notes) for each PT_NOTE segment.
    template <class Function>
    void for_each_note_segment(Function function) const
    {
        for (unsigned i = 0; i < header_.e_phnum; ++i)
            if (Elf64_Phdr const program = program_header(i); program.p_type == PT_NOTE)
                function(part(program.p_offset, program.p_filesz));
    }
    /// Calls function(span of notes) for each SHT_NOTE section.
    template <class Function>
    void for_each_note_section(Function function) const
    {
        for (unsigned i = 0; i < sections_; ++i)
            if (Elf64_Shdr const section = section_header(i); section.sh_type == SHT_NOTE)
                function(part(section.sh_offset, section.sh_size));
    }
    /// Contents of the first section with this name; empty when there is none.
    [[nodiscard]] std::span<std::byte const> section(std::string_view name) const;

    /// e_entry. Xen's protocol does not use it, except with the old __xen_guest section.
    [[nodiscard]] std::uint64_t entry() const { return header_.e_entry; }

    /// Most segments that we look at.
    static constexpr unsigned max_segments = 256;
    /// Most sections that we look at; more are ignored.
    static constexpr unsigned max_sections = 4096;

    /// Of no file; to be assigned to.
    ElfFile() = default;

private:
    /// [offset, offset + size) of the file; empty where that leaves the file.
    [[nodiscard]] std::span<std::byte const> part(std::uint64_t offset, std::uint64_t size) const;
    [[nodiscard]] Elf64_Phdr program_header(unsigned index) const;
    [[nodiscard]] Elf64_Shdr section_header(unsigned index) const;
    Checked check_segments() const;

    std::span<std::byte const> file_;
    Elf64_Ehdr header_{};
    unsigned sections_ = 0; ///< readable section headers
};

} // namespace rf::dom0
