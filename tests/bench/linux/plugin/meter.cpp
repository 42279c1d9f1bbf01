// SPDX-License-Identifier: MIT
// A plugin of the emulator: counts the instructions of the whole machine by where they lie (hypervisor, kernels, user space and
// firmware), and writes down the lines that programs tell (tests/bench/linux/tell) with the counts before and after each:
//     HYPERVISOR KERNEL USER REPEATS HYPERVISOR KERNEL USER REPEATS TEXT
// REPEATS are, of all these, the iterations of repeated string instructions but the first of each: the emulator goes through its
// translated code once for each iteration, and the processor once for the instruction. A waiting processor executes nothing and so does not count. A block that a fault leaves early counts as whole.
// With `profile=FILE` it also counts each block in each window (`begin NAME` to `end NAME`) and writes at the end, for every NAME,
// a line "window NAME OPERATIONS" and lines "ADDRESS INSTRUCTIONS".
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "../../plugin/emulator.h"
#include "../tell/tell.h"

extern "C" __attribute__((visibility("default"))) int qemu_plugin_version;
int qemu_plugin_version = 1;

namespace {

struct Counts {
    std::uint64_t hypervisor = 0, kernel = 0, user = 0, repeats = 0;
};

// The emulator adds to these in translated code.
Counts counts;
Counts before;
auto& line = *new std::string;  // never destroyed: the emulator tells us of its end after our destructors
std::FILE* output = nullptr;

/// Xen's ABI gives the hypervisor 16 slots of the address space from the middle on; the kernel has the rest of the upper half.
std::uint64_t* part_of(std::uint64_t address)
{
    constexpr std::uint64_t hypervisor_begin = 0xffff800000000000, hypervisor_end = 0xffff880000000000;
    if (address < hypervisor_begin) return &counts.user;
    return address < hypervisor_end ? &counts.hypervisor : &counts.kernel;
}

struct Block {
    std::uint64_t address, instructions, executions = 0;
};
struct Profile {
    std::uint64_t operations = 0;
    std::unordered_map<std::uint64_t, std::uint64_t> instructions;  ///< by the address of the block
};
std::FILE* profile_output = nullptr;  // closed: no profile
auto& blocks = *new std::deque<Block>;  // these stay where they are: translated code adds to them
auto& begun = *new std::map<std::string, std::vector<std::uint64_t>>;
auto& profiles = *new std::map<std::string, Profile>;

void begin_window(const std::string& name)
{
    auto& snapshot = begun[name];
    snapshot.clear();
    for (const Block& block : blocks) snapshot.push_back(block.executions);
}

void end_window(const std::string& name, std::uint64_t operations)
{
    const auto found = begun.find(name);
    if (found == begun.end()) return;
    Profile& profile = profiles[name];
    profile.operations += operations;
    std::size_t i = 0;
    for (const Block& block : blocks) {
        const std::uint64_t executions = block.executions - (i < found->second.size() ? found->second[i] : 0);
        if (executions != 0) profile.instructions[block.address] += executions * block.instructions;
        ++i;
    }
    begun.erase(found);
}

void profile_line()
{
    char name[128];
    unsigned long long operations = 0;
    if (std::sscanf(line.c_str(), "end %127s %llu", name, &operations) == 2) end_window(name, operations);
    if (std::sscanf(line.c_str(), "begin %127s", name) == 1) begin_window(name);
}

void write_profiles()
{
    for (const auto& [name, profile] : profiles) {
        std::fprintf(profile_output, "window %s %llu\n", name.c_str(), static_cast<unsigned long long>(profile.operations));
        for (const auto& [address, count] : profile.instructions)
            std::fprintf(profile_output, "%llx %llu\n", static_cast<unsigned long long>(address), static_cast<unsigned long long>(count));
    }
    std::fclose(profile_output);
}

void write_line()
{
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    for (const Counts& at : {before, counts})
        std::fprintf(output, "%llu %llu %llu %llu ", number(at.hypervisor), number(at.kernel), number(at.user), number(at.repeats));
    std::fprintf(output, "%s\n", line.c_str());
    std::fflush(output);
    if (profile_output != nullptr) profile_line();
    line.clear();
}

void on_byte(unsigned, void* context)
{
    const auto byte = static_cast<char>(reinterpret_cast<std::uintptr_t>(context));
    if (line.empty()) before = counts;
    if (byte == '\n')
        write_line();
    else
        line += byte;
}

/// The byte that the instruction tells, or -1.
int told_byte(const unsigned char* code, std::size_t size)
{
    if (size != 7 || code[0] != 0x0f || code[1] != 0x1f || code[2] != 0x80) return -1;
    std::uint32_t number;
    std::memcpy(&number, code + 3, sizeof number);
    return number - TELL_BASE < 256 ? static_cast<int>(number - TELL_BASE) : -1;
}

/// Whether this is MOVS, STOS, LODS, CMPS or SCAS with a prefix that repeats it. Source: AMD64 manual, volume 3, 1.2.
bool is_repeated(const unsigned char* code, std::size_t size)
{
    bool repeats = false;
    for (std::size_t i = 0; i < size; ++i) {
        const unsigned char byte = code[i];
        if (byte == 0xf2 || byte == 0xf3) repeats = true;
        else if (byte != 0x66 && byte != 0x67 && (byte & 0xf0) != 0x40) return repeats && ((byte >= 0xa4 && byte <= 0xa7) || (byte >= 0xaa && byte <= 0xaf));
    }
    return false;
}

void on_translation(PluginId, qemu_plugin_tb* block)
{
    const std::size_t instructions = qemu_plugin_tb_n_insns(block);
    // An iteration ends its block, and the next one begins a block with the very instruction.
    qemu_plugin_insn* const first = qemu_plugin_tb_get_insn(block, 0);
    if (is_repeated(static_cast<const unsigned char*>(qemu_plugin_insn_data(first)), qemu_plugin_insn_size(first)))
        qemu_plugin_register_vcpu_tb_exec_inline(block, add_u64, &counts.repeats, 1);
    qemu_plugin_register_vcpu_tb_exec_inline(block, add_u64, part_of(qemu_plugin_tb_vaddr(block)), instructions);
    if (profile_output != nullptr) {
        Block& counted = blocks.emplace_back(qemu_plugin_tb_vaddr(block), instructions);
        qemu_plugin_register_vcpu_tb_exec_inline(block, add_u64, &counted.executions, 1);
    }
    for (std::size_t i = 0; i < instructions; ++i) {
        qemu_plugin_insn* const instruction = qemu_plugin_tb_get_insn(block, i);
        const auto* const code = static_cast<const unsigned char*>(qemu_plugin_insn_data(instruction));
        const int byte = told_byte(code, qemu_plugin_insn_size(instruction));
        if (byte >= 0)
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_byte, no_registers, reinterpret_cast<void*>(static_cast<std::uintptr_t>(byte)));
    }
}

void on_exit(PluginId, void*)
{
    line = "powered off";
    before = counts;
    write_line();
    std::fclose(output);
    if (profile_output != nullptr) write_profiles();
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int qemu_plugin_install(PluginId id, const void*, int count, char** words)
{
    for (int i = 0; i < count; ++i) {
        if (std::strncmp(words[i], "out=", 4) == 0) output = std::fopen(words[i] + 4, "w");
        if (std::strncmp(words[i], "profile=", 8) == 0) profile_output = std::fopen(words[i] + 8, "w");
    }
    if (output == nullptr) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit, nullptr);
    return 0;
}
