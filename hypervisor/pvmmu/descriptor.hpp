// SPDX-License-Identifier: MIT
#pragma once
/// Segment descriptors that guests may install, and frames that hold them (GDT and LDT pages).

#include "base/budget.hpp"
#include "pvmmu/space.hpp"

namespace rf::pvmmu {

/// Checks one 8-byte descriptor. Yields it as it is to be stored: code and data get privilege level 3, so that a guest in
/// ring 3 can use them and nothing gives it more. Errno::einval: gates to the hypervisor, task and LDT descriptors.
/// (AMD64 manual volume 2, section 4.7.)
[[nodiscard]] constexpr Result<std::uint64_t> admit_descriptor(std::uint64_t descriptor)
{
    constexpr std::uint64_t present = 1ull << 47, code_or_data = 1ull << 44, level_3 = 3ull << 45;
    if (!(descriptor & present))
        return descriptor;
    unsigned const type = descriptor >> 40 & 0xf;
    if (descriptor & code_or_data)
        return descriptor | level_3;
    if (type == 0) // upper half of a 16-byte descriptor
        return descriptor | level_3;
    constexpr unsigned call_gate = 0xc;
    unsigned const selector = descriptor >> 16 & 0xffff;
    bool const plain_gate = type == call_gate && (descriptor >> 32 & 0xff) == 0;
    if (plain_gate && (selector >= 0xe000 || !(selector & ~3u)))
        return fail(Errno::einval);
    if (plain_gate)
        return descriptor & ~level_3; // reachable from no ring that a guest runs in: its use faults
    return fail(Errno::einval);
}

/// Takes a reference on and a use of the frame as descriptor page; all 512 slots are checked at the first use. Needs
/// Space::lock. Errno::einval, Errno::ebusy.
[[nodiscard]] Status take_descriptor_page(Space& space, Mfn mfn);
void drop_descriptor_page(Mfn mfn);
/// Judges a page ahead of take_descriptor_page, which then is little work, whatever the verdict: it stays as long as nobody can have
/// written to the page. Progress::more: the budget does not suffice. Needs Space::lock.
[[nodiscard]] Progress judge_descriptor_page(Space& space, Mfn mfn, Budget& budget);

/// Stores one descriptor into a frame at `offset` (a multiple of 8): into a descriptor page checked, into other writable
/// memory of the domain checked too. Needs Space::lock. Errno::einval, Errno::ebusy.
[[nodiscard]] Status write_descriptor(Space& space, Mfn mfn, std::uint64_t offset, std::uint64_t descriptor);

} // namespace rf::pvmmu
