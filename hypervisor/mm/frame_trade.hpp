// SPDX-License-Identifier: MIT
#pragma once
/// Frames on their way to a domain that are too many for one piece of work: a large extent, or frames in exchange for others.
/// The work is done in stages, each of which stops when its budget is used up and goes on at the next call:
///
///     gather   blocks are taken from the allocator and cleaned
///     take     what the domain gives is taken from its use
///     tell     the caller tells the guest the new frames' numbers
///     commit   the new frames become the domain's: from here on nothing can fail
///     part     what was given goes back to the allocator
///
/// What fails or is given up before `commit` is undone (restore, discard), as if it had never been. Until `commit` no guest can
/// reach one of the frames: the new ones have no owner among domains, the taken ones no references and no owner either.
/// A trade is one CPU's at a time (TradeDesk).

#include "base/budget.hpp"
#include "base/types.hpp"
#include "mm/heap.hpp"

#include <span>

namespace rf::mm {

class DomainMemory;

class FrameTrade {
public:
    /// What is wanted, in extents of 2^wanted_order frames, and what is given for it. Nothing given: the domain grows, and the
    /// frames count against its limit and its claim from the start. Otherwise both sides have the same number of frames.
    struct Terms {
        std::uint64_t wanted_count = 0;
        unsigned wanted_order = 0;
        unsigned address_bits = 64;
        std::uint64_t given_count = 0;
        unsigned given_order = 0;
    };
    enum class Stage : std::uint8_t { gather, take, tell, commit, part, restore, discard, ended };

    /// No extent on either side is larger.
    static constexpr unsigned largest_order = 12;
    /// What a trade takes at most, charged to the domain's account.
    [[nodiscard]] static std::uint64_t most_bytes();

    /// Errno::enomem: no memory for the lists, or the domain may not grow so far.
    [[nodiscard]] static Result<Box<FrameTrade>> make(Terms const& terms, DomainMemory& memory);
    /// Of make.
    FrameTrade(Terms const& terms, Array<std::uint64_t> lists) : terms_(terms), lists_(std::move(lists)) {}

    /// First frames of the extents given, and the pseudo-physical number of the first frame of each that is wanted (~0: none): to
    /// be filled in before the first step.
    [[nodiscard]] std::span<std::uint64_t> given() const { return all().first(terms_.given_count); }
    [[nodiscard]] std::span<std::uint64_t> numbers() const { return all().subspan(terms_.given_count, terms_.wanted_count); }
    /// First frames of the new extents, once found.
    [[nodiscard]] std::span<std::uint64_t> found() const { return all().last(terms_.wanted_count); }

    /// Goes on until the stage is `tell` or `ended`, or the budget is used up.
    void advance(DomainMemory& memory, Budget& budget);
    [[nodiscard]] Stage stage() const { return stage_; }
    /// While the stage is `tell`: the guest was told found().
    void note_told() { stage_ = Stage::commit; }
    [[nodiscard]] bool is_committed() const { return stage_ == Stage::commit || stage_ == Stage::part; }
    /// Undoes the trade because of `error`; after commit it has no effect. Steps are still needed until it ended.
    void abandon(Errno error);
    /// Once ended: whether the trade was made, or why not.
    [[nodiscard]] Status result() const { return result_; }

private:
    [[nodiscard]] std::span<std::uint64_t> all() const { return {lists_.data(), lists_.size()}; }
    [[nodiscard]] std::uint64_t size() const { return terms_.wanted_count << terms_.wanted_order; }
    /// The `index`-th frame wanted, and given.
    [[nodiscard]] Mfn wanted_frame(std::uint64_t index) const;
    [[nodiscard]] Mfn given_frame(std::uint64_t index) const;
    void gather(Budget& budget);
    void take(DomainMemory& memory, Budget& budget);
    void commit(DomainMemory& memory, Budget& budget);
    void part(DomainMemory& memory, Budget& budget);
    void restore(DomainMemory& memory, Budget& budget);
    void discard(DomainMemory& memory, Budget& budget);

    Terms terms_;
    Array<std::uint64_t> lists_;
    Stage stage_ = Stage::gather;
    Status result_{};
    std::uint64_t from_claim_ = 0; ///< of a growth: frames of the claim that are not taken yet
    std::uint64_t held_ = 0;       ///< frames found, in whole extents
    std::uint64_t clean_ = 0;      ///< of these
    std::uint64_t taken_ = 0;      ///< frames
    std::uint64_t committed_ = 0;  ///< frames
};

} // namespace rf::mm
