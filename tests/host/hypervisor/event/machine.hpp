// SPDX-License-Identifier: MIT
#pragma once
/// A small machine for the tests of rooms event and grant: 64 MiB of memory behind the real frame table, allocator and
/// heap. It is made once per process, because the heap keeps what it has cut up; a machine that another test has put in
/// place already is used as it is.

#include "base/address_map.hpp"
#include "mm/allocator.hpp"
#include "mm/domain_memory.hpp"
#include "mm/m2p.hpp"
#include "mm/page_ref.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <vector>

namespace rf::testing_machine {

inline constexpr std::uint64_t machine_frames = 16384;

/// `count`: frames of the machine, a multiple of 2,048; the first 512 are never handed out.
inline void ensure(std::uint64_t count = machine_frames)
{
    if (address_map::fake_memory)
        return;
    static std::uint64_t present[1] = {(1ull << count / mm::FrameTable::group_frames) - 1};
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(1u << 21, count * page_size));
    std::memset(memory, 0x5a, count * page_size);
    address_map::fake_memory = memory;
    address_map::m2p_writable =
        reinterpret_cast<std::uint64_t>(std::calloc(count, sizeof(std::uint64_t)));
    mm::m2p_limit = Mfn{count};
    static std::vector<std::uint16_t> owners(count, domid_invalid.value);
    mm::frames.attach(new mm::Frame[count], owners.data(), Mfn{count}, present);
    mm::allocator.attach(new std::uint64_t[mm::FrameAllocator::words(Mfn{count})]{}, Mfn{count});
    mm::allocator.add(Mfn{512}, count - 512);
}

/// The frames of one domain; checks at its end that every frame came back.
class Owner {
public:
    explicit Owner(DomainId id) : memory((ensure(), id))
    {
        EXPECT_TRUE(memory.enter());
    }
    ~Owner()
    {
        Mfn place{0};
        Budget plenty{~0u};
        while (auto const mfn = memory.visit_next(place, plenty)) {
            bool const was_ours = memory.give_up(*mfn).has_value();
            bool const last = references(*mfn) == 1;
            mm::drop_reference(*mfn);
            if (!was_ours || !last) {
                ADD_FAILURE() << "frame " << mfn->value << " of domain " << memory.id().value << " is still referenced";
                break;
            }
        }
        memory.leave();
    }
    Owner(Owner const&) = delete;
    Owner& operator=(Owner const&) = delete;

    [[nodiscard]] Mfn frame()
    {
        auto const made = memory.allocate(0);
        EXPECT_TRUE(made);
        return made.value_or(invalid_mfn);
    }
    [[nodiscard]] static std::uint64_t references(Mfn mfn) { return mm::frames[mfn].load().references(); }

    mm::DomainMemory memory;
};

} // namespace rf::testing_machine
