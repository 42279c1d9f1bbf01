// SPDX-License-Identifier: MIT
#include "mm/account.hpp"

#include "base/log.hpp"
#include "base/panic.hpp"
#include "mm/allocator.hpp"
#include "mm/heap.hpp"

namespace rf::mm {

Account::~Account()
{
    if (used())
        log::error("BUG: ", used(), " bytes kept for a domain were not given back");
}

bool Account::charge(std::uint64_t bytes)
{
    std::uint64_t used = used_.load(relaxed);
    std::uint64_t const most = limit();
    do {
        if (used > most || bytes > most - used)
            return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, relaxed, relaxed));
    return true;
}

void Account::refund(std::uint64_t bytes)
{
    std::uint64_t const before = used_.fetch_sub(bytes, relaxed);
    require(before >= bytes, "more of a domain's structures was given back than taken");
}

void* Account::allocate(std::size_t bytes)
{
    if (!charge(heap_footprint(bytes)))
        return nullptr;
    void* memory = heap_allocate(bytes);
    if (!memory)
        refund(heap_footprint(bytes));
    return memory;
}

void Account::release(void* memory, std::size_t bytes)
{
    heap_release(memory, bytes);
    refund(heap_footprint(bytes));
}

Result<Mfn> Account::allocate_frame()
{
    if (!charge(page_size))
        return fail(Errno::enomem);
    auto const frame = allocator.allocate(0);
    if (!frame)
        refund(page_size);
    return frame;
}

void Account::release_frame(Mfn frame)
{
    allocator.release(frame, 0);
    refund(page_size);
}

} // namespace rf::mm
