// SPDX-License-Identifier: MIT
/// Story: three domains grant to each other and themselves, map, unmap, copy and change their entries under each other's
/// feet, at random and for a long time. A model that keeps plain lists predicts each status; in-use bits, references and
/// writable uses of every frame are compared with what the lists say. Seeds are fixed.
#include "world.hpp"

#include <random>

namespace rf::grant_tests {
namespace {

constexpr unsigned parties = 3;
constexpr unsigned refs = 10;
constexpr unsigned frames_each = 4;
constexpr std::uint16_t in_use_bits = xen::GTF_reading | xen::GTF_writing;

struct Mapping {
    unsigned mapper;
    unsigned granter;
    std::uint32_t ref;
    xen::grant_handle_t handle;
    std::uint64_t address;
    std::uint32_t halves;
    bool writable;
    Mfn frame;
};

/// What a grant reference is used for at the moment.
struct Uses {
    unsigned user = 0;
    Mfn frame;
    unsigned readers = 0, writers = 0;
    [[nodiscard]] bool any() const { return readers + writers > 0; }
};

class Walk {
public:
    explicit Walk(unsigned seed) : random_(seed)
    {
        for (auto& party : parties_)
            for (unsigned count = 0; count < frames_each; ++count)
                frames_.push_back(party->owner.frame());
    }

    /// All mappings go before the first domain does, as frames keep their domains.
    ~Walk()
    {
        for (auto& party : parties_)
            party->release_all();
    }

