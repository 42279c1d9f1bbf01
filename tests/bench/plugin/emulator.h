// SPDX-License-Identifier: MIT
#pragma once
/// The few declarations of QEMU's plugin interface, version 1, that we need; Debian ships the interface but not its header.
/// Source: QEMU's manual, "QEMU TCG Plugins". The emulator resolves these names when it loads us.

#include <cstddef>
#include <cstdint>

extern "C" {

struct qemu_plugin_tb;
struct qemu_plugin_insn;
using PluginId = std::uint64_t;

using TranslationCallback = void (*)(PluginId, qemu_plugin_tb*);
using ExecutionCallback = void (*)(unsigned processor, void* context);
using EndCallback = void (*)(PluginId, void* context);
enum RegisterAccess { no_registers = 0 };
enum InlineOperation { add_u64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(PluginId id, TranslationCallback callback);
void qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_insn* instruction, ExecutionCallback callback, RegisterAccess access, void* context);
void qemu_plugin_register_vcpu_tb_exec_cb(qemu_plugin_tb* block, ExecutionCallback callback, RegisterAccess access, void* context);
void qemu_plugin_register_vcpu_tb_exec_inline(qemu_plugin_tb* block, InlineOperation operation, void* target, std::uint64_t value);
void qemu_plugin_register_atexit_cb(PluginId id, EndCallback callback, void* context);
std::size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb* block);
std::uint64_t qemu_plugin_tb_vaddr(const qemu_plugin_tb* block);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb* block, std::size_t index);
const void* qemu_plugin_insn_data(const qemu_plugin_insn* instruction);
std::size_t qemu_plugin_insn_size(const qemu_plugin_insn* instruction);
std::uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn* instruction);

}
