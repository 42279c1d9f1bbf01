// SPDX-License-Identifier: MIT
#pragma once
/// Three domains that grant to each other and themselves, beside a model of plain lists. Each operation is done to both; its
/// status must be the model's, and `compare` looks at all that can be seen: in-use bits, references and writable uses of
/// frames, page-table entries, records. The tests say what happens when.

#include "world.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace rf::grant_tests {

class Model {
public:
    static constexpr unsigned parties = 3, refs = 10, frames_each = 4;
    static constexpr std::uint16_t in_use_bits = xen::GTF_reading | xen::GTF_writing;

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

    Model()
    {
        for (unsigned index = 0; index < parties; ++index)
            make(index);
    }
    /// All mappings go before the first domain does, as frames keep their domains.
    ~Model()
    {
        for (auto& party : parties_)
            party->release_all();
    }

    [[nodiscard]] std::vector<Mapping> const& live() const { return live_; }
    [[nodiscard]] Mfn frame(unsigned index, unsigned number) const { return frames_[index][number]; }
    [[nodiscard]] bool is_dead(unsigned index) const { return dead_[index]; }
    [[nodiscard]] Party& party(unsigned index) { return *parties_[index]; }

    /// The granter writes an entry, also one that is in use; the in-use bits stay as a well-behaved guest leaves them.
    void change_entry(unsigned index, std::uint32_t ref, std::uint16_t kind, unsigned user, Mfn frame)
    {
        if (dead_[index])
            return;
        xen::grant_entry_v1& entry = party(index).entry(ref);
        entry.flags = static_cast<std::uint16_t>(kind | (entry.flags & in_use_bits));
        entry.domid = party(user).id().value;
        entry.frame = static_cast<std::uint32_t>(frame.value);
    }
    void map(unsigned mapper, unsigned granter, std::uint32_t ref, std::uint32_t how)
    {
        if (dead_[mapper])
            return;
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
    /// Undoes the named halves of a live mapping; when none is left, its handle must be dead.
    void unmap(std::size_t chosen, bool name_host, bool name_device)
    {
        Mapping& mapping = live_[chosen];
        ASSERT_EQ(party(mapping.mapper).unmap(mapping.handle, name_host ? mapping.address : 0,
                                              name_device ? mapping.frame.value << page_shift : 0),
                  xen::GNTST_okay);
        if (name_host)
            mapping.halves &= ~host;
        if (name_device)
            mapping.halves &= ~static_cast<std::uint32_t>(xen::GNTMAP_device_map);
        if (mapping.halves != 0)
            return;
        unsigned const mapper = mapping.mapper;
        xen::grant_handle_t const handle = mapping.handle;
        let_go(mapping);
        live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(chosen));
        ASSERT_EQ(party(mapper).unmap(handle, 0x1000), xen::GNTST_bad_handle);
    }
    /// Someone else's handle, or a wrong address.
    void unmap_wrongly(std::size_t chosen)
    {
        Mapping const& mapping = live_[chosen];
        unsigned const other = (mapping.mapper + 1) % parties;
        bool known = dead_[other];
        for (Mapping const& each : live_)
            known = known || (each.mapper == other && each.handle == mapping.handle);
        if (!known) {
            ASSERT_EQ(party(other).unmap(mapping.handle, mapping.address), xen::GNTST_bad_handle);
        }
        if (mapping.halves & host) {
            ASSERT_EQ(party(mapping.mapper).unmap(mapping.handle, mapping.address + page_size), xen::GNTST_general_error);
        }
    }
    void copy_bytes(unsigned user, unsigned granter, std::uint32_t ref, bool to_grant, unsigned own)
    {
        if (dead_[user])
            return;
        Mfn const page = frames_[user][own];
        auto const granted = permitted(user, granter, ref, to_grant);
        CopyEnd const by_grant{party(granter).table, CopyEnd::Kind::grant, ref, 64};
        CopyEnd const by_frame{party(user).table, CopyEnd::Kind::frame, page.value, 128};
        if (granted) // bytes that tell which page they came from
            std::memset(direct(to_grant ? page : *granted) + (to_grant ? 128 : 64), static_cast<int>(++marks_), 32);
        auto const got = to_grant ? copy(party(user).id(), by_frame, by_grant, 32)
                                  : copy(party(user).id(), by_grant, by_frame, 32);
        ASSERT_EQ(got, granted ? xen::GNTST_okay : granted.error());
        if (granted) {
            ASSERT_EQ(std::memcmp(direct(*granted) + 64, direct(page) + 128, 32), 0);
        }
    }
    /// The domain ends: what it mapped goes at once; what others mapped of it stays theirs.
    void die(unsigned index)
    {
        if (dead_[index])
            return;
        dead_[index] = true;
        party(index).release_all();
        std::erase_if(live_, [&](Mapping const& mapping) {
            if (mapping.mapper == index)
                let_go(mapping);
            return mapping.mapper == index;
        });
        party(index).tables.entries.clear(); // its page tables are undone elsewhere
    }
    /// A dead domain whose frames nobody maps any more makes room for a new one with its number.
    void revive(unsigned index)
    {
        for (Mapping const& mapping : live_)
            if (mapping.granter == index)
                return;
        if (!dead_[index])
            return;
        parties_[index].reset();
        std::erase_if(uses_, [&](auto const& each) { return each.first.first == index; });
        make(index);
    }

