// SPDX-License-Identifier: MIT
#pragma once
/// What one domain may make the store spend, and the ledger of what it has spent. Domain 0 has no limits.
/// A ledger may stand on a base ledger (a transaction on the live one) and then holds only differences.

#include <cstdint>
#include <map>

#include "store/permission.hpp"

namespace rf::store {

/// Limits per unprivileged domain.
struct Quota {
    std::size_t nodes = 1000;                    ///< nodes owned
    std::size_t value_bytes = 2048;              ///< one value
    std::size_t path_bytes = 1024;               ///< one path as the client wrote it
    std::size_t permissions = 5;                 ///< entries in one permission list
    std::size_t watches = 100;
    std::size_t transactions = 10;               ///< open at one time
    std::size_t transaction_requests = 1024;     ///< writes and distinct paths in one transaction
    std::size_t outstanding_replies = 1024;      ///< replies not taken yet; then no more requests are read
    std::size_t events = 1024;                   ///< watch events not taken yet; then further ones are lost
    std::size_t bytes = 2 * 1024 * 1024;         ///< all memory held for the domain
};

/// Fixed cost charged for one node, watch or logged write beyond its text, in bytes.
inline constexpr std::size_t object_overhead = 128;

struct Usage {
    std::int64_t nodes = 0;
    std::int64_t bytes = 0;

    Usage& operator+=(const Usage& other)
    {
        nodes += other.nodes;
        bytes += other.bytes;
        return *this;
    }
    friend bool operator==(const Usage&, const Usage&) = default;
};

class Ledger {
public:
    Ledger() = default;
    explicit Ledger(const Ledger* base) : base_(base) {}

    [[nodiscard]] Usage of(DomainKey domain) const;
    void add(DomainKey domain, Usage difference);
    /// Adds the differences of a ledger that stood on this one.
    void merge(const Ledger& differences);
    void forget(DomainKey domain) { own_.erase(domain); }

private:
    const Ledger* base_ = nullptr;
    std::map<DomainKey, Usage> own_;
};

}  // namespace rf::store
