// SPDX-License-Identifier: MIT
// The whole construction of the first domain, on a machine of plain memory.
//
// Claim: what the new kernel finds through its page tables is what the ABI promises: the window maps frame n at VIRT_BASE
// + n pages; only page tables are read-only; p2m, M2P and page tables agree; the image, the initrd and start_info hold
// what they should; memory below 4 GiB is left for swiotlb. A walker checks all of it through the tables alone, as the
// guest's processor would. A failure shows as a page that leads elsewhere, or a wrong bit.
// Claim 2: a bad kernel, too long a command line or too little memory end in one log line and an error.

#include "dom0/builder.hpp"
#include "dom0/low_memory_reserve.hpp"
#include "kernel_maker.hpp"
#include "machine.hpp"
#include "pvmmu/entry.hpp"
#include "xen/start_info.h"

#include <gtest/gtest.h>
#include <set>

namespace rf::dom0::test {
namespace {

using pvmmu::Entry;

constexpr std::uint64_t mebibyte = 1u << 20;
constexpr std::uint64_t kernel_at = 32 * mebibyte;
constexpr std::uint64_t initrd_at = 48 * mebibyte;

class BuilderTest : public testing::Test {
protected:
    /// RAM as given; the files lie at 32 and 48 MiB, memory from 64 MiB on is free.
    void start(Bytes const& kernel, Bytes const& initrd, std::vector<Ram> const& ram)
    {
        machine_.emplace(ram);
        for (Ram const& range : ram) {
            std::uint64_t const first = std::max(range.start, 64 * mebibyte);
            if (first < range.start + range.size)
                Machine::free(first, range.start + range.size - first);
        }
        std::ranges::copy(kernel, reinterpret_cast<std::uint8_t*>(direct(Mfn{kernel_at >> page_shift})));
        auto* const file = reinterpret_cast<std::uint8_t*>(direct(Mfn{initrd_at >> page_shift}));
        std::fill_n(file, initrd.size() + page_size, 0xee); // what lies behind the initrd
        std::ranges::copy(initrd, file);
        request_.kernel = {{kernel_at}, kernel.size()};
        request_.initrd = {{initrd_at}, initrd.size()};
        request_.command_line = "console=hvc0 root=/dev/ram0";
        memory_.emplace(domain_zero);
        ASSERT_TRUE(memory_->enter());
        free_before_ = mm::allocator.free_frames();
    }
    void TearDown() override
    {
        if (memory_)
            memory_->leave();
    }

    Result<BuiltImage> build() { return build_image(*memory_, shared_info_, request_); }

    /// The leaf entry for `address`; 0 when some level has none.
    [[nodiscard]] static Entry walk(Mfn root, std::uint64_t address)
    {
        Mfn table = root;
        for (unsigned level = 4; level > 1; --level) {
            Entry const entry{direct_as<std::uint64_t>(table)[pvmmu::table_index(address, level)]};
            if (!entry.is_present())
                return {};
            EXPECT_TRUE(entry.is_writable() && entry.has(Entry::user) && entry.has(Entry::accessed));
            EXPECT_FALSE(entry.has(Entry::large));
            table = entry.frame();
        }
        return Entry{direct_as<std::uint64_t>(table)[pvmmu::table_index(address, 1)]};
    }
    /// Copies through the page tables.
    [[nodiscard]] static Bytes read(Mfn root, std::uint64_t address, std::size_t count)
    {
        Bytes bytes;
        while (bytes.size() < count) {
            std::uint64_t const at = address + bytes.size();
            Entry const entry = walk(root, at);
            if (!entry.is_present())
                throw std::runtime_error("not mapped");
            std::size_t const piece = std::min<std::size_t>(count - bytes.size(), page_size - at % page_size);
            put(bytes, direct(entry.frame()) + at % page_size, piece);
        }
        return bytes;
    }
    [[nodiscard]] static xen::start_info read_info(BuiltImage const& image)
    {
        xen::start_info info;
        std::memcpy(&info, read(image.root, image.start_info, sizeof info).data(), sizeof info);
        return info;
    }
    [[nodiscard]] static std::uint64_t p2m_entry(BuiltImage const& image, xen::start_info const& info, std::uint64_t pfn)
    {
        std::uint64_t mfn;
        std::memcpy(&mfn, read(image.root, info.mfn_list + pfn * 8, 8).data(), 8);
        return mfn;
    }

