// SPDX-License-Identifier: MIT
// From a file to a kernel's facts: bzImage, packing, ELF, Xen notes.
//
// Claim: every packing that Linux' build offers is found and unpacked; notes are read from all three places; each thing that
// can be wrong is refused with the sentence that names it; and a hostile file is at worst refused. A failure shows as a
// wrong fact, a missing refusal, or a sanitizer report.

#include "dom0/bzimage.hpp"
#include "dom0/decompress.hpp"
#include "dom0/notes.hpp"
#include "kernel_maker.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace rf::dom0::test {
namespace {

/// The texts among the facts lie in the file: the last one read is kept.
Parsed<KernelNotes> read(Bytes read_now)
{
    static Bytes file;
    file = std::move(read_now);
    auto const elf = ElfFile::open(as_bytes(file));
    if (!elf)
        return std::unexpected(elf.error());
    return read_notes(*elf);
}

/// Expects a refusal whose sentence contains `words`.
template <class T>
void expect_refused(Parsed<T> const& result, std::string_view words)
{
    ASSERT_FALSE(result) << "accepted, although: " << words;
    EXPECT_NE(result.error().what.find(words), std::string_view::npos) << result.error().what;
}

/// Unpacks as the builder does.
Parsed<Bytes> unpack_file(Bytes const& file)
{
    auto const payload = TRY_PARSE(find_payload(as_bytes(file)));
    Packing const packing = identify(payload);
    Bytes out(TRY_PARSE(unpacked_size(packing, payload)));
    std::vector<std::byte> scratch(scratch_size() + 64);
    TRY_PARSE(unpack(packing, payload, std::as_writable_bytes(std::span(out)), scratch));
    return out;
}

TEST(KernelFile, EveryPackingUnpacks)
{
    Bytes const elf = make_elf(TestKernel{});
    struct Case {
        char const* name;
        Bytes payload;
    } const cases[] = {{"xz", with_size(pack_xz(elf), elf.size())},
                       {"xz without size of its own", with_size(pack_xz(elf, {.x86 = false}), elf.size())},
                       {"lzma", with_size(pack_lzma(elf), elf.size())},
                       {"gzip", pack_gzip(elf)},
                       {"zstd", with_size(pack_zstd(elf, 19), elf.size())},
                       {"lz4", with_size(pack_lz4(elf), elf.size())},
                       {"none", elf}};
    for (auto const& [name, payload] : cases)
        for (std::uint8_t const sectors : {std::uint8_t{39}, std::uint8_t{0}, std::uint8_t{1}}) {
            auto const unpacked = unpack_file(make_bzimage(payload, sectors));
            ASSERT_TRUE(unpacked) << name << ": " << unpacked.error().what;
            EXPECT_EQ(*unpacked, elf) << name;
        }
    EXPECT_EQ(unpack_file(elf), elf) << "a plain ELF file is used as it is";
}

TEST(KernelFile, ContainersThatAreNoneAreNamed)
{
    Bytes const elf = make_elf(TestKernel{});
    Bytes const good = with_size(pack_xz(elf), elf.size());
    expect_refused(find_payload(as_bytes(Bytes(4096, 0))), "neither a Linux bzImage nor an ELF");
    expect_refused(find_payload({}), "neither a Linux bzImage nor an ELF");
    expect_refused(find_payload(as_bytes(make_bzimage(good, 39, 0x207))), "2.08");
    expect_refused(find_payload(as_bytes(make_bzimage({}))), "without payload");
    Bytes cut = make_bzimage(good);
    cut.resize(cut.size() - 1001);
    expect_refused(find_payload(as_bytes(cut)), "truncated");
    expect_refused(unpack_file(make_bzimage(Bytes(100, 1))), "neither ELF nor any compression");
    expect_refused(unpack_file(make_bzimage({'B', 'Z', 'h', '9', 1, 2, 3, 4, 5, 6})), "not supported");
    expect_refused(unpack_file(make_bzimage({0x1f, 0x8b, 8})), "too short");
    expect_refused(unpack_file(make_bzimage(with_size(pack_xz(elf), elf.size() + 1))), "another size");
    expect_refused(unpack_file(make_bzimage(with_size(pack_xz(elf), elf.size() - 1))), "more data");
}

TEST(KernelFile, NotesAreReadFromSegmentsAndSections)
{
    for (NotesIn const where : {NotesIn::segment, NotesIn::section}) {
        TestKernel kernel;
        kernel.where = where;
        kernel.hypercall_page = 0xffff'ffff'8100'1000;
        auto const notes = read(make_elf(kernel));
        ASSERT_TRUE(notes) << notes.error().what;
        EXPECT_EQ(notes->entry, 0xffff'ffff'8104'31c0);
        EXPECT_EQ(notes->virt_base, 0xffff'ffff'8000'0000);
        EXPECT_EQ(notes->image_start, 0xffff'ffff'8100'0000);
        EXPECT_EQ(notes->image_end, 0xffff'ffff'8104'c000) << "by p_paddr, not p_vaddr, and to the end in memory";
        EXPECT_EQ(notes->hypercall_page, 0xffff'ffff'8100'1000);
        EXPECT_EQ(notes->init_p2m, 0x80'0000'0000);
        EXPECT_TRUE(notes->mod_start_pfn);
        EXPECT_TRUE(notes->pae);
        EXPECT_EQ(notes->required_features, 1u);
        EXPECT_EQ(notes->supported_features, 0x8801u);
        EXPECT_EQ(notes->guest_os, "linux");
        EXPECT_EQ(notes->l1_valid_mask, 1u);
        EXPECT_TRUE(check_dom0_capable(*notes));
    }
}

TEST(KernelFile, TheOldTextSectionIsUnderstood)
{
    TestKernel kernel;
    kernel.where = NotesIn::guest_section;
    auto const notes = read(make_elf(kernel));
    ASSERT_TRUE(notes) << notes.error().what;
    EXPECT_EQ(notes->entry, 0xffff'ffff'8100'0100);
    EXPECT_EQ(notes->image_start, 0xffff'ffff'8100'0000);
    EXPECT_FALSE(notes->mod_start_pfn);
    EXPECT_FALSE(notes->init_p2m);
    EXPECT_EQ(notes->guest_os, "mini");

    // Without ELF_PADDR_OFFSET such images have virtual addresses in p_paddr; the hypercall page is a page number.
    kernel.guest_section = "LOADER=generic,VIRT_BASE=0xffffffff80000000,VIRT_ENTRY=0xffffffff81000100,HYPERCALL_PAGE=0x1002";
    for (auto& segment : kernel.segments)
        segment.physical += 0xffff'ffff'8000'0000;
    auto const old = read(make_elf(kernel));
    ASSERT_TRUE(old) << old.error().what;
    EXPECT_EQ(old->image_start, 0xffff'ffff'8100'0000);
    EXPECT_EQ(old->hypercall_page, 0xffff'ffff'8100'2000);
}

TEST(KernelFile, PaddrOffsetMovesTheImage)
{
    TestKernel kernel;
    kernel.paddr_offset = 0x80'0000;
    auto const notes = read(make_elf(kernel));
    expect_refused(notes, "entry point lies outside");
    kernel.entry = *kernel.entry - 0x80'0000;
    auto const moved = read(make_elf(kernel));
    ASSERT_TRUE(moved) << moved.error().what;
    EXPECT_EQ(moved->image_start, 0xffff'ffff'8080'0000);
    kernel.paddr_offset = 0x200'0000;
    expect_refused(read(make_elf(kernel)), "below PADDR_OFFSET");
}

TEST(KernelFile, EachReasonIsNamed)
{
    auto const with = [](auto change) {
        TestKernel kernel;
        change(kernel);
        return read(make_elf(kernel));
    };
    expect_refused(with([](auto& k) { k.where = NotesIn::nowhere; }), "no Xen ELF notes");
    expect_refused(with([](auto& k) { k.entry.reset(); }), "not a PV kernel: it has no XEN_ELFNOTE_ENTRY");
    expect_refused(with([](auto& k) { k.entry = 0x1000; }), "entry point lies outside");
    expect_refused(with([](auto& k) { k.loader = "grub"; }), "loader");
    expect_refused(with([](auto& k) { k.xen_version = "xen-4.0"; }), "interface");
    expect_refused(with([](auto& k) { k.features = "!teleportation"; }), "feature we do not know");
    expect_refused(with([](auto& k) { k.features = "!supervisor_mode_kernel"; }), "supervisor_mode_kernel");
    expect_refused(with([](auto& k) { k.hv_start_low = 0xffff'c000'0000'0000; }), "HV_START_LOW");
    expect_refused(with([](auto& k) { k.init_p2m = 0xffff'ffff'8100'0000; }), "INIT_P2M");
    expect_refused(with([](auto& k) { k.init_p2m = 0x8000'0000'0000; }), "INIT_P2M");
    expect_refused(with([](auto& k) { k.init_p2m = 0x80'0000'0800; }), "INIT_P2M");
    expect_refused(with([](auto& k) { k.hypercall_page = 0xffff'ffff'9000'0000; }), "hypercall page");
    expect_refused(with([](auto& k) { k.hypercall_page = 0xffff'ffff'8100'0800; }), "hypercall page");
    expect_refused(with([](auto& k) { k.virt_base = 0xffff'ffff'8000'0800; }), "not page-aligned");
    expect_refused(with([](auto& k) { k.segments[0].memory_bytes = 1; }), "larger in the file");
    expect_refused(with([](auto& k) { k.segments[0].physical = ~0ull - 0x1000; }), "wraps");
    expect_refused(with([](auto& k) { k.segments[0].memory_bytes = 1ull << 40; }), "does not fit the address space");
    EXPECT_TRUE(with([](auto& k) { k.features = "teleportation|writable_page_tables"; })) << "only supported, not required";

    TestKernel guest_only;
    guest_only.supported_features = 0x1;
    auto const notes = read(make_elf(guest_only));
    ASSERT_TRUE(notes);
    expect_refused(check_dom0_capable(*notes), "cannot be the first domain");
}

TEST(KernelFile, ElfHeadersThatAreNotOursAreNamed)
{
    auto const with = [](std::size_t at, std::uint64_t value, std::size_t size) {
        Bytes file = make_elf(TestKernel{});
        std::memcpy(file.data() + at, &value, size);
        return read(file);
    };
    expect_refused(with(offsetof(Elf64_Ehdr, e_machine), EM_AARCH64, 2), "not for 64-bit x86");
    expect_refused(with(EI_CLASS, ELFCLASS32, 1), "not for 64-bit x86");
    expect_refused(with(offsetof(Elf64_Ehdr, e_type), ET_REL, 2), "not an executable");
    expect_refused(with(offsetof(Elf64_Ehdr, e_phoff), ~0ull, 8), "program headers");
    expect_refused(with(offsetof(Elf64_Ehdr, e_phnum), 0, 2), "program headers");
    expect_refused(with(offsetof(Elf64_Ehdr, e_phnum), 0xffff, 2), "program headers");
    expect_refused(with(sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_offset), ~0ull - 5, 8), "truncated");
    expect_refused(read(Bytes(10, 0x7f)), "too short");
}

TEST(KernelFile, HostileFilesAreHarmless)
{
    // 24,000 variants of good files: bytes changed in the headers and notes, numbers set to extremes, ends cut off.
    std::mt19937_64 random(20261122);
    constexpr std::uint64_t extremes[] = {0, 1, 0x7fff'ffff'ffff'ffff, ~0ull, 0x8000'0000'0000'0000, 0xffff'ffff, 0x1000};
    unsigned accepted = 0;
    for (NotesIn const where : {NotesIn::segment, NotesIn::section, NotesIn::guest_section}) {
        TestKernel kernel;
        kernel.where = where;
        for (auto& segment : kernel.segments)
            segment.contents.resize(64);
        Bytes const good = make_elf(kernel);
        for (int round = 0; round < 8000; ++round) {
            Bytes bad = good;
            for (auto changes = random() % 6 + 1; changes; --changes) {
                std::size_t const at = random() % (random() % 3 ? bad.size() : 300);
                std::uint64_t const value = extremes[random() % std::size(extremes)];
                if (random() % 2)
                    bad[at] = static_cast<std::uint8_t>(random());
                else
                    std::memcpy(bad.data() + at, &value, std::min<std::size_t>(8, bad.size() - at));
            }
            if (random() % 5 == 0)
                bad.resize(random() % bad.size());
            bad.shrink_to_fit();
            auto const notes = read(bad);
            if (!notes) {
                EXPECT_FALSE(notes.error().what.empty());
                continue;
            }
            ++accepted;
            EXPECT_GE(notes->entry, notes->image_start);
            EXPECT_LT(notes->entry, notes->image_end);
            EXPECT_LE(notes->virt_base, notes->image_start);
        }
    }
    EXPECT_GT(accepted, 100u) << "the mutations must not all die at the first check";
}

TEST(KernelFile, HostileBzImagesAreHarmless)
{
    std::mt19937 random(99);
    Bytes const elf = make_elf(TestKernel{});
    Bytes const good = make_bzimage(with_size(pack_zstd(elf), elf.size()), 1);
    for (int round = 0; round < 3000; ++round) {
        Bytes bad = good;
        for (auto changes = random() % 4 + 1; changes; --changes)
            bad[0x1f0 + random() % 0x60] = static_cast<std::uint8_t>(random());
        if (random() % 3 == 0)
            bad.resize(random() % bad.size());
        bad.shrink_to_fit();
        auto const payload = find_payload(as_bytes(bad));
        if (!payload)
            continue;
        EXPECT_GE(reinterpret_cast<std::uint8_t const*>(payload->data()), bad.data());
        EXPECT_LE(reinterpret_cast<std::uint8_t const*>(payload->data()) + payload->size(), bad.data() + bad.size());
        Packing const packing = identify(*payload);
        if (auto const size = unpacked_size(packing, *payload); size && *size < (4u << 20)) {
            Bytes out(*size);
            std::vector<std::byte> scratch(scratch_size());
            static_cast<void>(unpack(packing, *payload, std::as_writable_bytes(std::span(out)), scratch).has_value());
        }
    }
}

/// Debian's kernel as the package fetch left it (make deps), or the machine's own.
std::filesystem::path debian_kernel()
{
    for (char const* directory : {"build/packages/root/boot", "/boot"}) {
        std::error_code ignored;
        for (auto const& entry : std::filesystem::directory_iterator(directory, ignored))
            if (entry.path().filename().string().starts_with("vmlinuz-6.1."))
                return entry.path();
    }
    return {};
}

TEST(KernelFile, DebiansKernelIsRead)
{
    auto const path = debian_kernel();
    ASSERT_FALSE(path.empty()) << "no Debian kernel: build target build/packages/complete fetches it";
    std::ifstream stream(path, std::ios::binary);
    Bytes const file((std::istreambuf_iterator<char>(stream)), {});
    auto const elf = unpack_file(file);
    ASSERT_TRUE(elf) << elf.error().what;
    auto const notes = read(*elf);
    ASSERT_TRUE(notes) << notes.error().what;
    EXPECT_EQ(notes->virt_base, 0xffff'ffff'8000'0000);
    EXPECT_EQ(notes->image_start, 0xffff'ffff'8100'0000);
    EXPECT_EQ(notes->image_end % 0x1000, 0u);
    EXPECT_GT(notes->entry, notes->image_start);
    EXPECT_FALSE(notes->hypercall_page);
    EXPECT_EQ(notes->init_p2m, 0x80'0000'0000);
    EXPECT_EQ(notes->hv_start_low, 0xffff'8000'0000'0000);
    EXPECT_TRUE(notes->mod_start_pfn);
    EXPECT_EQ(notes->supported_features, 0x8801u);
    EXPECT_TRUE(check_dom0_capable(*notes));
    bool zero_vaddr_segment_is_inside = true;
    auto const file_elf = ElfFile::open(as_bytes(*elf));
    unsigned segments = 0;
    file_elf->for_each_segment([&](Segment const& segment) {
        ++segments;
        zero_vaddr_segment_is_inside &= notes->pseudo_physical(segment) >= 0x100'0000;
    });
    EXPECT_EQ(segments, 4u);
    EXPECT_TRUE(zero_vaddr_segment_is_inside);
}

} // namespace
} // namespace rf::dom0::test
