// SPDX-License-Identifier: MIT
// From the first instruction to the guest's own program.
#include <algorithm>
#include <iterator>

#include "runtime.hpp"

extern "C" void (*const runtime_constructors_begin[])();
extern "C" void (*const runtime_constructors_end[])();
extern "C" std::byte runtime_stack_guard[];

namespace rf::runtime {

namespace {

alignas(page_size) std::byte shared_info_page[page_size];
const xen::start_info* boot_information = nullptr;

}  // namespace

const xen::start_info& start_info()
{
    return *boot_information;
}

std::string_view command_line_value(std::string_view name)
{
    const auto& text = boot_information->cmd_line;
    std::string_view line{std::begin(text), std::find(std::begin(text), std::end(text), '\0')};
    while (!line.empty()) {
        const auto word = line.substr(0, line.find(' '));
        if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=')
            return word.substr(name.size() + 1);
        line.remove_prefix(std::min(line.size(), word.size() + 1));
    }
    return {};
}

/// Called by entry.S on the runtime's own stack, with events masked and no trap table.
extern "C" [[noreturn]] void runtime_start(const xen::start_info* info, std::uint64_t boot_stack_end)
{
    boot_information = info;
    memory.initialise(*info, boot_stack_end);
    console.initialise(*info);
    require(memory.map_shared(shared_info_page, MachineFrame{info->shared_info / page_size}), "map the shared page");
    require(memory.make_inaccessible(runtime_stack_guard), "guard the stack");
    auto* shared = reinterpret_cast<xen::shared_info*>(shared_info_page);
    require(initialise_exceptions(shared), "set the trap table");
    timer.use(shared);
    require(events.initialise(shared), "register the event callback");
    require(timer.initialise(), "bind the timer");
    for (auto* constructor = runtime_constructors_begin; constructor != runtime_constructors_end; ++constructor)
        (*constructor)();
    guest_main();
    shutdown(xen::SHUTDOWN_poweroff);
}

}  // namespace rf::runtime
