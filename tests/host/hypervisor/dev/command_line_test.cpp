// SPDX-License-Identifier: MIT
/// Story: an operator moves a Xen command line over unchanged. Every spelling that Xen documents for our options must mean
/// the same; what we do not know must be named, never guessed, and must not disturb the options beside it.
#include "dev/command_line.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

namespace rf::dev {
namespace {

std::unique_ptr<Options> parse(std::string_view text)
{
    auto parsed = std::make_unique<Options>();
    parse_command_line(text, *parsed);
    return parsed;
}

constexpr std::uint64_t mib = 1u << 20;

TEST(CommandLine, ReadsDebiansUsualLine)
{
    auto const o = parse("/boot/ringfort placeholder dom0_mem=1024M,max:1024M com1=115200,8n1 console=com1 loglvl=info "
                         "guest_loglvl=warning noreboot");
    EXPECT_TRUE(o->complaints.empty());
    EXPECT_EQ(o->dom0_memory.resolve(8192 * mib, 0), 1024 * mib);
    EXPECT_EQ(o->dom0_memory_maximum.resolve(8192 * mib, 0), 1024 * mib);
    EXPECT_FALSE(o->dom0_memory_minimum.given);
    EXPECT_TRUE(o->com1.enabled);
    EXPECT_EQ(o->com1.baud, 115200u);
    EXPECT_EQ(o->com1.port, 0x3f8);
    EXPECT_EQ(o->com1.irq, 4);
    EXPECT_TRUE(o->console.com1);
    EXPECT_FALSE(o->console.vga);
    EXPECT_EQ(o->log_level, log::Level::info);
    EXPECT_EQ(o->guest_log_level, log::Level::warning);
    EXPECT_FALSE(o->reboot);
}

TEST(CommandLine, ReadsSizesWithEverySuffix)
{
    EXPECT_EQ(parse_size("512"), 512u * 1024); // without a suffix: KiB
    EXPECT_EQ(parse_size("7B"), 7u);
    EXPECT_EQ(parse_size("3k"), 3u << 10);
    EXPECT_EQ(parse_size("5M"), 5u << 20);
    EXPECT_EQ(parse_size("2g"), 2ull << 30);
    EXPECT_EQ(parse_size("1T"), 1ull << 40);
    EXPECT_EQ(parse_size("0x10M"), 16u << 20);
    EXPECT_EQ(parse_size("0x1b"), 0x1bull << 10); // b is a digit here
    EXPECT_EQ(parse_size("16777215T"), 16777215ull << 40);
    for (std::string_view bad : {"", "M", "x", "1x", "1.5G", "-1", "16777216T", "99999999999999999999", "0x", "1 M"})
        EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(CommandLine, TakesDom0MemoryFromTheWhole)
{
    auto const o = parse("dom0_mem=min:256M,-1G,max:2G");
    EXPECT_EQ(o->dom0_memory.resolve(4096 * mib, 0), 3072 * mib);
    EXPECT_EQ(o->dom0_memory.resolve(512 * mib, 0), 0u);
    EXPECT_EQ(o->dom0_memory_minimum.resolve(4096 * mib, 0), 256 * mib);
    EXPECT_EQ(parse("")->dom0_memory.resolve(4096 * mib, 77), 77u);
}

TEST(CommandLine, AHalfReadableDom0MemoryChangesNothing)
{
    auto const o = parse("dom0_mem=512M,max:lots");
    EXPECT_FALSE(o->dom0_memory.given);
    ASSERT_EQ(o->complaints.size(), 1u);
    EXPECT_TRUE(o->complaints[0].bad_value);
    EXPECT_EQ(o->complaints[0].text, "dom0_mem=512M,max:lots");
}

TEST(CommandLine, ReadsBooleansInAllSpellings)
{
    for (std::string_view on : {"tsc_deadline", "tsc_deadline=on", "tsc_deadline=yes", "tsc_deadline=true", "tsc_deadline=1", "tsc_deadline=enable", "no-tsc_deadline=off"})
        EXPECT_TRUE(parse(std::string("no-tsc_deadline ") + std::string(on))->tsc_deadline) << on;
    for (std::string_view off : {"no-tsc_deadline", "tsc_deadline=off", "tsc_deadline=no", "tsc_deadline=false", "tsc_deadline=0", "tsc_deadline=disable"})
        EXPECT_FALSE(parse(off)->tsc_deadline) << off;
    EXPECT_TRUE(parse("noreboot no-noreboot")->reboot);
    EXPECT_TRUE(parse("reboot=acpi")->reboot);
    EXPECT_FALSE(parse("reboot=no")->reboot);
    EXPECT_FALSE(parse("no-reboot")->reboot);
    EXPECT_EQ(parse("nosmp")->max_cpus, 1u);
    auto const bad = parse("tsc_deadline=maybe");
    EXPECT_TRUE(bad->tsc_deadline);
    EXPECT_EQ(bad->complaints.size(), 1u);
}

TEST(CommandLine, ReadsSerialLines)
{
    auto const o = parse("com1=9600,7e2,0x2e8,5 com2=auto");
    EXPECT_EQ(o->com1.baud, 9600u);
    EXPECT_EQ(o->com1.data_bits, 7);
    EXPECT_EQ(o->com1.parity, 'e');
    EXPECT_EQ(o->com1.stop_bits, 2);
    EXPECT_EQ(o->com1.port, 0x2e8);
    EXPECT_EQ(o->com1.irq, 5);
    EXPECT_EQ(o->com2.baud, 0u);
    EXPECT_EQ(o->com2.port, 0x2f8);
    EXPECT_EQ(o->com2.irq, 3);
    for (std::string_view bad : {"com1", "com1=", "com1=0", "com1=115201", "com1=1", "com1=9600,8x1", "com1=9600,9n1", "com1=9600,8n",
                                 "com1=9600,8n1,0", "com1=9600,8n1,0x3f8,16", "com1=9600,8n1,0x3f8,4,5", "no-com1=9600"}) {
        auto const p = parse(bad);
        EXPECT_FALSE(p->com1.enabled) << bad;
        EXPECT_EQ(p->complaints.size(), 1u) << bad;
    }
}

TEST(CommandLine, ReadsConsolesAndLevels)
{
    auto const o = parse("console=com2,vga vga=text-80x25,keep loglvl=all/warning guest_loglvl=none console_timestamps=none");
    EXPECT_TRUE(o->console.com2);
    EXPECT_TRUE(o->console.vga);
    EXPECT_TRUE(o->vga_keep);
    EXPECT_EQ(o->log_level, log::Level::debug);
    EXPECT_TRUE(o->guest_log_nothing);
    EXPECT_FALSE(o->timestamps);
    EXPECT_EQ(parse("console=com3")->complaints.size(), 1u);
    EXPECT_EQ(parse("loglvl=loud")->complaints.size(), 1u);
}

TEST(CommandLine, TakesMeasuresAgainstSpeculationInXensWords)
{
    using cpu::Setting;
    auto o = parse("xpti=dom0=false,domu spec-ctrl=no-ibrs,verw,rsb=off,bti-thunk=retpoline");
    EXPECT_EQ(o->guards.separate_control, Setting::off);
    EXPECT_EQ(o->guards.separate_guests, Setting::on);
    EXPECT_EQ(o->guards.branches, Setting::off);
    EXPECT_EQ(o->guards.buffers, Setting::on);
    EXPECT_EQ(o->guards.returns, Setting::off);
    EXPECT_EQ(o->guards.predictor, Setting::automatic);
    EXPECT_EQ(o->complaints.size(), 0u);

    using cpu::IndirectBranch;
    EXPECT_EQ(o->guards.indirect, IndirectBranch::by_return);
    EXPECT_EQ(parse("spec-ctrl=bti-thunk=lfence")->guards.indirect, IndirectBranch::behind_fence);
    EXPECT_EQ(parse("spec-ctrl=no,bti-thunk=jmp")->guards.indirect, IndirectBranch::plain);
    EXPECT_EQ(parse("spec-ctrl=no-xen")->guards.indirect, IndirectBranch::plain) << "it is one of the hypervisor's measures";
    EXPECT_EQ(parse("spec-ctrl=ibrs")->guards.indirect, std::nullopt);
    EXPECT_EQ(parse("spec-ctrl=bti-thunk=trampoline")->complaints.size(), 1u);

    o = parse("pv-l1tf=dom0,domu=no");
    EXPECT_EQ(o->guards.absent_control, Setting::on);
    EXPECT_EQ(o->guards.absent_guests, Setting::off);

    o = parse("no-xpti");
    EXPECT_EQ(o->guards.separate_control, Setting::off);
    EXPECT_EQ(o->guards.separate_guests, Setting::off);
    EXPECT_EQ(o->guards.buffers, Setting::automatic);

    o = parse("spec-ctrl=no");
    EXPECT_EQ(o->guards.separate_guests, Setting::off);
    EXPECT_EQ(o->guards.history, Setting::off);

    o = parse("spec-ctrl=no-xen xpti=yes");
    EXPECT_EQ(o->guards.predictor, Setting::off);
    EXPECT_EQ(o->guards.separate_control, Setting::on);

    o = parse("spec-ctrl=verw,nonsense xpti=dom0=perhaps");
    EXPECT_EQ(o->guards.buffers, Setting::automatic) << "a value that is not understood changes nothing";
    EXPECT_EQ(o->complaints.size(), 2u);
}

TEST(CommandLine, SmapIsLeftToUsOrNot)
{
    using cpu::Setting;
    EXPECT_EQ(parse("")->smap, Setting::automatic);
    EXPECT_EQ(parse("smap")->smap, Setting::on);
    EXPECT_EQ(parse("no-smap")->smap, Setting::off);
    EXPECT_EQ(parse("smap=off")->smap, Setting::off);
    EXPECT_EQ(parse("smap=perhaps")->complaints.size(), 1u);
}

TEST(CommandLine, NamesWhatItDoesNotKnow)
{
    auto const o = parse("  iommu=force  no-vpmu maxcpus=3 maxcpus=many /not/the/image ");
    EXPECT_EQ(o->max_cpus, 3u);
    ASSERT_EQ(o->complaints.size(), 4u);
    EXPECT_EQ(o->complaints[0].text, "iommu=force");
    EXPECT_FALSE(o->complaints[0].bad_value);
    EXPECT_EQ(o->complaints[1].text, "no-vpmu");
    EXPECT_EQ(o->complaints[2].text, "maxcpus=many");
    EXPECT_TRUE(o->complaints[2].bad_value);
    EXPECT_EQ(o->complaints[3].text, "/not/the/image");
}

TEST(CommandLine, CountsComplaintsThatDoNotFit)
{
    std::string text;
    for (unsigned i = 0; i < 30; ++i)
        text += "bogus" + std::to_string(i) + ' ';
    auto const o = parse(text);
    EXPECT_EQ(o->complaints.size() + o->complaints_lost, 30u);
}

TEST(CommandLine, SurvivesNoise)
{
    // Under the address sanitiser: no text may be read beyond its end.
    std::mt19937 random(7);
    std::string_view const alphabet = "com1=dom0_mem,:-0x9Mgn/ ";
    for (unsigned round = 0; round < 20000; ++round) {
        std::string text(random() % 40, ' ');
        for (char& c : text)
            c = alphabet[random() % alphabet.size()];
        std::vector<char> const exact(text.begin(), text.end());
        auto const o = parse({exact.data(), exact.size()});
        ASSERT_LE(o->complaints.size(), 24u);
    }
}

} // namespace
} // namespace rf::dev
