// SPDX-License-Identifier: MIT
#include "block/journal.hpp"

#include <cerrno>

#include "ring/shared_words.hpp"

namespace rf::block {
namespace {

using ring::SharedIndex;

struct Head {
    std::uint32_t entries;
    std::uint32_t req_cons;
    std::uint32_t rsp_prod;
    std::uint32_t reserved[13];
};
static_assert(sizeof(Head) == 64);

enum EntryState : std::uint32_t { free_entry = 0, active = 1, answered = 2 };

struct Entry {
    std::uint32_t state;
    std::uint32_t sequence;  ///< ring index of the request
    std::uint32_t answer;    ///< ring index of the response
    std::uint32_t reserved;
    RawRequest raw;
};
static_assert(sizeof(Entry) == 128);

/// Whether free-running index a comes before b.
bool before(std::uint32_t a, std::uint32_t b)
{
    return static_cast<std::int32_t>(a - b) < 0;
}

}  // namespace

std::size_t QueueJournal::bytes(std::uint32_t entries)
{
    return sizeof(Head) + std::size_t{entries} * sizeof(Entry);
}

std::byte* QueueJournal::entry(std::uint32_t number) const
{
    return memory_.data() + bytes(number);
}

void QueueJournal::reset(std::uint32_t entries, std::uint32_t index)
{
    SharedIndex(memory_.data() + offsetof(Head, entries)).store(0);
    for (std::uint32_t i = 0; i < entries; ++i)
        SharedIndex(entry(i) + offsetof(Entry, state)).store(free_entry);
    SharedIndex(memory_.data() + offsetof(Head, req_cons)).store(index);
    SharedIndex(memory_.data() + offsetof(Head, rsp_prod)).store(index);
    SharedIndex(memory_.data() + offsetof(Head, entries)).store(entries);
}

void QueueJournal::take(std::uint32_t number, std::uint32_t sequence, const RawRequest& raw)
{
    std::byte* const at = entry(number);
    SharedIndex(at + offsetof(Entry, state)).store(free_entry);
    ring::copy_in(at + offsetof(Entry, raw), raw);
    SharedIndex(at + offsetof(Entry, sequence)).store(sequence);
    SharedIndex(at + offsetof(Entry, state)).store(active);
    SharedIndex(memory_.data() + offsetof(Head, req_cons)).store(sequence + 1);
}

void QueueJournal::reopen(std::uint32_t number)
{
    SharedIndex(entry(number) + offsetof(Entry, state)).store(active);
}

void QueueJournal::answer(std::uint32_t number, std::uint32_t index)
{
    std::byte* const at = entry(number);
    SharedIndex(at + offsetof(Entry, answer)).store(index);
    SharedIndex(at + offsetof(Entry, state)).store(answered);
}

void QueueJournal::publish(std::uint32_t rsp_prod)
{
    SharedIndex(memory_.data() + offsetof(Head, rsp_prod)).store(rsp_prod);
}

void QueueJournal::release(std::uint32_t number)
{
    SharedIndex(entry(number) + offsetof(Entry, state)).store(free_entry);
}

Result<QueueJournal::Recovered> QueueJournal::recover(std::uint32_t entries) const
{
    const auto head = ring::copy_out<Head>(memory_.data());
    const std::uint32_t unanswered = head.req_cons - head.rsp_prod;
    if (head.entries != entries || unanswered > entries)
        return xen::failure(EBADMSG, "the journal is not of this ring");
    Recovered found{head.req_cons, head.rsp_prod, {}};
    for (std::uint32_t i = 0; i < entries; ++i) {
        const auto saved = ring::copy_out<Entry>(entry(i));
        const bool counts = (saved.state == active && before(saved.sequence, head.req_cons)) ||
                            (saved.state == answered && !before(saved.answer, head.rsp_prod));
        if (counts)
            found.requests.push_back({i, saved.raw});
    }
    if (found.requests.size() != unanswered)
        return xen::failure(EBADMSG, "the journal contradicts itself");
    return found;
}

}  // namespace rf::block