    void compare()
    {
        for (unsigned index = 0; index < parties; ++index)
            for (std::uint32_t ref = 0; ref < refs && !dead_[index]; ++ref) {
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
        for (auto const& frames : frames_)
            for (Mfn frame : frames) {
                ASSERT_EQ(Owner::references(frame), 1u + held[frame.value].first);
                ASSERT_EQ(writable_uses(frame), held[frame.value].second);
            }
        for (unsigned index = 0; index < parties; ++index) {
            ASSERT_EQ(party(index).tables.entries.size(), entries[index]);
            ASSERT_EQ(party(index).table.mappings(), records[index]);
        }
    }

private:
    /// What a grant reference is used for at the moment.
    struct Uses {
        unsigned user = 0;
        Mfn frame;
        unsigned readers = 0, writers = 0;
        [[nodiscard]] bool any() const { return readers + writers > 0; }
    };

    void make(unsigned index)
    {
        parties_[index] = std::make_unique<Party>(static_cast<std::uint16_t>(index + 1), 1, 1024);
        for (Mfn& frame : frames_[index])
            frame = parties_[index]->owner.frame();
        dead_[index] = false;
    }
    [[nodiscard]] bool owns(unsigned index, Mfn frame) const
    {
        return std::ranges::find(frames_[index], frame) != frames_[index].end();
    }
    /// The frame that `user` may use through the grant, or the status of the refusal.
    [[nodiscard]] Granted<Mfn> permitted(unsigned user, unsigned granter, std::uint32_t ref, bool writable)
    {
        if (dead_[granter])
            return refuse(xen::GNTST_general_error);
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
    void use(unsigned user, unsigned granter, std::uint32_t ref, bool writable, Mfn frame)
    {
        Uses& uses = uses_[{granter, ref}];
        uses.user = user;
        uses.frame = frame;
        ++(writable ? uses.writers : uses.readers);
    }
    void let_go(Mapping const& mapping)
    {
        Uses& uses = uses_[{mapping.granter, mapping.ref}];
        --(mapping.writable ? uses.writers : uses.readers);
    }

    std::array<std::unique_ptr<Party>, parties> parties_;
    std::array<std::array<Mfn, frames_each>, parties> frames_;
    std::array<bool, parties> dead_{};
    std::vector<Mapping> live_;
    std::map<std::pair<unsigned, std::uint32_t>, Uses> uses_;
    std::uint64_t next_address_ = 0;
    unsigned marks_ = 0;
};

} // namespace rf::grant_tests
