// SPDX-License-Identifier: MIT
/// XENMEM_exchange: a domain trades frames for as many others that lie together, or below some address.
///
/// The unit is the chunk: the smallest number of frames that both sides can express in whole extents. A chunk is traded
/// wholly or not at all: lists are read, frames are taken from use, replacements are found and told to the guest; only
/// then, in steps that cannot fail, do the frames change hands. Between chunks the call may be continued.
#include "base/budget.hpp"
#include "domain/table.hpp"
#include "guest/access.hpp"
#include "hypercall/memory.hpp"
#include "mm/allocator.hpp"
#include "mm/heap.hpp"
#include "mm/m2p.hpp"

#include <algorithm>

namespace rf::hypercall::memory {
namespace {

/// A checked request.
struct Trade {
    domain::DomainRef target;
    guest::Array<xen::xen_pfn_t> given{0, 0};
    guest::Array<xen::xen_pfn_t> wanted{0, 0};
    unsigned given_order = 0;
    unsigned wanted_order = 0;
    unsigned address_bits = 64;
    std::uint64_t done = 0; ///< extents of `given`

    [[nodiscard]] unsigned chunk_order() const { return std::max(given_order, wanted_order); }
    [[nodiscard]] std::uint64_t given_per_chunk() const { return 1ull << (chunk_order() - given_order); }
    [[nodiscard]] std::uint64_t wanted_per_chunk() const { return 1ull << (chunk_order() - wanted_order); }
};

[[nodiscard]] Status check(domain::Domain const& caller, xen::xen_memory_exchange const& request)
{
    xen::xen_memory_reservation const& in = request.in;
    xen::xen_memory_reservation const& out = request.out;
    unsigned const largest = order_limit(caller); // a chunk is not interrupted
    if (in.extent_order > largest || out.extent_order > largest)
        return fail(Errno::eperm);
    constexpr std::uint64_t most_frames = 1ull << 40;
    if (in.domid != out.domid || in.nr_extents > most_frames || out.nr_extents > most_frames ||
        in.nr_extents << in.extent_order != out.nr_extents << out.extent_order)
        return fail(Errno::einval);
    unsigned const chunk_order = std::max(in.extent_order, out.extent_order);
    std::uint64_t const per_chunk = 1ull << (chunk_order - in.extent_order);
    if (in.nr_extents % per_chunk || request.nr_exchanged > in.nr_extents || request.nr_exchanged % per_chunk)
        return fail(Errno::einval);
    return {};
}

[[nodiscard]] Result<Trade> decode(Call& call, xen::xen_memory_exchange const& request)
{
    TRY(check(call.domain, request));
    Trade trade;
    trade.target = TRY(domain::find_target(call.domain, DomainId{request.in.domid}));
    if (trade.target->life.load(relaxed) != domain::LifeState::alive)
        return fail(Errno::esrch);
    trade.given = {request.in.extent_start.address, request.in.nr_extents};
    trade.wanted = {request.out.extent_start.address, request.out.nr_extents};
    trade.given_order = request.in.extent_order;
    trade.wanted_order = request.out.extent_order;
    if (unsigned const bits = xen::XENMEMF_get_address_bits(request.out.mem_flags))
        trade.address_bits = std::min(bits, 64u);
    trade.done = request.nr_exchanged;
    return trade;
}

/// One chunk under way; what was not committed is undone when it goes out of scope.
class Chunk {
public:
    Chunk(Trade& trade, std::span<std::uint64_t> given, std::span<std::uint64_t> numbers, std::span<std::uint64_t> found)
        : trade_(trade), given_(given), numbers_(numbers), found_(found)
    {
    }
    Chunk(Chunk const&) = delete;
    Chunk& operator=(Chunk const&) = delete;
    ~Chunk() { undo(); }

    /// Everything that can fail. Errno::efault, Errno::einval (a frame is in use or not the domain's), Errno::enomem.
    [[nodiscard]] Status prepare()
    {
        std::uint64_t const first_wanted = trade_.done / trade_.given_per_chunk() * trade_.wanted_per_chunk();
        TRY(trade_.given.read(trade_.done, given_.data(), given_.size()));
        TRY(trade_.wanted.read(first_wanted, numbers_.data(), numbers_.size()));
        TRY(take_given());
        TRY(find_replacements());
        for (std::uint64_t i = 0; i < found_.size(); ++i)
            TRY(trade_.wanted.put(first_wanted + i, found_[i]));
        return {};
    }

