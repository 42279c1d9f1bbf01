// SPDX-License-Identifier: MIT
#include "base/checks.hpp"
#include "base/lock_rank.hpp"
#include "base/panic.hpp"

namespace rf::lock_order {
namespace {

/// The report itself takes locks: they must not be judged any more.
void complain(HeldLocks& held, std::string_view what)
{
    held.forget_all();
    panic(what);
}

} // namespace

void waiting(void const* lock, LockRank rank)
{
    auto& held = own_object<HeldLocks>();
    switch (held.judge(lock, rank)) {
    case HeldLocks::Verdict::in_order:
        return;
    case HeldLocks::Verdict::out_of_order:
        return complain(held, "locks are taken against their order");
    case HeldLocks::Verdict::taken_already:
        return complain(held, "a lock is taken twice");
    }
}

void taken(void const* lock, LockRank rank)
{
    auto& held = own_object<HeldLocks>();
    if (!held.add(lock, rank))
        complain(held, "more locks are held at once than can be checked");
}

void released(void const* lock)
{
    auto& held = own_object<HeldLocks>();
    if (!held.remove(lock))
        complain(held, "a lock is given back that is not held here");
}

} // namespace rf::lock_order
