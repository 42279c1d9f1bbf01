// SPDX-License-Identifier: MIT
// The decoder of privileged instructions and of stores, against binutils.
//
// Claim: every form of every instruction of the set that the assembler can write decodes to that operation, its operands
// and its exact length; instructions outside the set, and instructions cut off, are refused. Failure: a wrong field, printed
// with the assembler's text. (store_execution_test.cpp lets the processor itself judge the stores.)

#include "assembler.hpp"
#include "pvcpu/decode.hpp"

#include <gtest/gtest.h>
#include <random>

namespace rf::pvcpu {
/// For the messages of failed comparisons.
static void PrintTo(Operation operation, std::ostream* stream)
{
    *stream << "operation " << static_cast<unsigned>(operation);
}
} // namespace rf::pvcpu

namespace rf::pvcpu::test {
namespace {

char const* const names64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                               "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
char const* const names32[] = {"eax", "ecx", "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi",
                               "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"};
char const* const names16[] = {"ax",  "cx",  "dx",   "bx",   "sp",   "bp",   "si",   "di",
                               "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"};
char const* const names8[] = {"al",  "cl",  "dl",   "bl",   "spl",  "bpl",  "sil",  "dil",
                              "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"};
char const* const names_high[] = {"ah", "ch", "dh", "bh"};

char const* name_of(unsigned number, unsigned size)
{
    return size == 8 ? names64[number] : size == 4 ? names32[number] : size == 2 ? names16[number] : names8[number];
}

std::string with_percent(char const* name) { return std::string("%") + name; }

/// Registers with recognisable contents.
xen::cpu_user_regs sample_registers()
{
    xen::cpu_user_regs regs{};
    for (unsigned i = 0; i < 16; ++i)
        general_register(regs, i) = 0x1111'1111'1111'1111ull * (i + 1) ^ 0x1234'5678'9abc'def0;
    regs.rip = 0xffff'ffff'8100'1230;
    return regs;
}

/// One instruction and what it is.
struct Case {
    std::string text;
    Instruction expected;
};

void expect_decoded(std::vector<Case> const& cases)
{
    std::vector<std::string> lines;
    for (Case const& item : cases)
        lines.push_back(item.text);
    auto const codes = assemble(lines);
    xen::cpu_user_regs const regs = sample_registers();
    for (std::size_t i = 0; i < cases.size(); ++i) {
        SCOPED_TRACE(cases[i].text);
        Instruction const& expected = cases[i].expected;
        std::vector<std::uint8_t> code = codes[i];
        for (std::size_t cut = 0; cut < code.size(); ++cut)
            EXPECT_FALSE(decode(std::span(code).first(cut), regs)) << "decoded when cut after " << cut << " bytes";
        code.insert(code.end(), 15, 0x90);
        auto const found = decode(code, regs);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->length, codes[i].size());
        EXPECT_EQ(found->operation, expected.operation);
        EXPECT_EQ(found->source, expected.source);
        EXPECT_EQ(found->segment, expected.segment);
        EXPECT_EQ(found->memory, expected.memory);
        EXPECT_EQ(found->repeated, expected.repeated);
        if (expected.source == Source::reg) {
            EXPECT_EQ(found->high_byte, expected.high_byte);
        }
        EXPECT_EQ(found->immediate, expected.immediate);
        if (expected.size) {
            EXPECT_EQ(found->size, expected.size);
        }
        bool const has_rm = expected.operation >= Operation::read_control && expected.operation <= Operation::write_debug;
        if (has_rm) {
            EXPECT_EQ(found->rm, expected.rm);
        }
        if (has_rm || expected.source == Source::reg) {
            EXPECT_EQ(found->reg, expected.reg);
        }
        if (expected.memory) {
            std::uint64_t address = expected.address;
            if (cases[i].text.find("(%rip)") != std::string::npos)
                address += regs.rip + codes[i].size();
            EXPECT_EQ(found->address, address);
        }
        if (testing::Test::HasFailure())
            return;
    }
}

/// A memory operand in the assembler's words, and its address for sample_registers(); RIP-relative ones without rip.
struct Memory {
    std::string text;
    std::uint64_t address;
};

std::vector<Memory> memory_operands()
{
    xen::cpu_user_regs regs = sample_registers();
    std::vector<Memory> operands{{"0x12345678", 0x1234'5678},
                                 {"-0x1000", 0xffff'ffff'ffff'f000},
                                 {"0x1234(%rip)", 0x1234},
                                 {"-8(%rip)", ~0ull - 7}};
    for (unsigned base = 0; base < 16; ++base) {
        std::uint64_t const value = general_register(regs, base);
        std::string const name = with_percent(names64[base]);
        operands.push_back({"(" + name + ")", value});
        operands.push_back({"-16(" + name + ")", value - 16});
        operands.push_back({"0x12345(" + name + ")", value + 0x12345});
        operands.push_back({"-0x1234567(" + name + ")", value - 0x123'4567});
        for (unsigned index = 0; index < 16; ++index) {
            if (index == 4)
                continue;
            std::uint64_t const step = general_register(regs, index);
            std::string const pair = "(" + name + "," + with_percent(names64[index]);
            unsigned const scale = 1u << ((base + index) & 3);
            operands.push_back({"127" + pair + "," + std::to_string(scale) + ")", value + step * scale + 127});
            if (base == 0)
                operands.push_back({"0x40(," + with_percent(names64[index]) + "," + std::to_string(scale) + ")",
                                    step * scale + 0x40});
        }
    }
    return operands;
}

Instruction make(Operation operation, Source source, unsigned size, unsigned reg, std::uint64_t address)
{
    Instruction instruction;
    instruction.operation = operation;
    instruction.source = source;
    instruction.size = static_cast<std::uint8_t>(size);
    instruction.reg = static_cast<std::uint8_t>(reg);
    instruction.memory = true;
    instruction.address = address;
    return instruction;
}

struct StoreName {
    char const* mnemonic;
    Operation operation;
    bool bytes;     ///< has a form for single bytes
    bool immediate; ///< has a form with an immediate operand
};
constexpr StoreName stores[] = {{"mov", Operation::move, true, true},
                                {"xchg", Operation::exchange, true, false},
                                {"lock xadd", Operation::exchange_add, true, false},
                                {"lock cmpxchg", Operation::compare_exchange, true, false},
                                {"lock add", Operation::add, true, true},
                                {"lock or", Operation::bit_or, true, true},
                                {"adc", Operation::add_carry, true, true},
                                {"lock sbb", Operation::subtract_borrow, true, true},
                                {"lock and", Operation::bit_and, true, true},
                                {"sub", Operation::subtract, true, true},
                                {"lock xor", Operation::bit_xor, true, true},
                                {"lock bts", Operation::bit_set, false, true},
                                {"lock btr", Operation::bit_reset, false, true},
                                {"btc", Operation::bit_complement, false, true}};

TEST(Decode, StoresOfRegistersThroughEveryAddressingMode)
{
    std::vector<Case> cases;
    unsigned turn = 0;
    for (StoreName const& store : stores)
        for (Memory const& memory : memory_operands())
            for (unsigned const size : {1u, 2u, 4u, 8u}) {
                if (size == 1 && !store.bytes)
                    continue;
                unsigned const reg = turn++ % 16;
                cases.push_back({std::string(store.mnemonic) + " %" + name_of(reg, size) + "," + memory.text,
                                 make(store.operation, Source::reg, size, reg, memory.address)});
            }
    // The assembler may swap the operands of MOV with the accumulator and an absolute address: that is the moffs form,
    // which it does not use for 32-bit displacements. So all of these have ModRM.
    expect_decoded(cases);
}

TEST(Decode, HighByteRegisters)
{
    std::vector<Case> cases;
    for (StoreName const& store : stores)
        for (unsigned high = 0; store.bytes && high < 4; ++high) {
            Instruction expected = make(store.operation, Source::reg, 1, high + 4, sample_registers().rdi);
            expected.high_byte = true;
            cases.push_back({std::string(store.mnemonic) + " %" + names_high[high] + ",(%rdi)", expected});
        }
    expect_decoded(cases);
}

TEST(Decode, StoresOfImmediates)
{
    std::vector<Case> cases;
    auto const operands = memory_operands();
    unsigned turn = 0;
    for (StoreName const& store : stores)
        for (unsigned const size : {1u, 2u, 4u, 8u})
            for (std::int64_t const value : {0ll, 1ll, 5ll, -2ll, 0x7fll, 0x80ll, 0x1234ll, -0x1234ll, 0x1234567ll}) {
                bool const is_bit = store.operation >= Operation::bit_set;
                std::int64_t const limit = 1ll << (size * 8 - 1);
                if (!store.immediate || (is_bit && (size == 1 || value < 0 || value > 63)) ||
                    (!is_bit && size < 8 && (value >= limit || value < -limit)))
                    continue;
                Memory const& memory = operands[turn++ * 7 % operands.size()];
                Instruction expected = make(store.operation, Source::immediate, size, 0, memory.address);
                expected.immediate = static_cast<std::uint64_t>(value);
                char const suffix = size == 1 ? 'b' : size == 2 ? 'w' : size == 4 ? 'l' : 'q';
                cases.push_back({std::string(store.mnemonic) + suffix + " $" + std::to_string(value) + "," + memory.text,
                                 expected});
            }
    expect_decoded(cases);
}

Instruction plain(Operation operation, unsigned size = 0)
{
    Instruction instruction;
    instruction.operation = operation;
    instruction.size = static_cast<std::uint8_t>(size);
    return instruction;
}

TEST(Decode, PrivilegedInstructionsWithoutOperands)
{
    expect_decoded({{"cli", plain(Operation::clear_interrupts)},
                    {"sti", plain(Operation::set_interrupts)},
                    {"hlt", plain(Operation::halt)},
                    {"clts", plain(Operation::clear_task_switched)},
                    {"wbinvd", plain(Operation::invalidate_caches)},
                    {"invd", plain(Operation::invalidate_caches)},
                    {"rdtsc", plain(Operation::read_tsc)},
                    {"rdtscp", plain(Operation::read_tscp)},
                    {"rdpmc", plain(Operation::read_pmc)},
                    {"xsetbv", plain(Operation::set_xcr)},
                    {"rdmsr", plain(Operation::read_msr)},
                    {"wrmsr", plain(Operation::write_msr)}});
}

TEST(Decode, ControlAndDebugRegisters)
{
    std::vector<Case> cases;
    auto const add = [&](std::string const& text, Operation operation, unsigned special, unsigned general) {
        Instruction expected = plain(operation, 8);
        expected.reg = static_cast<std::uint8_t>(special);
        expected.rm = static_cast<std::uint8_t>(general);
        cases.push_back({text, expected});
    };
    for (unsigned general = 0; general < 16; ++general) {
        std::string const name = with_percent(names64[general]);
        for (unsigned const control : {0u, 2u, 3u, 4u, 8u}) {
            std::string const special = "%cr" + std::to_string(control);
            add("mov " + special + "," + name, Operation::read_control, control, general);
            add("mov " + name + "," + special, Operation::write_control, control, general);
        }
        for (unsigned debug = 0; debug < 8; ++debug) {
            std::string const special = "%db" + std::to_string(debug);
            add("mov " + special + "," + name, Operation::read_debug, debug, general);
            add("mov " + name + "," + special, Operation::write_debug, debug, general);
        }
    }
    expect_decoded(cases);
}

TEST(Decode, ModeBitsOfControlRegisterMovesAreIgnored)
{
    // The manuals: these always name registers. An assembler writes mode 3 only.
    xen::cpu_user_regs const regs = sample_registers();
    for (unsigned mode = 0; mode < 4; ++mode) {
        std::uint8_t const code[] = {0x0f, 0x22, static_cast<std::uint8_t>(mode << 6 | 3 << 3 | 5)};
        auto const found = decode(code, regs);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->reg, 3);
        EXPECT_EQ(found->rm, 5);
        EXPECT_FALSE(found->memory);
        EXPECT_EQ(found->length, 3);
    }
}

TEST(Decode, PageInvalidation)
{
    std::vector<Case> cases;
    for (Memory const& memory : memory_operands())
        cases.push_back({"invlpg " + memory.text, make(Operation::invalidate_page, Source::none, 0, 0, memory.address)});
    expect_decoded(cases);
}

TEST(Decode, Ports)
{
    std::vector<Case> cases;
    auto const add = [&](std::string const& text, Operation operation, Source source, unsigned size,
                         std::uint64_t immediate = 0, bool repeated = false,
                         SegmentOverride segment = SegmentOverride::none) {
        Instruction expected = plain(operation, size);
        expected.source = source;
        expected.immediate = immediate;
        expected.repeated = repeated;
        expected.segment = segment;
        cases.push_back({text, expected});
    };
    for (unsigned const size : {1u, 2u, 4u}) {
        std::string const accumulator = with_percent(name_of(0, size));
        add("in %dx," + accumulator, Operation::in, Source::dx, size);
        add("out " + accumulator + ",%dx", Operation::out, Source::dx, size);
        for (unsigned const port : {0u, 0x70u, 0x80u, 0xffu}) {
            std::string const immediate = "$" + std::to_string(port);
            add("in " + immediate + "," + accumulator, Operation::in, Source::immediate, size, port);
            add("out " + accumulator + "," + immediate, Operation::out, Source::immediate, size, port);
        }
        std::string const suffix = size == 1 ? "b" : size == 2 ? "w" : "l";
        for (bool const repeated : {false, true}) {
            std::string const rep = repeated ? "rep " : "";
            add(rep + "ins" + suffix, Operation::in_string, Source::dx, size, 0, repeated);
            add(rep + "outs" + suffix, Operation::out_string, Source::dx, size, 0, repeated);
            add(rep + "outs" + suffix + " %fs:(%rsi),%dx", Operation::out_string, Source::dx, size, 0, repeated,
                SegmentOverride::fs);
            add(rep + "outs" + suffix + " %gs:(%rsi),%dx", Operation::out_string, Source::dx, size, 0, repeated,
                SegmentOverride::gs);
        }
    }
    // A REX prefix with W does not widen port accesses.
    cases.push_back({"rex.W in %dx,%eax", cases[0].expected});
    cases.back().expected.size = 4;
    expect_decoded(cases);
}

TEST(Decode, SegmentOverridesOfStores)
{
    Instruction expected = make(Operation::move, Source::reg, 8, 0, sample_registers().rcx);
    expected.segment = SegmentOverride::gs;
    Instruction other = expected;
    other.segment = SegmentOverride::fs;
    expect_decoded({{"mov %rax,%gs:(%rcx)", expected}, {"mov %rax,%fs:(%rcx)", other}});
}

TEST(Decode, OtherInstructionsAreRefused)
{
    std::vector<std::string> const lines{
        "nop", "ret", "mov (%rax),%rbx", "mov %rax,%rbx", "cmp %rax,(%rbx)", "cmpq $1,(%rbx)", "test %rax,(%rbx)",
        "bt %rax,(%rbx)", "btq $3,(%rbx)", "add (%rax),%rbx", "lea (%rax),%rbx", "push %rax", "pop (%rax)", "call *(%rax)",
        "incq (%rax)", "negq (%rax)", "notq (%rax)", "shlq $1,(%rax)", "movaps %xmm0,(%rax)", "movnti %rax,(%rbx)",
        "cmpxchg8b (%rax)", "cmpxchg16b (%rax)", "stosq", "rep stosq", "movsq", "fxsave (%rax)", "xsave (%rax)", "sgdt (%rax)",
        "sidt (%rax)", "lgdt (%rax)", "lidt (%rax)", "smsw (%rax)", "lmsw (%rax)", "lldt (%rax)", "ltr (%rax)", "swapgs",
        "monitor", "mwait", "vmcall", "xgetbv", "clac", "stac", "syscall", "sysretq", "iretq", "ud2", "cpuid", "int $0x80",
        "int3", "vmovdqu %ymm0,(%rax)", "andn (%rax),%rbx,%rcx", "movbe %rax,(%rbx)", "mov %ds,(%rax)", "mov %rax,%ds",
        "addr32 mov %rax,(%ebx)", "movabs %rax,0x123456789abcdef0", "xbegin .", "setc (%rax)", "invpcid (%rax),%rbx",
        "wrfsbase %rax", "rdfsbase %rax", "rdrand %rax", "mov %r8,%r9"};
    auto const codes = assemble(lines);
    xen::cpu_user_regs const regs = sample_registers();
    for (std::size_t i = 0; i < lines.size(); ++i) {
        auto code = codes[i];
        code.insert(code.end(), 15, 0x90);
        EXPECT_FALSE(decode(code, regs)) << lines[i];
    }
}

TEST(Decode, AnyBytesAreHarmless)
{
    // Two million random strings from fixed seeds: no access outside the bytes (sanitizer), sane fields, and the same
    // answer when only the instruction's own bytes are there.
    std::mt19937_64 random(13);
    xen::cpu_user_regs const regs = sample_registers();
    constexpr std::uint8_t likely[] = {0x0f, 0x66, 0xf0, 0xf2, 0xf3, 0x48, 0x40, 0x65, 0x87, 0x89, 0xc7, 0x20, 0xba, 0xb3};
    unsigned decoded = 0;
    for (int round = 0; round < 2'000'000; ++round) {
        std::uint8_t bytes[20];
        std::size_t const count = random() % 20;
        for (auto& byte : bytes)
            byte = random() % 2 ? static_cast<std::uint8_t>(random()) : likely[random() % std::size(likely)];
        auto const found = decode({bytes, count}, regs);
        if (!found)
            continue;
        ++decoded;
        ASSERT_GT(found->length, 0);
        ASSERT_LE(found->length, std::min(count, instruction_limit));
        ASSERT_LT(found->reg, 16);
        ASSERT_LT(found->rm, 16);
        auto const alone = decode({bytes, found->length}, regs);
        ASSERT_TRUE(alone);
        ASSERT_EQ(alone->address, found->address);
        ASSERT_EQ(alone->operation, found->operation);
        if (found->memory && found->operation <= Operation::bit_complement) {
            ASSERT_TRUE(found->size == 1 || found->size == 2 || found->size == 4 || found->size == 8);
        }
    }
    EXPECT_GT(decoded, 100'000u);
}

} // namespace
} // namespace rf::pvcpu::test