    /// The replacements become the domain's first, so that it is never without frames while it owns some.
    void commit()
    {
        mm::DomainMemory& memory = trade_.target->memory;
        std::uint64_t const size = 1ull << trade_.wanted_order;
        for (std::uint64_t i = 0; i < found_.size(); ++i) {
            memory.take_over(Mfn{found_[i]}, size);
            for (std::uint64_t k = 0; k < size; ++k)
                mm::set_m2p(Mfn{found_[i]} + k, Pfn{numbers_[i]} + k);
        }
        for (std::uint64_t i = 0; i < taken_count_; ++i)
            memory.free_taken(taken(i));
        if (is_dying())
            for (std::uint64_t mfn : found_)
                for (std::uint64_t k = 0; k < size; ++k)
                    (void)memory.give_up(Mfn{mfn} + k); // unless teardown saw it and did
        taken_count_ = found_count_ = 0;
    }

private:
    /// The `index`-th frame given.
    [[nodiscard]] Mfn taken(std::uint64_t index) const
    {
        return Mfn{given_[index >> trade_.given_order]} + (index & ((1ull << trade_.given_order) - 1));
    }

    [[nodiscard]] Status take_given()
    {
        std::uint64_t const frames = 1ull << trade_.chunk_order();
        for (; taken_count_ < frames; ++taken_count_)
            TRY(trade_.target->memory.take_away(taken(taken_count_)));
        return {};
    }

    [[nodiscard]] Status find_replacements()
    {
        for (; found_count_ < found_.size(); ++found_count_)
            found_[found_count_] =
                TRY(mm::allocator.allocate(trade_.wanted_order, mm::Contents::zeroed, trade_.address_bits)).value;
        return {};
    }

    void undo()
    {
        while (found_count_)
            mm::allocator.release(Mfn{found_[--found_count_]}, trade_.wanted_order);
        mm::DomainMemory& memory = trade_.target->memory;
        for (std::uint64_t i = 0; i < taken_count_; ++i)
            memory.put_back(taken(i));
        if (taken_count_ && is_dying())
            for (std::uint64_t i = 0; i < taken_count_; ++i)
                (void)memory.give_up(taken(i)); // as above
        taken_count_ = 0;
    }

    /// Teardown of the domain may have passed over frames that were taken away or are new: then they are given up here.
    [[nodiscard]] bool is_dying() const
    {
        std::atomic_thread_fence(std::memory_order_seq_cst); // our frames are visible before we look
        return trade_.target->life.load(acquire) != domain::LifeState::alive;
    }

    Trade& trade_;
    std::span<std::uint64_t> given_;   ///< first frame of each extent
    std::span<std::uint64_t> numbers_; ///< pseudo-physical numbers of the replacements
    std::span<std::uint64_t> found_;   ///< the replacements
    std::uint64_t taken_count_ = 0;    ///< frames
    std::uint64_t found_count_ = 0;    ///< extents
};

/// Trades chunk after chunk until the list ends, something fails, or the budget is used up.
[[nodiscard]] Result<Progress> run(Trade& trade)
{
    auto const lists = TRY(mm::Array<std::uint64_t>::make(trade.given_per_chunk() + 2 * trade.wanted_per_chunk()));
    std::span<std::uint64_t> const all{lists.data(), lists.size()};
    auto const given = all.first(trade.given_per_chunk());
    auto const numbers = all.subspan(given.size(), trade.wanted_per_chunk());
    auto const found = all.last(trade.wanted_per_chunk());
    Budget budget{entries_per_segment};
    while (trade.done < trade.given.size()) {
        if (budget.exhausted())
            return Progress::more;
        Chunk chunk{trade, given, numbers, found};
        TRY(chunk.prepare());
        chunk.commit();
        trade.done += given.size();
        (void)budget.spend(2 * frame_cost << trade.chunk_order());
    }
    return Progress::done;
}

} // namespace

Outcome exchange(Call& call)
{
    auto request = guest::fetch<xen::xen_memory_exchange>(call[1]);
    if (!request)
        return fail(request.error());
    auto trade = decode(call, *request);
    if (!trade)
        return fail(trade.error());
    auto const outcome = run(*trade);
    request->nr_exchanged = trade->done;
    if (Status told = guest::copy_out(call[1], *request); !told)
        return fail(told.error());
    if (!outcome)
        return fail(outcome.error());
    return *outcome == Progress::more ? Outcome::again(call) : Outcome::ok();
}

} // namespace rf::hypercall::memory
