// SPDX-License-Identifier: MIT
#pragma once
/// What hypercalls meet beyond page tables, as a test on the host sets it: features of the processor, extended registers
/// of vCPUs, and guest memory that can be read but not written.

#include "base/result.hpp"
#include "cpu/features.hpp"

namespace rf::cpu {

struct FakeState {
    Features features;                  ///< of cpu::host()
    std::uint64_t components = 7;       ///< extended state that the processor has
    std::uint64_t read_only_begin = 0;  ///< guest addresses to which no copy goes
    std::uint64_t read_only_end = 0;
};
inline FakeState fake_state;

/// Makes an object unwritable for hypercalls while it is in scope.
class ReadOnly {
public:
    template <class T>
    explicit ReadOnly(T const& object)
    {
        fake_state.read_only_begin = reinterpret_cast<std::uint64_t>(&object);
        fake_state.read_only_end = fake_state.read_only_begin + sizeof object;
    }
    ~ReadOnly() { fake_state.read_only_begin = fake_state.read_only_end = 0; }
    ReadOnly(ReadOnly const&) = delete;
    ReadOnly& operator=(ReadOnly const&) = delete;
};

} // namespace rf::cpu
