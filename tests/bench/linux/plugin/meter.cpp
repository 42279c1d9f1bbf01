// SPDX-License-Identifier: MIT
// A plugin of the emulator: counts the instructions of the whole machine by where they lie (hypervisor, kernels, user space and
// firmware), and writes down the lines that programs tell (tests/bench/linux/tell) with the counts before and after each:
//     HYPERVISOR KERNEL USER HYPERVISOR KERNEL USER TEXT
// A waiting processor executes nothing and so does not count. A block that a fault leaves early counts as whole.
#include <cstdio>
#include <cstring>
#include <string>

#include "../../plugin/emulator.h"
#include "../tell/tell.h"

extern "C" __attribute__((visibility("default"))) int qemu_plugin_version;
int qemu_plugin_version = 1;

namespace {

struct Counts {
    std::uint64_t hypervisor = 0, kernel = 0, user = 0;
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

void write_line()
{
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::fprintf(output, "%llu %llu %llu %llu %llu %llu %s\n", number(before.hypervisor), number(before.kernel), number(before.user),
                 number(counts.hypervisor), number(counts.kernel), number(counts.user), line.c_str());
    std::fflush(output);
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

void on_translation(PluginId, qemu_plugin_tb* block)
{
    const std::size_t instructions = qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_inline(block, add_u64, part_of(qemu_plugin_tb_vaddr(block)), instructions);
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
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int qemu_plugin_install(PluginId id, const void*, int count, char** words)
{
    for (int i = 0; i < count; ++i)
        if (std::strncmp(words[i], "out=", 4) == 0) output = std::fopen(words[i] + 4, "w");
    if (output == nullptr) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit, nullptr);
    return 0;
}
