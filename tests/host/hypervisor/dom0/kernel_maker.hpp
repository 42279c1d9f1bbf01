// SPDX-License-Identifier: MIT
#pragma once
/// Makes small PV kernels: ELF files with segments and notes of our choice, and bzImages around them.

#include "packers.hpp"
#include "xen/elfnote.h"

#include <elf.h>
#include <optional>
#include <string>

namespace rf::dom0::test {

struct TestSegment {
    std::uint64_t physical;
    Bytes contents;
    std::uint64_t memory_bytes;
    std::uint64_t virtual_address = 0; ///< to be ignored by the loader
};

enum class NotesIn { segment, section, guest_section, nowhere };

/// Defaults resemble Debian's kernel, at a tenth of its size.
struct TestKernel {
    std::vector<TestSegment> segments{{0x100'0000, mixed_bytes(0x12345, 1), 0x20000, 0xffff'ffff'8100'0000},
                                      {0x104'0000, mixed_bytes(0x3000, 2), 0x3000, 0},
                                      {0x104'3000, mixed_bytes(0x4321, 3), 0x9000, 0xffff'ffff'8104'3000}};
    std::optional<std::uint64_t> entry = 0xffff'ffff'8104'31c0;
    std::optional<std::uint64_t> virt_base = 0xffff'ffff'8000'0000;
    std::optional<std::uint64_t> paddr_offset = 0;
    std::optional<std::uint64_t> hypercall_page;
    std::optional<std::uint64_t> init_p2m = 0x80'0000'0000;
    std::optional<std::uint64_t> hv_start_low = 0xffff'8000'0000'0000;
    std::optional<std::uint32_t> supported_features = 0x8801;
    bool mod_start_pfn = true;
    std::string features = "!writable_page_tables|pae_pgdir_above_4gb";
    std::string loader = "generic";
    std::string xen_version = "xen-3.0";
    std::string guest_section = "LOADER=generic,GUEST_OS=mini,XEN_VER=xen-3.0,VIRT_BASE=0xffffffff80000000,"
                                "VIRT_ENTRY=0xffffffff81000100,ELF_PADDR_OFFSET=0x0,FEATURES=writable_page_tables";
    NotesIn where = NotesIn::segment;
};

inline void put(Bytes& bytes, void const* data, std::size_t size)
{
    auto const* from = static_cast<std::uint8_t const*>(data);
    bytes.insert(bytes.end(), from, from + size);
}

class NoteWriter {
public:
    void note(std::uint32_t type, void const* value, std::uint32_t size, std::string const& owner = "Xen")
    {
        Elf64_Nhdr const header{static_cast<Elf64_Word>(owner.size() + 1), size, type};
        put(bytes, &header, sizeof header);
        put(bytes, owner.c_str(), owner.size() + 1);
        bytes.resize((bytes.size() + 3) & ~std::size_t{3});
        put(bytes, value, size);
        bytes.resize((bytes.size() + 3) & ~std::size_t{3});
    }
    void number(std::uint32_t type, std::optional<std::uint64_t> value)
    {
        if (value)
            note(type, &*value, sizeof *value);
    }
    void text(std::uint32_t type, std::string const& value)
    {
        if (!value.empty())
            note(type, value.c_str(), static_cast<std::uint32_t>(value.size() + 1));
    }
    Bytes bytes;
};

inline Bytes make_notes(TestKernel const& kernel)
{
    NoteWriter writer;
    std::uint32_t const something = 17;
    writer.note(1, &something, 4, "GNU"); // another owner's ENTRY
    writer.number(xen::XEN_ELFNOTE_ENTRY, kernel.entry);
    writer.number(xen::XEN_ELFNOTE_VIRT_BASE, kernel.virt_base);
    writer.number(xen::XEN_ELFNOTE_PADDR_OFFSET, kernel.paddr_offset);
    writer.number(xen::XEN_ELFNOTE_HYPERCALL_PAGE, kernel.hypercall_page);
    writer.number(xen::XEN_ELFNOTE_INIT_P2M, kernel.init_p2m);
    writer.number(xen::XEN_ELFNOTE_HV_START_LOW, kernel.hv_start_low);
    if (kernel.supported_features)
        writer.note(xen::XEN_ELFNOTE_SUPPORTED_FEATURES, &*kernel.supported_features, 4);
    std::uint32_t const one = 1;
    if (kernel.mod_start_pfn)
        writer.note(xen::XEN_ELFNOTE_MOD_START_PFN, &one, 4);
    writer.text(xen::XEN_ELFNOTE_FEATURES, kernel.features);
    writer.text(xen::XEN_ELFNOTE_LOADER, kernel.loader);
    writer.text(xen::XEN_ELFNOTE_XEN_VERSION, kernel.xen_version);
    writer.text(xen::XEN_ELFNOTE_GUEST_OS, "linux");
    writer.text(xen::XEN_ELFNOTE_GUEST_VERSION, "2.6");
    writer.text(xen::XEN_ELFNOTE_PAE_MODE, "yes");
    std::uint64_t const valid[2] = {1, 1};
    writer.note(xen::XEN_ELFNOTE_L1_MFN_VALID, valid, sizeof valid);
    writer.note(12345, &one, 4); // unknown
    return writer.bytes;
}

inline Bytes make_elf(TestKernel const& kernel)
{
    Bytes const notes = make_notes(kernel);
    bool const note_segment = kernel.where == NotesIn::segment;
    bool const sections = kernel.where == NotesIn::section || kernel.where == NotesIn::guest_section;
    std::size_t const headers = kernel.segments.size() + note_segment;

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_entry = 0x100'0000; // Xen's protocol does not use it
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<Elf64_Half>(headers);

    Bytes body;
    std::size_t const body_at = sizeof header + headers * sizeof(Elf64_Phdr);
    std::vector<Elf64_Phdr> programs;
    for (TestSegment const& segment : kernel.segments) {
        Elf64_Phdr program{};
        program.p_type = PT_LOAD;
        program.p_offset = body_at + body.size();
        program.p_vaddr = segment.virtual_address;
        program.p_paddr = segment.physical;
        program.p_filesz = segment.contents.size();
        program.p_memsz = segment.memory_bytes;
        programs.push_back(program);
        body.insert(body.end(), segment.contents.begin(), segment.contents.end());
    }
    body.resize((body.size() + 7) & ~std::size_t{7});
    std::size_t const notes_at = body_at + body.size();
    if (note_segment) {
        Elf64_Phdr program{};
        program.p_type = PT_NOTE;
        program.p_offset = notes_at;
        program.p_filesz = program.p_memsz = notes.size();
        programs.push_back(program);
    }
    put(body, notes.data(), kernel.where == NotesIn::nowhere ? 0 : notes.size());
    if (sections) {
        std::size_t const text_at = body_at + body.size();
        put(body, kernel.guest_section.c_str(), kernel.guest_section.size() + 1);
        std::string const names("\0.shstrtab\0__xen_guest\0.notes", 30);
        std::size_t const names_at = body_at + body.size();
        put(body, names.data(), names.size());
        body.resize((body.size() + 7) & ~std::size_t{7});
        header.e_shoff = body_at + body.size();
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shnum = 3;
        header.e_shstrndx = 1;
        Elf64_Shdr table[3]{};
        table[1].sh_name = 1;
        table[1].sh_type = SHT_STRTAB;
        table[1].sh_offset = names_at;
        table[1].sh_size = names.size();
        bool const as_notes = kernel.where == NotesIn::section;
        table[2].sh_name = as_notes ? 23 : 11;
        table[2].sh_type = as_notes ? SHT_NOTE : SHT_PROGBITS;
        table[2].sh_offset = as_notes ? notes_at : text_at;
        table[2].sh_size = as_notes ? notes.size() : kernel.guest_section.size() + 1;
        put(body, table, sizeof table);
    }

    Bytes file;
    put(file, &header, sizeof header);
    put(file, programs.data(), programs.size() * sizeof(Elf64_Phdr));
    file.insert(file.end(), body.begin(), body.end());
    return file;
}

/// A bzImage around `payload`, with some code behind it.
inline Bytes make_bzimage(Bytes const& payload, std::uint8_t setup_sectors = 39, std::uint16_t protocol = 0x20f)
{
    std::size_t const kernel_at = (setup_sectors ? setup_sectors + 1u : 5u) * 512;
    constexpr std::uint32_t payload_offset = 0x2cc;
    Bytes file(kernel_at + payload_offset, 0x90);
    auto const store = [&](std::size_t at, auto value) { std::memcpy(file.data() + at, &value, sizeof value); };
    store(0x1f1, setup_sectors);
    store(0x202, std::uint32_t{0x53726448});
    store(0x206, protocol);
    store(0x248, payload_offset);
    store(0x24c, static_cast<std::uint32_t>(payload.size()));
    file.insert(file.end(), payload.begin(), payload.end());
    file.insert(file.end(), 1000, 0xcc);
    return file;
}

/// The payload as Linux' build makes it: packed data, then the plain size where the format does not end in it.
inline Bytes with_size(Bytes packed, std::size_t plain_size)
{
    append_word(packed, static_cast<std::uint32_t>(plain_size));
    return packed;
}

inline std::span<std::byte const> as_bytes(Bytes const& bytes)
{
    return std::as_bytes(std::span(bytes));
}

} // namespace rf::dom0::test
