// SPDX-License-Identifier: MIT
#pragma once
/// What the hypervisor keeps for one domain besides the domain's own frames: structures, tables, shared pages. Every piece is
/// charged before it is taken and refunded when it goes; no domain gets more than its limit, which follows from what it was
/// given at its creation (domain/structures.hpp). Any CPU may charge at any time.

#include "base/atomic.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

#include <cstddef>

namespace rf::mm {

class Account {
public:
    constexpr Account() = default;
    /// Says so in the log when something was not given back.
    ~Account();
    Account(Account const&) = delete;
    Account& operator=(Account const&) = delete;

    /// Bytes charged, and how many may be.
    [[nodiscard]] std::uint64_t used() const { return used_.load(relaxed); }
    [[nodiscard]] std::uint64_t limit() const { return limit_.load(relaxed); }
    void set_limit(std::uint64_t bytes) { limit_.store(bytes, relaxed); }

    /// False, and nothing is charged, when that would be above the limit.
    [[nodiscard]] bool charge(std::uint64_t bytes);
    void refund(std::uint64_t bytes);

    /// As heap_allocate and heap_release, charged with what the heap takes for it.
    [[nodiscard]] void* allocate(std::size_t bytes);
    void release(void* memory, std::size_t bytes);
    /// A zeroed frame of the hypervisor's. Errno::enomem.
    [[nodiscard]] Result<Mfn> allocate_frame();
    void release_frame(Mfn frame);

private:
    Atomic<std::uint64_t> used_{0};
    Atomic<std::uint64_t> limit_{~0ull};
};

} // namespace rf::mm
