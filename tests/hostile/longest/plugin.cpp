// SPDX-License-Identifier: MIT
// A plugin of the emulator: the longest runs of the hypervisor. A run begins with the first instruction of the hypervisor after
// one of a guest (or after a halt) and ends before the next of a guest (or with a halt). The hypervisor has interrupts off
// from the one to the other and looks for other work only between two runs, so that one number answers two questions: the
// longest time with interrupts off, and the longest without a point where another vCPU could be put on.
//
// A string instruction counts once for each of its rounds. Runs before the first instruction of a guest's kernel are the boot's.
// Output, for each kept run: "run INSTRUCTIONS", then "ADDRESS INSTRUCTIONS" of its blocks in the order of their first turn.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../../bench/plugin/emulator.h"

extern "C" __attribute__((visibility("default"))) int qemu_plugin_version;
int qemu_plugin_version = 1;

namespace {

constexpr std::uint64_t hypervisor_begin = 0xffff800000000000, hypervisor_end = 0xffff880000000000;
/// Shorter runs are not told apart.
constexpr std::uint64_t notable = 2'000;
constexpr std::size_t kept_runs = 4'000;
constexpr unsigned most_processors = 8;

struct Block {
    std::uint64_t address;
    std::uint64_t instructions;
    bool halts;
};

using Turns = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

struct Run {
    std::uint64_t instructions = 0;
    Turns blocks;
};

/// What one processor is in the middle of.
struct alignas(64) Progress {
    std::uint64_t instructions = 0;
    std::vector<const Block*> first;  ///< blocks until the run is notable
    std::unordered_map<std::uint64_t, std::size_t> places;
    Run run;
};

// Never destroyed: the emulator tells us of its end after our destructors.
auto& blocks = *new std::vector<std::unique_ptr<Block>>;
auto& progress = *new std::array<Progress, most_processors>;
auto& runs = *new std::vector<Run>;
auto& counts = *new std::array<std::uint64_t, 64>{};  ///< runs by the power of two below their length
auto& lock = *new std::mutex;
std::FILE* output = nullptr;
bool guests_run = false;

void note(Progress& own, const Block& block) {
    const auto [place, fresh] = own.places.try_emplace(block.address, own.run.blocks.size());
    if (fresh) own.run.blocks.emplace_back(block.address, 0);
    own.run.blocks[place->second].second += block.instructions;
}

void finish(Progress& own) {
    if (guests_run) {
        std::scoped_lock guard{lock};
        ++counts[static_cast<std::size_t>(63 - __builtin_clzll(own.instructions))];
        if (own.instructions >= notable) {
            own.run.instructions = own.instructions;
            runs.push_back(std::move(own.run));
            if (runs.size() > 2 * kept_runs) {
                std::ranges::nth_element(runs, runs.begin() + kept_runs, std::greater{}, &Run::instructions);
                runs.resize(kept_runs);
            }
        }
    }
    own.run = {};
    own.places.clear();
    own.first.clear();
    own.instructions = 0;
}

void on_hypervisor(unsigned processor, void* context) {
    if (processor >= most_processors) return;
    Progress& own = progress[processor];
    const Block& block = *static_cast<const Block*>(context);
    own.instructions += block.instructions;
    if (own.instructions < notable) {
        own.first.push_back(&block);
    } else {
        for (const Block* earlier : own.first) note(own, *earlier);
        own.first.clear();
        note(own, block);
    }
    if (block.halts) finish(own);
}

void on_guest(unsigned processor, void* context) {
    if (processor >= most_processors) return;
    if (!guests_run) guests_run = static_cast<const Block*>(context)->address >= hypervisor_end, progress[processor].instructions = 0;
    if (progress[processor].instructions != 0) finish(progress[processor]);
}

void on_translation(PluginId, qemu_plugin_tb* block) {
    const std::size_t count = qemu_plugin_tb_n_insns(block);
    const std::uint64_t address = qemu_plugin_tb_vaddr(block);
    const auto* const last = qemu_plugin_tb_get_insn(block, count - 1);
    const auto* const code = static_cast<const unsigned char*>(qemu_plugin_insn_data(last));
    auto known = std::make_unique<Block>(Block{address, count, qemu_plugin_insn_size(last) == 1 && code[0] == 0xf4});
    const bool ours = address >= hypervisor_begin && address < hypervisor_end;
    qemu_plugin_register_vcpu_tb_exec_cb(block, ours ? on_hypervisor : on_guest, no_registers, known.get());
    std::scoped_lock guard{lock};
    blocks.push_back(std::move(known));
}

void on_exit(PluginId, void*) {
    std::scoped_lock guard{lock};
    std::ranges::sort(runs, std::greater{}, &Run::instructions);
    if (runs.size() > kept_runs) runs.resize(kept_runs);
    for (std::size_t power = 0; power < counts.size(); ++power)
        if (counts[power] != 0) std::fprintf(output, "count %zu %llu\n", power, static_cast<unsigned long long>(counts[power]));
    for (const auto& run : runs) {
        std::fprintf(output, "run %llu\n", static_cast<unsigned long long>(run.instructions));
        for (const auto& [address, instructions] : run.blocks)
            std::fprintf(output, "%llx %llu\n", static_cast<unsigned long long>(address), static_cast<unsigned long long>(instructions));
    }
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
