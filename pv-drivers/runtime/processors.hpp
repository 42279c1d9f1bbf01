// SPDX-License-Identifier: MIT
#pragma once
/// More vCPUs than the first. Each has a stack of its own, by which it is told apart; console, memory, timer, grants and store
/// stay the first one's.

#include <cstddef>
#include <cstdint>

#include "result.hpp"

namespace rf::runtime {

/// A vCPU's stack above a page that start_processor makes inaccessible.
struct alignas(4096) ProcessorStack {
    std::byte guard[4096];
    std::byte bytes[16384];
};

/// vCPUs that may be started: numbers 1 ... most_processors - 1.
inline constexpr unsigned most_processors = 8;

namespace detail {
extern const ProcessorStack* stacks[most_processors];
extern unsigned highest_started;
}  // namespace detail

/// Number of the vCPU that asks: 0 unless it runs on a stack that start_processor was given.
[[nodiscard]] inline unsigned processor_number()
{
    const auto here = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
    for (unsigned number = 1; number <= detail::highest_started; ++number)
        if (here - reinterpret_cast<std::uint64_t>(detail::stacks[number]) < sizeof(ProcessorStack))
            return number;
    return 0;
}

/// Starts vCPU `number` in `program`, which must not return, with the runtime's exceptions and event callback, in the page
/// tables that the domain was born with; events are masked. Call from vCPU 0, once per number.
/// Errors: EINVAL (no such number), those of VCPUOP_initialise and VCPUOP_up (ENOENT: the domain has no such vCPU).
[[nodiscard]] Result<void> start_processor(unsigned number, ProcessorStack& stack, void (*program)());

}  // namespace rf::runtime
