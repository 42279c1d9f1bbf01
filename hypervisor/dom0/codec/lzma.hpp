// SPDX-License-Identifier: MIT
#pragma once
/// LZMA, the coding under .xz and .lzma: a range coder whose decisions predict literals and matches.
///
/// The output buffer is the dictionary, so nothing is copied twice. Numbers of decisions are in the hundred millions for
/// a kernel: each costs about a dozen instructions here, because a probability's two successors are looked up.
///
/// Source of the format: the LZMA specification of the LZMA SDK.

#include "dom0/problem.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace rf::dom0::codec {

/// The three numbers that shape an LZMA stream: literal context bits, literal position bits, position bits.
struct LzmaProperties {
    unsigned literal_context = 0;
    unsigned literal_position = 0;
    unsigned position = 0;

    /// From the encoded byte. We accept literal_context + literal_position <= 4, as .xz does.
    [[nodiscard]] static Parsed<LzmaProperties> from_byte(std::uint8_t byte);
};

/// Probability that a decision is 0, in units of 1/2048.
using Probability = std::uint16_t;

/// A tree of decisions with `Leaves` leaves; element 1 is its root.
template <unsigned Leaves>
using DecisionTree = std::array<Probability, Leaves>;

struct LengthModel {
    Probability is_long;
    Probability is_longest;
    std::array<DecisionTree<8>, 16> low;
    std::array<DecisionTree<8>, 16> middle;
    DecisionTree<256> high;
};

/// All adaptive state; a few ten KiB, so it lives in the caller's scratch memory.
struct LzmaModel {
    std::array<Probability, 2048> after_zero; ///< successor of each probability when the decision was 0
    std::array<Probability, 2048> after_one;

    // From here on: reset to one half.
    std::array<std::array<Probability, 16>, 12> is_match;
    std::array<Probability, 12> is_repeat;
    std::array<Probability, 12> is_older_repeat;  ///< 0: the distance used last
    std::array<Probability, 12> is_third_repeat;  ///< 0: the second last
    std::array<Probability, 12> is_fourth_repeat;
    std::array<std::array<Probability, 16>, 12> is_long_repeat; ///< 0: a single byte
    std::array<DecisionTree<64>, 4> slot;
    std::array<Probability, 128> distance;
    DecisionTree<16> align;
    LengthModel match_length;
    LengthModel repeat_length;
    std::array<Probability, 0x300 << 4> literal;
};

/// Decodes one stretch of range-coded data after another over one dictionary.
class LzmaDecoder {
public:
    /// `model` is scratch memory of any content.
    explicit LzmaDecoder(LzmaModel& model);

    /// Forgets everything learned and sets the properties.
    void reset(LzmaProperties properties);
    /// As reset, with the properties kept.
    void reset_state() { reset(properties_); }
    /// The dictionary begins at `start`: matches reach no further back.
    void set_dictionary(std::uint8_t* start) { dictionary_ = start; }

    /// Reads the range coder's five initial bytes at `in`.
    [[nodiscard]] Checked start(std::uint8_t const* in);
    /// Decodes until `out_end` is reached or more than `in_stop` was read. Up to `lookahead` bytes behind `in_stop` are
    /// read. An end marker, where it is allowed, ends the run too.
    struct Run {
        std::uint8_t const* in;
        std::uint8_t* out;
        bool end_marker;
    };
    [[nodiscard]] Parsed<Run> run(std::uint8_t const* in, std::uint8_t const* in_stop, std::uint8_t* out,
                                  std::uint8_t* out_end);
    /// Whether the range coder ended as an encoder ends it; reads at most one byte at `in`.
    [[nodiscard]] bool finish(std::uint8_t const*& in);

    /// More than one symbol can take from the input.
    static constexpr std::size_t lookahead = 24;

private:
    LzmaModel* model_;
    LzmaProperties properties_{};
    std::uint8_t* dictionary_ = nullptr;
    std::uint32_t range_ = 0;
    std::uint32_t code_ = 0;
    unsigned state_ = 0;
    std::array<std::uint32_t, 4> repeats_{}; ///< distances minus one, latest first
};

} // namespace rf::dom0::codec
