// SPDX-License-Identifier: MIT
#include "dom0/elf.hpp"

#include "dom0/codec/bytes.hpp"

#include <algorithm>

namespace rf::dom0 {

using codec::load;

std::span<std::byte const> ElfFile::part(std::uint64_t offset, std::uint64_t size) const
{
    if (offset > file_.size() || size > file_.size() - offset)
        return {};
    return file_.subspan(offset, size);
}

Elf64_Phdr ElfFile::program_header(unsigned index) const
{
    return load<Elf64_Phdr>(file_.data() + header_.e_phoff + index * sizeof(Elf64_Phdr));
}

Elf64_Shdr ElfFile::section_header(unsigned index) const
{
    return load<Elf64_Shdr>(file_.data() + header_.e_shoff + index * sizeof(Elf64_Shdr));
}

Checked ElfFile::check_segments() const
{
    bool loads = false;
    for (unsigned i = 0; i < header_.e_phnum; ++i) {
        Elf64_Phdr const program = program_header(i);
        if (program.p_type != PT_LOAD || program.p_memsz == 0)
            continue;
        loads = true;
        if (program.p_filesz > program.p_memsz)
            return refuse("a damaged ELF file: a segment is larger in the file than in memory");
        if (program.p_offset > file_.size() || program.p_filesz > file_.size() - program.p_offset)
            return refuse("a truncated ELF file: a segment ends behind the file");
        if (program.p_paddr + program.p_memsz < program.p_paddr)
            return refuse("a damaged ELF file: a segment wraps around the address space");
    }
    if (!loads)
        return refuse("an ELF file without anything to load");
    return {};
}

Parsed<ElfFile> ElfFile::open(std::span<std::byte const> file)
{
    ElfFile elf;
    elf.file_ = file;
    if (file.size() < sizeof(Elf64_Ehdr))
        return refuse("not an ELF file: too short");
    elf.header_ = load<Elf64_Ehdr>(file.data());
    Elf64_Ehdr const& header = elf.header_;
    if (!std::equal(header.e_ident, header.e_ident + SELFMAG, ELFMAG))
        return refuse("not an ELF file");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != EM_X86_64)
        return refuse("an ELF file, but not for 64-bit x86 (32-bit PV kernels are not supported)");
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
        return refuse("an ELF file, but not an executable");

    if (header.e_phnum == 0 || header.e_phnum > max_segments || header.e_phentsize != sizeof(Elf64_Phdr) ||
        elf.part(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr)).empty())
        return refuse("a damaged ELF file: no usable program headers");
    bool const sections_readable = header.e_shentsize == sizeof(Elf64_Shdr) && header.e_shnum <= max_sections &&
                                   !elf.part(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr)).empty();
    elf.sections_ = sections_readable ? header.e_shnum : 0;
    TRY_PARSE(elf.check_segments());
    return elf;
}

std::span<std::byte const> ElfFile::section(std::string_view name) const
{
    if (header_.e_shstrndx >= sections_)
        return {};
    Elf64_Shdr const names_header = section_header(header_.e_shstrndx);
    auto const names = part(names_header.sh_offset, names_header.sh_size);
    for (unsigned i = 0; i < sections_; ++i) {
        Elf64_Shdr const section = section_header(i);
        if (section.sh_name >= names.size() || names.size() - section.sh_name <= name.size())
            continue;
        auto const* const text = reinterpret_cast<char const*>(names.data()) + section.sh_name;
        if (section.sh_type != SHT_NOBITS && std::string_view(text, name.size()) == name && text[name.size()] == '\0')
            return part(section.sh_offset, section.sh_size);
    }
    return {};
}

} // namespace rf::dom0