    void run(unsigned steps)
    {
        for (unsigned step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            switch (pick(8)) {
            case 0:
            case 1: change_entry(); break;
            case 2:
            case 3:
            case 4: map(); break;
            case 5:
            case 6: unmap(); break;
            default: copy_bytes(); break;
            }
            compare();
        }
    }

private:
    [[nodiscard]] unsigned pick(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
    [[nodiscard]] Party& party(unsigned index) { return *parties_[index]; }
    [[nodiscard]] bool owns(unsigned index, Mfn frame) const
    {
        for (unsigned count = 0; count < frames_each; ++count)
            if (frames_[index * frames_each + count] == frame)
                return true;
        return false;
    }

    /// The granter writes an entry, also one that is in use; the in-use bits stay as a well-behaved guest leaves them.
    void change_entry()
    {
        unsigned const index = pick(parties);
        std::uint32_t const ref = pick(refs);
        xen::grant_entry_v1& entry = party(index).entry(ref);
        constexpr std::uint16_t kinds[] = {xen::GTF_permit_access, xen::GTF_permit_access, xen::GTF_permit_access,
                                           xen::GTF_permit_access | xen::GTF_readonly, xen::GTF_invalid,
                                           xen::GTF_accept_transfer};
        entry.flags = static_cast<std::uint16_t>(kinds[pick(6)] | (entry.flags & in_use_bits));
        entry.domid = party(pick(parties)).id().value;
        entry.frame = static_cast<std::uint32_t>(
            pick(8) ? frames_[index * frames_each + pick(frames_each)].value : frames_[pick(frames_.size())].value);
    }

    /// The frame that `user` may use through the grant, or the status of the refusal.
    [[nodiscard]] Granted<Mfn> permitted(unsigned user, unsigned granter, std::uint32_t ref, bool writable)
    {
        if (ref >= GrantTable::entries_per_frame)
            return refuse(xen::GNTST_bad_gntref);
        xen::grant_entry_v1 const& entry = party(granter).entry(ref);
        Uses const& uses = uses_[{granter, ref}];
        bool const first = !uses.any();
        if (first ? (entry.flags & xen::GTF_type_mask) != xen::GTF_permit_access || entry.domid != party(user).id().value
                  : uses.user != user)
            return refuse(xen::GNTST_general_error);
        if (writable && uses.writers == 0 && entry.flags & xen::GTF_readonly)
            return refuse(xen::GNTST_general_error);
        Mfn const frame = first ? Mfn{entry.frame} : uses.frame;
        return owns(granter, frame) ? Granted<Mfn>(frame) : refuse(xen::GNTST_general_error);
    }

    void map()
    {
        static constexpr std::uint32_t hows[] = {host, host, host_read_only, host | xen::GNTMAP_device_map,
                                                 xen::GNTMAP_device_map | xen::GNTMAP_readonly, xen::GNTMAP_readonly};
        unsigned const mapper = pick(parties), granter = pick(parties);
        std::uint32_t const ref = pick(40) ? pick(refs) : 512 + pick(100);
        std::uint32_t const how = hows[pick(6)];
        bool const writable = !(how & xen::GNTMAP_readonly);
        std::uint32_t const halves = how & (host | xen::GNTMAP_device_map);
        std::uint64_t const address = ++next_address_ << page_shift;
        auto const expected = permitted(mapper, granter, ref, writable);
        auto const got = party(mapper).map(party(granter), ref, how, address);
        if (!halves) {
            ASSERT_EQ(got.status, xen::GNTST_bad_gntref);
            return;
        }
        ASSERT_EQ(got.status, expected ? xen::GNTST_okay : expected.error());
        if (!expected)
            return;
        ASSERT_EQ(got.dev_bus_addr, expected->value << page_shift);
        use(mapper, granter, ref, writable, *expected);
        live_.push_back({mapper, granter, ref, got.handle, address, halves, writable, *expected});
    }
    void use(unsigned user, unsigned granter, std::uint32_t ref, bool writable, Mfn frame)
    {
        Uses& uses = uses_[{granter, ref}];
        uses.user = user;
        uses.frame = frame;
        ++(writable ? uses.writers : uses.readers);
    }

    void unmap()
    {
        if (live_.empty())
            return;
        unsigned const chosen = pick(live_.size());
        Mapping& mapping = live_[chosen];
        if (pick(10) == 0) { // someone else's handle, or a wrong address
            unsigned const other = (mapping.mapper + 1) % parties;
            bool known = false;
            for (Mapping const& each : live_)
                known = known || (each.mapper == other && each.handle == mapping.handle);
            if (!known) {
                ASSERT_EQ(party(other).unmap(mapping.handle, mapping.address), xen::GNTST_bad_handle);
            }
            if (mapping.halves & host) {
                ASSERT_EQ(party(mapping.mapper).unmap(mapping.handle, mapping.address + page_size),
                          xen::GNTST_general_error);
            }
            return;
        }
        bool const name_host = pick(4) != 0;
        bool const name_device = pick(4) != 0;
        ASSERT_EQ(party(mapping.mapper).unmap(mapping.handle, name_host ? mapping.address : 0,
                                              name_device ? mapping.frame.value << page_shift : 0),
                  xen::GNTST_okay);
        if (name_host)
            mapping.halves &= ~host;
        if (name_device)
            mapping.halves &= ~static_cast<std::uint32_t>(xen::GNTMAP_device_map);
        if (mapping.halves != 0)
            return;
        Uses& uses = uses_[{mapping.granter, mapping.ref}];
        --(mapping.writable ? uses.writers : uses.readers);
        stale_ = {mapping.mapper, mapping.handle};
        live_.erase(live_.begin() + chosen);
        ASSERT_EQ(party(stale_.first).unmap(stale_.second, 0x1000), xen::GNTST_bad_handle);
    }

    void copy_bytes()
    {
        unsigned const user = pick(parties), granter = pick(parties);
        std::uint32_t const ref = pick(refs);
        bool const to_grant = pick(2);
        Mfn const own = frames_[user * frames_each + pick(frames_each)];
        auto const granted = permitted(user, granter, ref, to_grant);
        CopyEnd const by_grant{party(granter).table, CopyEnd::Kind::grant, ref, 64};
        CopyEnd const by_frame{party(user).table, CopyEnd::Kind::frame, own.value, 128};
        auto const got = to_grant ? copy(party(user).id(), by_frame, by_grant, 32)
                                  : copy(party(user).id(), by_grant, by_frame, 32);
        ASSERT_EQ(got, granted ? xen::GNTST_okay : granted.error());
    }

    void compare()
    {
        for (unsigned index = 0; index < parties; ++index)
            for (std::uint32_t ref = 0; ref < refs; ++ref) {
                Uses const& uses = uses_[{index, ref}];
                unsigned const reading = uses.any() ? unsigned{xen::GTF_reading} : 0;
                unsigned const writing = uses.writers ? unsigned{xen::GTF_writing} : 0;
                ASSERT_EQ(party(index).flags(ref) & in_use_bits, reading | writing) << "domain " << index << " ref " << ref;
            }
        std::map<std::uint64_t, std::pair<unsigned, unsigned>> held;
        std::array<std::size_t, parties> entries{}, records{};
        for (Mapping const& mapping : live_) {
            ++held[mapping.frame.value].first;
            held[mapping.frame.value].second += mapping.writable;
            entries[mapping.mapper] += (mapping.halves & host) != 0;
            ++records[mapping.mapper];
        }
        for (Mfn frame : frames_) {
            ASSERT_EQ(Owner::references(frame), 1u + held[frame.value].first);
            ASSERT_EQ(writable_uses(frame), held[frame.value].second);
        }
        for (unsigned index = 0; index < parties; ++index) {
            ASSERT_EQ(party(index).tables.entries.size(), entries[index]);
            ASSERT_EQ(party(index).table.mappings(), records[index]);
        }
    }

    std::mt19937 random_;
    std::array<std::unique_ptr<Party>, parties> parties_{
        std::make_unique<Party>(1, 1, 1024), std::make_unique<Party>(2, 1, 1024), std::make_unique<Party>(3, 1, 1024)};
    std::vector<Mfn> frames_;
    std::vector<Mapping> live_;
    std::map<std::pair<unsigned, std::uint32_t>, Uses> uses_;
    std::pair<unsigned, xen::grant_handle_t> stale_{};
    std::uint64_t next_address_ = 0;
};

TEST(GrantModel, RandomWalk)
{
    for (unsigned seed : {1u, 2u, 3u, 4u}) {
        Walk walk(seed);
        walk.run(30000);
        ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
    }
}

} // namespace
} // namespace rf::grant_tests