    /// All that the ABI promises about any built domain.
    void expect_sound(BuiltImage const& image, TestKernel const& kernel, Bytes const& initrd);
    void expect_segments(BuiltImage const& image, TestKernel const& kernel);
    void expect_window(BuiltImage const& image, TestKernel const& kernel, xen::start_info const& info);
    void expect_translations(BuiltImage const& image, xen::start_info const& info);

    std::optional<Machine> machine_;
    std::optional<mm::DomainMemory> memory_;
    Request request_;
    Mfn shared_info_{17};
    std::uint64_t free_before_ = 0;
};

void BuilderTest::expect_segments(BuiltImage const& image, TestKernel const& kernel)
{
    for (TestSegment const& segment : kernel.segments) {
        std::uint64_t const at = segment.physical - *kernel.paddr_offset + *kernel.virt_base;
        Bytes expected = segment.contents;
        expected.resize(segment.memory_bytes);
        Bytes found = read(image.root, at, segment.memory_bytes);
        if (kernel.hypercall_page && *kernel.hypercall_page >= at && *kernel.hypercall_page < at + segment.memory_bytes) {
            std::size_t const page = *kernel.hypercall_page - at;
            EXPECT_EQ(found[page], 0x51) << "push %rcx begins each stub";
            std::copy_n(found.begin() + static_cast<std::ptrdiff_t>(page), page_size,
                        expected.begin() + static_cast<std::ptrdiff_t>(page));
        }
        EXPECT_EQ(found, expected);
    }
}

void BuilderTest::expect_window(BuiltImage const& image, TestKernel const& kernel, xen::start_info const& info)
{
    std::uint64_t const base = *kernel.virt_base;
    std::uint64_t const end = ((image.stack_top + (512u << 10)) + (4 * mebibyte - 1)) & ~(4 * mebibyte - 1);
    std::uint64_t const tables_end = info.pt_base + info.nr_pt_frames * page_size;
    std::set<std::uint64_t> tables_seen;
    for (std::uint64_t at = base; at < end; at += page_size) {
        Entry const entry = walk(image.root, at);
        ASSERT_TRUE(entry.is_present()) << std::hex << at;
        ASSERT_EQ(entry.frame().value, p2m_entry(image, info, (at - base) >> page_shift)) << std::hex << at;
        bool const is_table = at >= info.pt_base && at < tables_end;
        ASSERT_EQ(entry.is_writable(), !is_table) << std::hex << at;
        ASSERT_TRUE(entry.has(Entry::user));
        ASSERT_TRUE(entry.has(Entry::guest_kernel));
        ASSERT_FALSE(entry.has(Entry::cache_bits | Entry::global | Entry::no_execute));
        if (is_table)
            tables_seen.insert(entry.frame().value);
    }
    EXPECT_FALSE(walk(image.root, end).is_present()) << "nothing is mapped behind the window";
    EXPECT_EQ(walk(image.root, info.pt_base).frame(), image.root) << "the top level comes first";
    EXPECT_EQ(tables_seen.size(), info.nr_pt_frames);

    // Every table that the processor uses for the window is among those announced; hypervisor slots are left alone.
    auto const* const root = direct_as<std::uint64_t>(image.root);
    for (unsigned slot = 256; slot < 272; ++slot)
        EXPECT_EQ(root[slot], 0u);
    for (std::uint64_t at = base; at < end; at += 2 * mebibyte) {
        Mfn table = image.root;
        for (unsigned level = 4; level > 1; --level) {
            table = Entry{direct_as<std::uint64_t>(table)[pvmmu::table_index(at, level)]}.frame();
            ASSERT_TRUE(tables_seen.contains(table.value));
        }
    }
}

void BuilderTest::expect_translations(BuiltImage const& image, xen::start_info const& info)
{
    std::set<std::uint64_t> frames;
    for (std::uint64_t pfn = 0; pfn < info.nr_pages; ++pfn) {
        std::uint64_t const mfn = p2m_entry(image, info, pfn);
        ASSERT_LT(mfn, machine_->frame_count());
        ASSERT_TRUE(frames.insert(mfn).second) << "frame twice";
        ASSERT_EQ(mm::m2p(Mfn{mfn}).value, pfn);
        mm::Frame const& frame = mm::frames[Mfn{mfn}];
        ASSERT_EQ(frame.owner_id(), domain_zero);
        ASSERT_TRUE(frame.load().allocated());
        ASSERT_EQ(frame.load().type(), mm::FrameType::none);
        ASSERT_EQ(frame.load().references(), 1u);
    }
    std::uint64_t const end = (info.nr_pages + 511) & ~511ull;
    for (std::uint64_t pfn = info.nr_pages; pfn < end; ++pfn)
        ASSERT_EQ(p2m_entry(image, info, pfn), ~0ull) << "the last page is filled";
    for (std::uint64_t at = info.mfn_list; at < info.mfn_list + end * 8; at += page_size)
        ASSERT_TRUE(walk(image.root, at).is_writable());
}

void BuilderTest::expect_sound(BuiltImage const& image, TestKernel const& kernel, Bytes const& initrd)
{
    xen::start_info const info = read_info(image);
    EXPECT_EQ(std::string(info.magic), "xen-3.0-x86_64p");
    EXPECT_EQ(info.nr_pages, image.pages);
    EXPECT_EQ(info.nr_pages, memory_->pages());
    EXPECT_EQ(info.shared_info, shared_info_.value << page_shift);
    EXPECT_EQ(info.store_mfn, 0u);
    EXPECT_EQ(info.store_evtchn, 0u);
    EXPECT_EQ(std::string(info.cmd_line), request_.command_line);
    EXPECT_EQ(info.flags & 0xff,
              unsigned{xen::SIF_PRIVILEGED | xen::SIF_INITDOMAIN} |
                  (kernel.mod_start_pfn && !initrd.empty() ? unsigned{xen::SIF_MOD_START_PFN} : 0u));
    EXPECT_EQ(image.entry, *kernel.entry);
    EXPECT_EQ(image.stack_top, info.pt_base + (info.nr_pt_frames + 1) * page_size);
    expect_segments(image, kernel);
    expect_window(image, kernel, info);
    expect_translations(image, info);

    EXPECT_EQ(info.mod_len, initrd.size());
    if (!initrd.empty()) {
        std::uint64_t const first =
            kernel.mod_start_pfn ? info.mod_start : (info.mod_start - *kernel.virt_base) >> page_shift;
        for (std::size_t at = 0; at < initrd.size(); at += page_size) {
            Mfn const mfn{p2m_entry(image, info, first + at / page_size)};
            ASSERT_EQ(mfn.value, (initrd_at + at) >> page_shift) << "the initrd is not copied";
        }
        auto const* const file = reinterpret_cast<std::uint8_t const*>(direct(Mfn{initrd_at >> page_shift}));
        EXPECT_EQ(std::memcmp(file, initrd.data(), initrd.size()), 0) << "passed on untouched";
        for (std::size_t at = initrd.size(); at % page_size; ++at)
            ASSERT_EQ(file[at], 0) << "what lay behind the initrd is not Dom0's business";
    }
    if (kernel.init_p2m) {
        EXPECT_EQ(info.mfn_list, *kernel.init_p2m);
        std::uint64_t const array = (info.nr_pages * 8 + page_size - 1) / page_size;
        EXPECT_GE(info.nr_p2m_frames, array + 3);
        EXPECT_EQ(p2m_entry(image, info, info.first_p2m_pfn), walk(image.root, info.mfn_list).frame().value);
    } else {
        EXPECT_EQ(info.first_p2m_pfn, 0u);
        EXPECT_EQ(info.nr_p2m_frames, 0u);
    }
}

std::vector<Ram> const small{{0, 256 * mebibyte}};

TEST_F(BuilderTest, LinuxLikeKernel)
{
    TestKernel const kernel;
    Bytes const initrd = mixed_bytes(123'457, 9);
    Bytes const elf = make_elf(kernel);
    start(make_bzimage(with_size(pack_xz(elf), elf.size())), initrd, small);
    request_.memory = {true, false, 96 * mebibyte};
    auto const image = build();
    ASSERT_TRUE(image) << testing::PrintToString(Machine::lines());
    EXPECT_EQ(image->pages, 96 * mebibyte >> page_shift);
    expect_sound(*image, kernel, initrd);
    std::uint64_t const taken = image->pages - (initrd.size() + page_size - 1) / page_size;
    EXPECT_LE(free_before_ - mm::allocator.free_frames(), taken + 64) << "temporary memory is given back";
    EXPECT_TRUE(Machine::lines().empty());
}

TEST_F(BuilderTest, KernelWithEverythingInItsWindow)
{
    TestKernel kernel;
    kernel.mod_start_pfn = false;
    kernel.init_p2m.reset();
    kernel.hypercall_page = 0xffff'ffff'8100'1000;
    Bytes const initrd = mixed_bytes(3'000'000, 10);
    start(make_elf(kernel), initrd, small);
    auto const image = build();
    ASSERT_TRUE(image) << testing::PrintToString(Machine::lines());
    expect_sound(*image, kernel, initrd);
}

TEST_F(BuilderTest, KernelAtTheBottomOfItsSpaceWithoutInitrd)
{
    TestKernel kernel;
    kernel.virt_base = 0;
    kernel.init_p2m = 0x123'4560'0000;
    kernel.entry = 0x100'0010;
    start(make_elf(kernel), {}, small);
    request_.memory = {true, false, 64 * mebibyte};
    auto const image = build();
    ASSERT_TRUE(image) << testing::PrintToString(Machine::lines());
    expect_sound(*image, kernel, {});
}

TEST_F(BuilderTest, TablesAcrossSlots)
{
    // Window and p2m array each cross a 512 GiB boundary: two level-3 tables each.
    TestKernel kernel;
    kernel.virt_base = 0x7f'fe00'0000;
    kernel.entry = 0x7f'fe00'0000 + 0x100'0010;
    kernel.init_p2m = 0x1ff'fffff'000;
    start(make_elf(kernel), mixed_bytes(5000, 1), small);
    auto const image = build();
    ASSERT_TRUE(image) << testing::PrintToString(Machine::lines());
    expect_sound(*image, kernel, mixed_bytes(5000, 1));
}

TEST_F(BuilderTest, ScatteredMemory)
{
    std::vector<Ram> ram{{0, 64 * mebibyte}};
    for (std::uint64_t i = 0; i < 90; ++i)
        ram.push_back({64 * mebibyte + i * 3 * mebibyte + page_size * (i % 7), mebibyte + 37 * page_size});
    TestKernel const kernel;
    start(make_elf(kernel), {}, ram);
    request_.memory = {true, false, 80 * mebibyte};
    auto const image = build();
    ASSERT_TRUE(image) << testing::PrintToString(Machine::lines());
    expect_sound(*image, kernel, {});
}

TEST_F(BuilderTest, LowMemoryIsLeftForSwiotlb)
{
    // 200 MiB below 4 GiB, 256 MiB above: Dom0 gets all but 80 MiB, and those 80 MiB are below.
    std::uint64_t const four_gib = 4096 * mebibyte;
    TestKernel const kernel;
    start(make_elf(kernel), {}, {{0, 264 * mebibyte}, {four_gib, 256 * mebibyte}});
    auto const image = build();
    ASSERT_TRUE(image) << testing::PrintToString(Machine::lines());
    std::uint64_t pieces = 0;
    while (mm::allocator.allocate(6, mm::Contents::anything, 32))
        ++pieces;
    EXPECT_GE(pieces * 64, (64 * mebibyte) >> page_shift) << "swiotlb's 256 contiguous pieces of 256 KiB";
    xen::start_info const info = read_info(*image);
    std::uint64_t high = 0;
    for (std::uint64_t pfn = 0; pfn < info.nr_pages; ++pfn)
        high += p2m_entry(*image, info, pfn) >= four_gib >> page_shift;
    EXPECT_GT(high, 255 * mebibyte >> page_shift) << "memory above 4 GiB goes first, but for the hypervisor's own";
}

TEST_F(BuilderTest, ScreenIsDescribedBehindStartInfo)
{
    TestKernel const kernel;
    xen::dom0_vga_console_info screen{};
    screen.video_type = xen::XEN_VGATYPE_TEXT_MODE_3;
    screen.u.text_mode_3 = {16, 3, 4, 25, 80};
    start(make_elf(kernel), {}, small);
    request_.screen = &screen;
    request_.power_management = 3;
    auto const image = build();
    ASSERT_TRUE(image);
    xen::start_info const info = read_info(*image);
    EXPECT_EQ(info.flags >> 8, 3u);
    EXPECT_EQ(info.console.dom0.info_off, sizeof info);
    ASSERT_EQ(info.console.dom0.info_size, sizeof screen);
    Bytes const found = read(image->root, image->start_info + sizeof info, sizeof screen);
    EXPECT_EQ(std::memcmp(found.data(), &screen, sizeof screen), 0);
}

TEST_F(BuilderTest, EachFailureIsOneLine)
{
    auto const expect_failure = [&](Errno error, std::string_view words) {
        Machine::lines().clear();
        auto const image = build();
        ASSERT_FALSE(image) << words;
        EXPECT_EQ(image.error(), error) << words;
        ASSERT_EQ(Machine::lines().size(), 1u) << testing::PrintToString(Machine::lines());
        EXPECT_NE(Machine::lines()[0].find(words), std::string::npos) << Machine::lines()[0];
    };
    TestKernel no_pv;
    no_pv.where = NotesIn::nowhere;
    start(make_elf(no_pv), {}, small);
    expect_failure(Errno::einval, "not a PV kernel");
    EXPECT_EQ(mm::allocator.free_frames(), free_before_);

    TearDown();
    Bytes const elf = make_elf(TestKernel{});
    Bytes damaged = make_bzimage(with_size(pack_xz(elf), elf.size()));
    damaged[damaged.size() - 1500] ^= 1;
    start(damaged, {}, small);
    expect_failure(Errno::einval, "Dom0 kernel: ");
    EXPECT_EQ(mm::allocator.free_frames(), free_before_) << "nothing is left behind";

    TearDown();
    start(make_bzimage(with_size(pack_xz(elf), 0xf000'0000)), {}, small);
    expect_failure(Errno::enomem, "to unpack it");

    TearDown();
    start(elf, {}, small);
    request_.memory = {true, false, 16 * mebibyte};
    expect_failure(Errno::enomem, "need 17 MiB, but it gets only 16 of");

    TearDown();
    start(elf, {}, small);
    request_.memory = {};
    std::string const long_line(1024, 'x');
    request_.command_line = long_line;
    expect_failure(Errno::e2big, "1023");
    request_.command_line = {};
}

} // namespace
} // namespace rf::dom0::test
