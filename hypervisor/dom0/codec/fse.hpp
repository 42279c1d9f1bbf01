// SPDX-License-Identifier: MIT
#pragma once
/// Finite state entropy coding, the tabled arithmetic coder of zstd (RFC 8878, 4.1).

#include "dom0/codec/backward_bits.hpp"
#include "dom0/problem.hpp"

#include <array>

namespace rf::dom0::codec {

struct FseState {
    std::uint16_t base;  ///< of the next state's number
    std::uint8_t bits;   ///< to read and add to it
    std::uint8_t symbol;
};

/// Counts of each symbol, scaled to a sum of 2^accuracy; -1 stands for "less than one".
struct FseCounts {
    std::array<std::int16_t, 256> of{};
    unsigned symbols = 0;
    unsigned accuracy = 0;
    std::size_t bytes_read = 0;
};

/// Reads counts from their compact form. Refuses more than `max_symbols` symbols or a higher accuracy.
[[nodiscard]] Parsed<FseCounts> read_counts(std::span<std::uint8_t const> bytes, unsigned max_symbols,
                                            unsigned max_accuracy);

/// One code: its states, up to 2^9.
class FseTable {
public:
    void build(FseCounts const& counts);
    /// A code of a single symbol that takes no bits.
    void build_constant(std::uint8_t symbol);
    [[nodiscard]] unsigned accuracy() const { return accuracy_; }
    [[nodiscard]] FseState const& operator[](std::uint64_t state) const { return states_[state]; }

    static constexpr unsigned most_accuracy = 9;

private:
    std::array<FseState, 1u << most_accuracy> states_;
    unsigned accuracy_ = 0;
};

} // namespace rf::dom0::codec
