// SPDX-License-Identifier: MIT
// A plugin of the emulator: counts the instructions that execute between the marks of the bench kernel (guest/marks.h), by
// address. For each figure it writes a line "figure N WINDOWS" and lines "ADDRESS COUNT KIND"; kinds are those of `kind_of`.
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>

#include "../guest/marks.h"
#include "emulator.h"

extern "C" __attribute__((visibility("default"))) int qemu_plugin_version;
int qemu_plugin_version = 1;

namespace {

struct Counter {
    std::uint64_t count = 0;
    const char* kind = "-";
};

// Never destroyed: the emulator tells us of its end after our destructors.
auto& counters = *new std::unordered_map<std::uint64_t, std::unique_ptr<Counter>>;
std::FILE* output = nullptr;
bool in_window = false;
bool resting = true;
std::uint64_t windows = 0;
unsigned figure = 0;  // 0: before the first mark

bool is_prefix(unsigned char byte) { return byte == 0x66 || byte == 0xf2 || byte == 0xf3 || (byte & 0xf0) == 0x40; }

/// What makes an instruction slow, by its bytes (AMD64 manual volume 3).
const char* kind_of(const unsigned char* code, std::size_t size) {
    std::size_t at = 0;
    while (at < size && is_prefix(code[at])) ++at;
    if (at >= size) return "-";
    const auto byte = [&](std::size_t offset) -> unsigned { return at + offset < size ? code[at + offset] : 0; };
    if (byte(0) == 0xf0) return "lock";
    if (byte(0) == 0xcf) return "iret";
    if ((byte(0) == 0x86 || byte(0) == 0x87) && byte(1) < 0xc0) return "lock";
    if (byte(0) != 0x0f) return "-";
    switch (byte(1)) {
    case 0x30:
    case 0x32: return "msr";
    case 0x22: return (byte(2) >> 3 & 7) == 3 ? "cr3" : (byte(2) >> 3 & 7) == 4 ? "flush" : "-";
    case 0x01: return byte(2) < 0xc0 && (byte(2) >> 3 & 7) == 7 ? "flush" : "-";
    case 0x38: return byte(2) == 0x82 ? "flush" : "-";
    case 0xae: return byte(2) >= 0xe8 ? "fence" : "-";
    default: return "-";
    }
}

void write_figure() {
    if (figure == 0) return;
    std::fprintf(output, "figure %u %llu\n", figure, static_cast<unsigned long long>(windows));
    for (const auto& [address, counter] : counters)
        if (counter->count != 0)
            std::fprintf(output, "%llx %llu %s\n", static_cast<unsigned long long>(address), static_cast<unsigned long long>(counter->count), counter->kind);
}

void on_instruction(unsigned, void* context) {
    if (in_window) ++static_cast<Counter*>(context)->count;
}

void on_begin(unsigned, void*) {
    if (!resting) in_window = true, ++windows;
}
void on_rest(unsigned, void*) { in_window = false, resting = true; }
void on_end(unsigned, void*) { in_window = false; }
void on_figure(unsigned, void*) {
    write_figure();
    ++figure;
    windows = 0;
    resting = false;
    for (auto& [address, counter] : counters) counter->count = 0;
}

ExecutionCallback mark_callback(const unsigned char* code, std::size_t size) {
    if (size != 7 || code[0] != 0x0f || code[1] != 0x1f || code[2] != 0x80) return nullptr;
    std::uint32_t number;
    std::memcpy(&number, code + 3, sizeof number);
    switch (number) {
    case MARK_BEGIN: return on_begin;
    case MARK_END: return on_end;
    case MARK_FIGURE: return on_figure;
    case MARK_REST: return on_rest;
    default: return nullptr;
    }
}

void on_translation(PluginId, qemu_plugin_tb* block) {
    for (std::size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        qemu_plugin_insn* const instruction = qemu_plugin_tb_get_insn(block, i);
        const auto* const code = static_cast<const unsigned char*>(qemu_plugin_insn_data(instruction));
        const std::size_t size = qemu_plugin_insn_size(instruction);
        if (const auto callback = mark_callback(code, size)) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, callback, no_registers, nullptr);
            continue;
        }
        auto& counter = counters[qemu_plugin_insn_vaddr(instruction)];
        if (!counter) counter = std::make_unique<Counter>();
        counter->kind = kind_of(code, size);
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_instruction, no_registers, counter.get());
    }
}

void on_exit(PluginId, void*) {
    write_figure();
    std::fclose(output);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int qemu_plugin_install(PluginId id, const void*, int count, char** words) {
    for (int i = 0; i < count; ++i)
        if (std::strncmp(words[i], "out=", 4) == 0) output = std::fopen(words[i] + 4, "w");
    if (output == nullptr) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit, nullptr);
    return 0;
}
