// SPDX-License-Identifier: MIT
#include "dom0/codec/lzma.hpp"

#include "dom0/codec/copy.hpp"

namespace rf::dom0::codec {
namespace {

constexpr unsigned probability_bits = 11;
constexpr Probability one_half = 1u << (probability_bits - 1);
constexpr unsigned adaptation_shift = 5;
constexpr std::uint32_t smallest_range = 1u << 24;

// States 0..6 follow a literal, 7..11 a match or repeat.
constexpr unsigned first_match_state = 7;
constexpr unsigned after_literal(unsigned state) { return state < 4 ? 0 : state < 10 ? state - 3 : state - 6; }
constexpr unsigned after_match(unsigned state) { return state < first_match_state ? 7 : 10; }
constexpr unsigned after_repeat(unsigned state) { return state < first_match_state ? 8 : 11; }
constexpr unsigned after_short_repeat(unsigned state) { return state < first_match_state ? 9 : 11; }

constexpr unsigned shortest_match = 2;
constexpr unsigned first_tree_slot = 4;    ///< smaller slots are the distance itself
constexpr unsigned first_aligned_slot = 14; ///< from here the low 4 bits have a tree of their own
constexpr std::uint32_t end_marker_distance = 0xffff'ffff;

/// The range coder while it works: kept in registers.
struct Coder {
    std::uint32_t range;
    std::uint32_t code;
    std::uint8_t const* in;
    LzmaModel& model;

    [[gnu::always_inline]] void normalize()
    {
        if (range < smallest_range) {
            range <<= 8;
            code = code << 8 | *in++;
        }
    }

    /// One decision: calls on_zero or on_one.
    template <class OnZero, class OnOne>
    [[gnu::always_inline]] void decide(Probability& probability, OnZero on_zero, OnOne on_one)
    {
        normalize();
        std::uint32_t const chance = probability;
        std::uint32_t const bound = (range >> probability_bits) * chance;
        if (code < bound) {
            range = bound;
            probability = model.after_zero[chance];
            on_zero();
        } else {
            range -= bound;
            code -= bound;
            probability = model.after_one[chance];
            on_one();
        }
    }
    [[gnu::always_inline]] bool bit(Probability& probability)
    {
        bool one;
        decide(probability, [&] { one = false; }, [&] { one = true; });
        return one;
    }

    /// Walks a tree from its root; yields the leaf's number, 0 .. 2^Bits - 1.
    template <unsigned Bits>
    [[gnu::always_inline]] std::uint32_t tree(Probability* nodes)
    {
        std::uint64_t node = 1;
#pragma GCC unroll 8
        for (unsigned i = 0; i < Bits; ++i)
            decide(nodes[node], [&] { node *= 2; }, [&] { node = node * 2 + 1; });
        return static_cast<std::uint32_t>(node) - (1u << Bits);
    }
    /// As tree, but the bits come lowest first.
    [[gnu::always_inline]] std::uint32_t reverse_tree(Probability* nodes, unsigned bits)
    {
        std::uint64_t node = 1;
        std::uint32_t value = 0;
        for (std::uint32_t weight = 1; bits; --bits, weight <<= 1)
            decide(nodes[node], [&] { node *= 2; }, [&] { node = node * 2 + 1, value += weight; });
        return value;
    }
    /// Bits that are 0 or 1 with equal chance, highest first.
    [[gnu::always_inline]] std::uint32_t direct(unsigned count)
    {
        std::uint32_t value = 0;
        for (; count; --count) {
            normalize();
            range >>= 1;
            value *= 2;
            if (code >= range) {
                code -= range;
                ++value;
            }
        }
        return value;
    }
    /// A literal in the light of the byte that the last distance points to: as long as its bits come true, there are two
    /// further trees, one for each expected bit.
    [[gnu::always_inline]] std::uint8_t matched_literal(Probability* nodes, std::uint32_t expected)
    {
        std::uint64_t node = 1;
        do {
            expected <<= 1;
            std::uint32_t const bit = expected & 0x100;
            std::uint32_t wrong;
            decide(
                nodes[0x100 + bit + node], [&] { node *= 2, wrong = bit; },
                [&] { node = node * 2 + 1, wrong = bit ^ 0x100; });
            if (wrong) {
                while (node < 0x100)
                    decide(nodes[node], [&] { node *= 2; }, [&] { node = node * 2 + 1; });
                break;
            }
        } while (node < 0x100);
        return static_cast<std::uint8_t>(node);
    }
    [[gnu::always_inline]] std::uint32_t length(LengthModel& lengths, unsigned position)
    {
        if (!bit(lengths.is_long))
            return shortest_match + tree<3>(lengths.low[position].data());
        if (!bit(lengths.is_longest))
            return shortest_match + 8 + tree<3>(lengths.middle[position].data());
        return shortest_match + 16 + tree<8>(lengths.high.data());
    }
    /// Distance minus one.
    [[gnu::always_inline]] std::uint32_t distance(std::uint32_t match_length)
    {
        unsigned const length_class = match_length < shortest_match + 4 ? match_length - shortest_match : 3;
        std::uint32_t const slot = tree<6>(model.slot[length_class].data());
        if (slot < first_tree_slot)
            return slot;
        unsigned const low_bits = (slot >> 1) - 1;
        std::uint32_t const base = (2 | (slot & 1)) << low_bits;
        if (slot < first_aligned_slot)
            return base + reverse_tree(model.distance.data() + base - slot, low_bits);
        std::uint32_t const middle = direct(low_bits - 4) << 4;
        return base + middle + reverse_tree(model.align.data(), 4);
    }
};

/// The distances (minus one) of the last four matches, latest first.
struct Repeats {
    std::uint32_t first, second, third, fourth;

