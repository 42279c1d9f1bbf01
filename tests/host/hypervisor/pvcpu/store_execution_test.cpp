// SPDX-License-Identifier: MIT
// The processor as judge of emulated stores.
//
// Claim: what decode() and compute_store() make of a store to a page table is what the processor does with it: the same
// bytes in memory, the same registers, the same defined flags, the same length. Provoked by letting a traced child process
// execute single instructions of random encoding, first on a read-only page (the fault's address is what a guest's CR2
// would be), then on a writable one. Failure: the first difference, with the instruction's bytes.

#include "pvcpu/arithmetic.hpp"
#include "pvcpu/decode.hpp"

#include <cerrno>
#include <cstring>
#include <gtest/gtest.h>
#include <iomanip>
#include <map>
#include <random>
#include <sstream>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rf::pvcpu::test {
namespace {

constexpr std::size_t page = 4096;
constexpr std::uint64_t status_flags = 0x8d5; ///< OF SF ZF AF PF CF
constexpr std::uint64_t carry_flag = 1, adjust_flag = 0x10, fixed_flag = 2;

/// A page shared with the child, at an address that fits 31 bits.
std::byte* shared_page(int protection)
{
    void* const memory = mmap(nullptr, page, protection, MAP_SHARED | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (memory == MAP_FAILED)
        throw std::runtime_error("no shared page");
    return static_cast<std::byte*>(memory);
}

/// A stopped child that executes one instruction at a time.
class Processor {
public:
    Processor() : code_(shared_page(PROT_READ | PROT_WRITE | PROT_EXEC)), data_(shared_page(PROT_READ | PROT_WRITE))
    {
        child_ = fork();
        if (child_ == 0) {
            ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
            mprotect(data_, page, PROT_READ); // until it is told otherwise
            raise(SIGSTOP);
            mprotect(data_, page, PROT_READ | PROT_WRITE);
            raise(SIGSTOP);
            _exit(0);
        }
        int status = 0;
        if (child_ < 0 || waitpid(child_, &status, 0) != child_ || !WIFSTOPPED(status))
            throw std::runtime_error("no child to execute instructions");
        ptrace(PTRACE_SETOPTIONS, child_, nullptr, PTRACE_O_EXITKILL);
        read(own_);
    }
    ~Processor()
    {
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
        munmap(code_, page);
        munmap(data_, page);
    }
    Processor(Processor const&) = delete;
    Processor& operator=(Processor const&) = delete;

    /// From now on the data page is writable for the child, too.
    void allow_writes()
    {
        write(own_);
        ptrace(PTRACE_CONT, child_, nullptr, nullptr);
        waitpid(child_, nullptr, 0);
        read(own_);
    }
    /// Executes the instruction at the start of the code page. False: it faulted, at `fault`.
    bool step(user_regs_struct& regs, std::uint64_t& fault)
    {
        write(regs);
        if (ptrace(PTRACE_SINGLESTEP, child_, nullptr, nullptr) != 0)
            throw std::runtime_error("cannot step");
        int status = 0;
        waitpid(child_, &status, 0);
        read(regs);
        if (!WIFSTOPPED(status))
            throw std::runtime_error("the child ended");
        if (WSTOPSIG(status) == SIGTRAP)
            return true;
        siginfo_t info{};
        ptrace(PTRACE_GETSIGINFO, child_, nullptr, &info);
        fault = reinterpret_cast<std::uint64_t>(info.si_addr);
        signal_ = WSTOPSIG(status);
        return false;
    }
    [[nodiscard]] std::byte* code() const { return code_; }
    [[nodiscard]] std::byte* data() const { return data_; }
    [[nodiscard]] std::uint64_t code_address() const { return reinterpret_cast<std::uint64_t>(code_); }
    [[nodiscard]] std::uint64_t data_address() const { return reinterpret_cast<std::uint64_t>(data_); }
    [[nodiscard]] int signal() const { return signal_; }
    [[nodiscard]] user_regs_struct const& own() const { return own_; }

private:
    void read(user_regs_struct& regs) { ptrace(PTRACE_GETREGS, child_, nullptr, &regs); }
    void write(user_regs_struct const& regs) { ptrace(PTRACE_SETREGS, child_, nullptr, &regs); }
    std::byte* code_;
    std::byte* data_;
    pid_t child_;
    user_regs_struct own_{};
    int signal_ = 0;
};

/// The same registers in the kernel's and in our order.
void copy_registers(xen::cpu_user_regs const& from, user_regs_struct& to)
{
    to.rax = from.rax, to.rbx = from.rbx, to.rcx = from.rcx, to.rdx = from.rdx;
    to.rsi = from.rsi, to.rdi = from.rdi, to.rbp = from.rbp, to.rsp = from.rsp;
    to.r8 = from.r8, to.r9 = from.r9, to.r10 = from.r10, to.r11 = from.r11;
    to.r12 = from.r12, to.r13 = from.r13, to.r14 = from.r14, to.r15 = from.r15;
    to.rip = from.rip, to.eflags = from.rflags;
}
void copy_registers(user_regs_struct const& from, xen::cpu_user_regs& to)
{
    to.rax = from.rax, to.rbx = from.rbx, to.rcx = from.rcx, to.rdx = from.rdx;
    to.rsi = from.rsi, to.rdi = from.rdi, to.rbp = from.rbp, to.rsp = from.rsp;
    to.r8 = from.r8, to.r9 = from.r9, to.r10 = from.r10, to.r11 = from.r11;
    to.r12 = from.r12, to.r13 = from.r13, to.r14 = from.r14, to.r15 = from.r15;
    to.rip = from.rip, to.rflags = from.eflags;
}

/// An encoding from the grammar of our stores; not every one is valid.
std::vector<std::uint8_t> random_store(std::mt19937_64& random)
{
    constexpr std::uint8_t one_byte[] = {0x00, 0x01, 0x08, 0x09, 0x10, 0x11, 0x18, 0x19, 0x20, 0x21, 0x28, 0x29, 0x30,
                                         0x31, 0x80, 0x81, 0x83, 0x86, 0x87, 0x88, 0x89, 0xc6, 0xc7};
    constexpr std::uint8_t two_byte[] = {0xab, 0xb3, 0xbb, 0xba, 0xb0, 0xb1, 0xc0, 0xc1};
    std::vector<std::uint8_t> code;
    if (random() % 3 == 0)
        code.push_back(0x66);
    if (random() % 8 == 0)
        code.push_back(random() % 2 ? 0x3e : 0x2e);
    if (random() % 2)
        code.push_back(static_cast<std::uint8_t>(0x40 | random() % 16));
    bool const extended = random() % 3 == 0;
    if (extended)
        code.push_back(0x0f);
    std::uint8_t const opcode = extended ? two_byte[random() % std::size(two_byte)] : one_byte[random() % std::size(one_byte)];
    code.push_back(opcode);
    std::uint8_t modrm = static_cast<std::uint8_t>((random() % 3) << 6 | random() % 64);
    if (opcode == 0xc6 || opcode == 0xc7)
        modrm &= 0xc7;
    code.push_back(modrm);
    for (int i = 0; i < 12; ++i)
        code.push_back(static_cast<std::uint8_t>(random()));
    code.resize(instruction_limit);
    return code;
}

/// Where the displacement of an operand without base register stands, or 0.
std::size_t absolute_displacement(std::vector<std::uint8_t> const& code)
{
    std::size_t at = 0;
    while (code[at] == 0x66 || code[at] == 0x3e || code[at] == 0x2e)
        ++at;
    if ((code[at] & 0xf0) == 0x40)
        ++at;
    at += code[at] == 0x0f ? 2 : 1;
    unsigned const mode = code[at] >> 6, rm = code[at] & 7;
    if (mode == 0 && rm == 5)
        return at + 1;
    if (mode == 0 && rm == 4 && (code[at + 1] & 7) == 5)
        return at + 2;
    return 0;
}

/// Changes code or registers so that the operand lies at `target`. False: this encoding cannot.
bool aim(std::vector<std::uint8_t>& code, xen::cpu_user_regs& regs, std::uint64_t target)
{
    auto const now = decode(code, regs);
    if (!now)
        return false;
    if (std::size_t const at = absolute_displacement(code)) {
        std::uint32_t old;
        std::memcpy(&old, code.data() + at, 4);
        auto const fresh = static_cast<std::uint32_t>(old + (target - now->address));
        std::memcpy(code.data() + at, &fresh, 4);
    } else {
        // Whichever register is the base: changing it by the difference moves the operand there.
        for (unsigned number = 0; number < 16; ++number) {
            xen::cpu_user_regs changed = regs;
            general_register(changed, number) += target - now->address;
            auto const then = decode(code, changed);
            if (then && then->address == target) {
                regs = changed;
                break;
            }
        }
    }
    auto const aimed = decode(code, regs);
    return aimed && aimed->address == target;
}

std::string hexadecimal(std::vector<std::uint8_t> const& code, std::size_t count)
{
    std::ostringstream text;
    for (std::size_t i = 0; i < count; ++i)
        text << std::hex << std::setw(2) << std::setfill('0') << unsigned{code[i]} << ' ';
    return text.str();
}

struct Trial {
    std::vector<std::uint8_t> code;
    xen::cpu_user_regs regs{};
    Instruction instruction;
    std::uint64_t target;
};

/// The next random store that decodes and can be aimed at the data page.
Trial next_trial(std::mt19937_64& random, Processor const& processor)
{
    for (;;) {
        Trial trial;
        trial.code = random_store(random);
        for (unsigned i = 0; i < 16; ++i)
            general_register(trial.regs, i) = random() % 4 ? random() : random() % 2 ? ~0ull : random() % 3;
        trial.regs.rip = processor.code_address();
        trial.regs.rflags = (random() & status_flags) | fixed_flag;
        auto const first = decode(trial.code, trial.regs);
        if (!first)
            continue;
        // A bit number beyond the operand would select other memory; page tables are written within one entry.
        if (first->operation >= Operation::bit_set && first->source == Source::reg)
            general_register(trial.regs, first->reg) %= first->size * 8u;
        trial.target = processor.data_address() + 1024 + (random() % 16) * 8 + random() % (9 - first->size);
        if (!aim(trial.code, trial.regs, trial.target))
            continue;
        trial.instruction = *decode(trial.code, trial.regs);
        bool const bit = trial.instruction.operation >= Operation::bit_set;
        if (bit && trial.instruction.source == Source::reg &&
            read_register(trial.regs, trial.instruction) >= trial.instruction.size * 8u)
            continue; // the register became the base
        return trial;
    }
}

TEST(StoreExecution, FaultsWhereWeCompute)
{
    std::mt19937_64 random(31);
    Processor processor;
    for (int round = 0; round < 8000; ++round) {
        Trial const trial = next_trial(random, processor);
        std::memcpy(processor.code(), trial.code.data(), trial.code.size());
        user_regs_struct regs = processor.own();
        copy_registers(trial.regs, regs);
        regs.orig_rax = ~0ull;
        std::uint64_t fault = 0;
        ASSERT_FALSE(processor.step(regs, fault)) << hexadecimal(trial.code, trial.instruction.length);
        ASSERT_EQ(processor.signal(), SIGSEGV) << hexadecimal(trial.code, trial.instruction.length);
        ASSERT_EQ(fault, trial.target) << hexadecimal(trial.code, trial.instruction.length);
    }
}

/// Flags that the manuals define after an operation.
std::uint64_t defined_flags(Operation operation)
{
    switch (operation) {
    case Operation::bit_set:
    case Operation::bit_reset:
    case Operation::bit_complement: return carry_flag;
    case Operation::bit_and:
    case Operation::bit_or:
    case Operation::bit_xor: return status_flags & ~adjust_flag;
    default: return status_flags;
    }
}

/// What the emulator makes of the trial, as table_write.cpp applies it.
void emulate(Trial const& trial, std::uint64_t& memory, xen::cpu_user_regs& regs)
{
    Instruction const& instruction = trial.instruction;
    unsigned const shift = static_cast<unsigned>(trial.target & 7) * 8;
    std::uint64_t const mask = size_mask(instruction.size) << shift;
    std::uint64_t const operand =
        instruction.source == Source::immediate ? instruction.immediate : read_register(regs, instruction);
    StoreResult const result = compute_store(instruction, memory >> shift, operand, regs.rax, regs.rflags);
    if (result.stores)
        memory = (memory & ~mask) | (result.fresh << shift & mask);
    if (result.loads_register)
        write_register(regs, instruction, result.loaded);
    if (result.loads_rax)
        regs.rax = merged(regs.rax, result.loaded, instruction.size);
    regs.rflags = result.flags;
    regs.rip += instruction.length;
}

TEST(StoreExecution, DoesWhatTheProcessorDoes)
{
    std::mt19937_64 random(32);
    Processor processor;
    processor.allow_writes();
    std::map<std::pair<Operation, unsigned>, unsigned> seen;
    for (int round = 0; round < 40000; ++round) {
        Trial trial = next_trial(random, processor);
        std::uint64_t const entry = trial.target & ~7ull;
        std::byte* const place = processor.data() + (entry - processor.data_address());
        std::uint64_t memory = random() % 4 ? random() : random() % 2 ? 0 : ~0ull;
        if (trial.instruction.operation == Operation::compare_exchange && random() % 2) // let half of them succeed
            memory = trial.regs.rax << (trial.target & 7) * 8;
        std::memcpy(place, &memory, sizeof memory);
        std::memcpy(processor.code(), trial.code.data(), trial.code.size());
        user_regs_struct regs = processor.own();
        copy_registers(trial.regs, regs);
        regs.orig_rax = ~0ull;
        std::uint64_t fault = 0;
        std::string const bytes = hexadecimal(trial.code, trial.instruction.length);
        ASSERT_TRUE(processor.step(regs, fault)) << bytes << " signal " << processor.signal();

        xen::cpu_user_regs expected = trial.regs;
        emulate(trial, memory, expected);
        std::uint64_t found;
        std::memcpy(&found, place, sizeof found);
        ASSERT_EQ(memory, found) << bytes;
        xen::cpu_user_regs real{};
        copy_registers(regs, real);
        for (unsigned i = 0; i < 16; ++i)
            ASSERT_EQ(general_register(expected, i), general_register(real, i)) << bytes << " register " << i;
        ASSERT_EQ(expected.rip, real.rip) << bytes;
        std::uint64_t const defined = defined_flags(trial.instruction.operation);
        ASSERT_EQ(expected.rflags & defined, real.rflags & defined) << bytes;
        ++seen[{trial.instruction.operation, trial.instruction.size}];
    }
    EXPECT_GE(seen.size(), 11u * 4 + 3 * 3) << "each operation in each size";
    for (auto const& [what, count] : seen)
        EXPECT_GT(count, 20u) << "operation " << static_cast<unsigned>(what.first) << " size " << what.second;
}

} // namespace
} // namespace rf::pvcpu::test
