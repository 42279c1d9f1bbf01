// SPDX-License-Identifier: MIT
#include "dev/pirq.hpp"

namespace rf::dev {

Status PirqTable::ensure_table()
{
    if (table_.load(acquire))
        return {};
    LockGuard guard(lock_);
    if (table_.load(relaxed))
        return {};
    words_ = TRY(mm::Array<std::uint32_t>::make(limit));
    table_.store(words_.data(), release);
    return {};
}

std::uint32_t PirqTable::load(unsigned pirq) const
{
    std::uint32_t* const table = table_.load(acquire);
    return table && pirq < limit ? shared(table[pirq]).load(acquire) : word(Stage::free);
}

bool PirqTable::claim(unsigned pirq, std::uint32_t expected)
{
    return shared(table_.load(acquire)[pirq]).compare_exchange_strong(expected, word(Stage::busy), acq_rel, acquire);
}

void PirqTable::store(unsigned pirq, std::uint32_t value) { shared(table_.load(acquire)[pirq]).store(value, release); }

Result<unsigned> PirqTable::claim_free(std::int32_t wanted)
{
    if (wanted >= 0) {
        auto const pirq = static_cast<unsigned>(wanted);
        if (pirq >= limit || pirq < interrupts.gsi_limit())
            return fail(Errno::einval);
        return claim(pirq, word(Stage::free)) ? Result<unsigned>{pirq} : fail(Errno::eexist);
    }
    for (unsigned pirq = limit; pirq-- > interrupts.gsi_limit();)
        if (claim(pirq, word(Stage::free)))
            return pirq;
    return fail(Errno::enospc);
}

Status PirqTable::map_gsi(Gsi gsi)
{
    auto const id = TRY(interrupts.gsi(gsi));
    if (gsi >= limit)
        return fail(Errno::einval);
    TRY(ensure_table());
    if (!claim(gsi, word(Stage::free)))
        return fail(Errno::eexist);
    store(gsi, word(Stage::mapped, id));
    return {};
}

Result<unsigned> PirqTable::map_message(MsiPlace const& place, std::int32_t wanted, CpuId cpu)
{
    TRY(ensure_table());
    unsigned const pirq = TRY(claim_free(wanted));
    auto const id = interrupts.create_message(place, cpu);
    if (!id) {
        store(pirq, word(Stage::free));
        return fail(id.error());
    }
    store(pirq, word(Stage::mapped, *id));
    return pirq;
}

Status PirqTable::unmap(unsigned pirq)
{
    std::uint32_t const now = load(pirq);
    if (state_of(now) == Stage::free)
        return fail(Errno::einval);
    if (state_of(now) != Stage::mapped || !claim(pirq, now))
        return fail(Errno::ebusy);
    interrupts.destroy_message(id_of(now)); // a line is left alone: it exists for ever
    store(pirq, word(Stage::free));
    return {};
}

bool PirqTable::is_mapped(unsigned pirq) const
{
    Stage const stage = state_of(load(pirq));
    return stage == Stage::mapped || stage == Stage::bound;
}

Status PirqTable::bind(unsigned pirq, Sharing sharing, CpuId cpu)
{
    std::uint32_t const now = load(pirq);
    if (state_of(now) == Stage::free)
        return fail(Errno::einval);
    if (state_of(now) == Stage::bound)
        return fail(Errno::eexist);
    if (state_of(now) != Stage::mapped || !claim(pirq, now))
        return fail(Errno::ebusy);
    Status const done = interrupts.bind(id_of(now), sink_, pirq, sharing, cpu);
    store(pirq, done ? word(Stage::bound, id_of(now)) : now);
    return done;
}

void PirqTable::unbind(unsigned pirq)
{
    std::uint32_t const now = load(pirq);
    if (state_of(now) != Stage::bound || !claim(pirq, now))
        return;
    interrupts.unbind(id_of(now), sink_, pirq);
    store(pirq, word(Stage::mapped, id_of(now)));
}

void PirqTable::move(unsigned pirq, CpuId cpu)
{
    std::uint32_t const now = load(pirq);
    if (state_of(now) == Stage::bound)
        interrupts.move(id_of(now), cpu);
}

Status PirqTable::end(unsigned pirq)
{
    if (pirq >= limit)
        return fail(Errno::einval);
    std::uint32_t const now = load(pirq);
    if (state_of(now) == Stage::bound)
        interrupts.end(id_of(now), sink_, pirq);
    return {};
}

Result<PirqTable::Handling> PirqTable::handling(unsigned pirq) const
{
    if (pirq >= limit)
        return fail(Errno::einval);
    std::uint32_t const now = load(pirq);
    if (state_of(now) != Stage::mapped && state_of(now) != Stage::bound)
        return Handling{.needs_end = false, .shared = false};
    return Handling{.needs_end = interrupts.needs_end(id_of(now)), .shared = interrupts.is_shared(id_of(now))};
}

void PirqTable::release_all()
{
    if (!table_.load(acquire))
        return;
    for (unsigned pirq = 0; pirq < limit; ++pirq) {
        unbind(pirq);
        (void)unmap(pirq); // fails only for numbers that are not mapped
    }
    interrupts.wait_for_deliveries();
}

} // namespace rf::dev
