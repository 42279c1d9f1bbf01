// SPDX-License-Identifier: MIT
// What goes out to guests holds what it should and nothing else: the bytes between a structure's members are zero, whatever
// our stack held there before.
#include "guest/access.hpp"

#include "xen/event.h"
#include "xen/vcpu.h"

#include <gtest/gtest.h>

#include <array>
#include <new>

namespace rf::guest {
namespace {

struct Sparse {
    std::uint8_t first;
    std::uint32_t second;
    std::uint8_t third;
    std::uint64_t fourth;
    std::uint16_t last;
};
static_assert(sizeof(Sparse) == 32);

/// A T all of whose bytes, the hidden ones too, were `filling` before its members were set.
template <class T>
class Dirty {
public:
    Dirty()
    {
        bytes_.fill(filling);
        value_ = reinterpret_cast<T*>(bytes_.data());
    }
    T* operator->() { return value_; }
    T const& operator*() const { return *value_; }
    static constexpr unsigned char filling = 0xa5;

private:
    alignas(T) std::array<unsigned char, sizeof(T)> bytes_;
    T* value_;
};

template <class T>
std::array<unsigned char, sizeof(T)> sent(T const& value)
{
    std::array<unsigned char, sizeof(T)> place;
    place.fill(0xee);
    EXPECT_TRUE(copy_out(reinterpret_cast<std::uint64_t>(place.data()), value));
    return place;
}

TEST(GuestAccess, WhatLiesBetweenMembersIsZero)
{
    Dirty<Sparse> dirty;
    dirty->first = 1;
    dirty->second = 2;
    dirty->third = 3;
    dirty->fourth = 4;
    dirty->last = 5;
    auto const place = sent(*dirty);
    for (unsigned hidden : {1u, 2u, 3u, 9u, 15u, 26u, 31u})
        EXPECT_EQ(place[hidden], 0) << hidden;
    EXPECT_EQ(place[0], 1);
    EXPECT_EQ(place[4], 2);
    EXPECT_EQ(place[8], 3);
    EXPECT_EQ(place[16], 4);
    EXPECT_EQ(place[24], 5);
}

TEST(GuestAccess, StructuresOfTheAbiHideNothing)
{
    Dirty<xen::evtchn_bind_ipi> ipi; // nothing between its members: goes out as it is
    ipi->vcpu = 7;
    ipi->port = 9;
    EXPECT_EQ(sent(*ipi)[0], 7);
    Dirty<xen::evtchn_alloc_unbound> unbound;
    unbound->dom = unbound->remote_dom = 0;
    unbound->port = 0;
    for (unsigned char const byte : sent(*unbound))
        EXPECT_EQ(byte, 0);
    Dirty<xen::vcpu_runstate_info> runstate;
    runstate->state = 0;
    runstate->state_entry_time = 0;
    for (auto& time : runstate->time)
        time = 0;
    for (unsigned char const byte : sent(*runstate))
        EXPECT_EQ(byte, 0);
}

} // namespace
} // namespace rf::guest