    [[gnu::always_inline]] void push(std::uint32_t distance)
    {
        fourth = third;
        third = second;
        second = first;
        first = distance;
    }
    /// Moves the one that the coder names among the second to fourth to the front.
    [[gnu::always_inline]] void promote(Coder& coder, unsigned state)
    {
        std::uint32_t chosen = second;
        if (coder.bit(coder.model.is_third_repeat[state])) {
            chosen = third;
            if (coder.bit(coder.model.is_fourth_repeat[state])) {
                chosen = fourth;
                fourth = third;
            }
            third = second;
        }
        second = first;
        first = chosen;
    }
};

/// Which decision tree serves a literal: chosen by its place and by the byte before it.
struct LiteralTrees {
    Probability* first;
    std::uint64_t place_mask;
    unsigned place_shift;
    unsigned previous_shift;

    LiteralTrees(LzmaModel& model, LzmaProperties properties)
        : first(model.literal.data()), place_mask((1u << properties.literal_position) - 1),
          place_shift(properties.literal_context), previous_shift(8 - properties.literal_context)
    {
    }
    [[gnu::always_inline, nodiscard]] Probability* at(std::uint64_t offset, std::uint32_t previous) const
    {
        constexpr std::size_t nodes = 0x300; // a plain tree and two for matched literals
        return first + ((offset & place_mask) << place_shift | previous >> previous_shift) * nodes;
    }
};

} // namespace

Parsed<LzmaProperties> LzmaProperties::from_byte(std::uint8_t byte)
{
    if (byte >= 9 * 5 * 5)
        return refuse("LZMA: impossible properties");
    LzmaProperties properties;
    properties.literal_context = byte % 9;
    properties.literal_position = byte / 9 % 5;
    properties.position = byte / 45;
    if (properties.literal_context + properties.literal_position > 4)
        return refuse("LZMA: more literal context than this decoder keeps (lc + lp > 4)");
    return properties;
}

LzmaDecoder::LzmaDecoder(LzmaModel& model) : model_(&model)
{
    for (unsigned chance = 0; chance < 1u << probability_bits; ++chance) {
        model.after_zero[chance] =
            static_cast<Probability>(chance + (((1u << probability_bits) - chance) >> adaptation_shift));
        model.after_one[chance] = static_cast<Probability>(chance - (chance >> adaptation_shift));
    }
}

void LzmaDecoder::reset(LzmaProperties properties)
{
    properties_ = properties;
    state_ = 0;
    repeats_ = {};
    auto* const first = model_->is_match[0].data();
    auto* const last = model_->literal.data() + model_->literal.size();
    for (auto* probability = first; probability != last; ++probability)
        *probability = one_half;
}

Checked LzmaDecoder::start(std::uint8_t const* in)
{
    if (in[0] != 0)
        return refuse("LZMA: the coded data do not begin with 0");
    range_ = 0xffff'ffff;
    code_ = static_cast<std::uint32_t>(in[1]) << 24 | in[2] << 16 | in[3] << 8 | in[4];
    return {};
}

Parsed<LzmaDecoder::Run> LzmaDecoder::run(std::uint8_t const* in, std::uint8_t const* in_stop, std::uint8_t* out,
                                          std::uint8_t* out_end)
{
    LzmaModel& model = *model_;
    Coder coder{range_, code_, in, model};
    Repeats repeats{repeats_[0], repeats_[1], repeats_[2], repeats_[3]};
    LiteralTrees const literals(model, properties_);
    std::uint8_t* const dictionary = dictionary_;
    std::uint32_t const position_mask = (1u << properties_.position) - 1;
    unsigned state = state_;
    bool end_marker = false;

    while (out < out_end && coder.in <= in_stop) {
        auto const offset = static_cast<std::uint64_t>(out - dictionary);
        unsigned const position = offset & position_mask;
        if (!coder.bit(model.is_match[state][position])) {
            Probability* const nodes = literals.at(offset, offset ? out[-1] : 0);
            *out = state < first_match_state
                       ? static_cast<std::uint8_t>(coder.tree<8>(nodes))
                       : coder.matched_literal(nodes, out[-1 - static_cast<std::ptrdiff_t>(repeats.first)]);
            ++out;
            state = after_literal(state);
            continue;
        }

        std::uint32_t length = 1;
        if (!coder.bit(model.is_repeat[state])) {
            length = coder.length(model.match_length, position);
            repeats.push(coder.distance(length));
            state = after_match(state);
            if (repeats.first == end_marker_distance) {
                end_marker = true;
                break;
            }
        } else if (coder.bit(model.is_older_repeat[state])) {
            repeats.promote(coder, state);
            length = coder.length(model.repeat_length, position);
            state = after_repeat(state);
        } else if (coder.bit(model.is_long_repeat[state][position])) {
            length = coder.length(model.repeat_length, position);
            state = after_repeat(state);
        } else {
            state = after_short_repeat(state);
        }
        if (repeats.first >= offset) [[unlikely]]
            return refuse("LZMA: a match reaches back before the beginning");
        if (length > static_cast<std::uint64_t>(out_end - out)) [[unlikely]]
            return refuse("LZMA: more data than announced");
        copy_match(out, repeats.first + 1ull, length, out_end);
        out += length;
    }

    range_ = coder.range;
    code_ = coder.code;
    state_ = state;
    repeats_ = {repeats.first, repeats.second, repeats.third, repeats.fourth};
    return Run{coder.in, out, end_marker};
}

bool LzmaDecoder::finish(std::uint8_t const*& in)
{
    if (range_ < smallest_range) {
        range_ <<= 8;
        code_ = code_ << 8 | *in++;
    }
    return code_ == 0;
}

} // namespace rf::dom0::codec
