// SPDX-License-Identifier: MIT
#pragma once
/// A domain as room grant sees it: its frames, its table, and page tables that only note which place maps what.

#include "../event/machine.hpp"
#include "grant/copy.hpp"
#include "grant/table.hpp"
#include "mm/page_ref.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

namespace rf::grant_tests {

using namespace rf::grant;
using testing_machine::Owner;

/// Page tables as a map from place to entry. Like the real ones they refuse to take out what is not there. Entries here count
/// nothing: what goes over to them is given back at once and taken again when they leave, so that the counts which a test sees
/// are those of the grants. Until the flush nobody may have given anything back.
class RecordingTables final : public PageTables {
public:
    void open() override { mutex.lock(); }
    void close() override { mutex.unlock(); }
    bool install(pvmmu::GrantPlace place, pvmmu::Entry entry) override
    {
        if (refuse_install)
            return false;
        EXPECT_GT(Owner::references(entry.frame()), 1u) << "the counts of grant and entry";
        entries.insert_or_assign(key(place), entry);
        mm::drop_mapping(mm::frames[entry.frame()], access_of(entry.is_writable()));
        return true;
    }
    bool remove(pvmmu::GrantPlace place, Mfn frame, bool writable) override
    {
        auto const found = entries.find(key(place));
        if (found == entries.end() || found->second.frame() != frame || found->second.is_writable() != writable)
            return false;
        // The entry leaves the tables while somebody still keeps the frame alive.
        EXPECT_GT(Owner::references(frame), 0u);
        EXPECT_TRUE(mm::take_mappings(frame, mm::frames[frame].owner_id(), access_of(writable), 1));
        entries.erase(found);
        return true;
    }
    void flush() override
    {
        ++flushes;
        if (at_flush)
            at_flush();
    }
    static mm::MappingAccess access_of(bool writable) { return writable ? mm::MappingAccess::write : mm::MappingAccess::read; }
    using Key = std::pair<pvmmu::GrantAddress, std::uint64_t>;
    static Key key(pvmmu::GrantPlace place) { return {place.kind, place.address}; }

    std::mutex mutex;
    std::map<Key, pvmmu::Entry> entries;
    bool refuse_install = false;
    std::atomic<unsigned> flushes = 0;
    std::function<void()> at_flush; ///< what a test looks at while the entries are being forgotten
};

class Party {
public:
    explicit Party(std::uint16_t id, std::uint32_t max_frames = 4, std::uint32_t max_maptrack = 4)
        : owner(DomainId{id}), table(owner.memory)
    {
        Status const made = table.init(max_frames, max_maptrack);
        EXPECT_TRUE(made);
    }
    ~Party() { release_all(); }

    void release_all()
    {
        Budget budget(1u << 20);
        EXPECT_EQ(table.release_all(budget), Progress::done);
    }
    [[nodiscard]] DomainId id() const { return owner.memory.id(); }

    /// The guest's own view of an entry.
    [[nodiscard]] xen::grant_entry_v1& entry(std::uint32_t ref)
    {
        Mfn const frame = table.frame(ref / GrantTable::entries_per_frame).value();
        return direct_as<xen::grant_entry_v1>(frame)[ref % GrantTable::entries_per_frame];
    }
    void grant(std::uint32_t ref, Party const& user, Mfn frame, std::uint16_t flags = xen::GTF_permit_access)
    {
        entry(ref) = {flags, user.id().value, static_cast<std::uint32_t>(frame.value)};
    }
    [[nodiscard]] std::uint16_t flags(std::uint32_t ref) { return entry(ref).flags; }

    xen::gnttab_map_grant_ref map(Party& granter, std::uint32_t ref, std::uint32_t how, std::uint64_t address = 0x1000)
    {
        xen::gnttab_map_grant_ref op{};
        op.host_addr = address;
        op.flags = how;
        op.ref = ref;
        op.dom = granter.id().value;
        op.handle = ~0u;
        table.map(granter.table, tables, {&op, 1});
        return op;
    }
    xen::grant_status unmap(xen::grant_handle_t handle, std::uint64_t address = 0x1000, std::uint64_t bus_address = 0)
    {
        xen::gnttab_unmap_grant_ref op{address, bus_address, handle, 0};
        table.unmap(tables, {&op, 1});
        return static_cast<xen::grant_status>(op.status);
    }

    Owner owner;
    RecordingTables tables;
    GrantTable table;
};

inline constexpr std::uint32_t host = xen::GNTMAP_host_map;
inline constexpr std::uint32_t host_read_only = xen::GNTMAP_host_map | xen::GNTMAP_readonly;
inline constexpr std::uint16_t access_only = xen::GTF_permit_access;
inline constexpr std::uint16_t in_read = xen::GTF_permit_access | xen::GTF_reading;
inline constexpr std::uint16_t in_write = in_read | xen::GTF_writing;

[[nodiscard]] inline std::uint64_t writable_uses(Mfn mfn)
{
    auto const state = mm::frames[mfn].load();
    return state.type() == mm::FrameType::writable ? state.type_count() : 0;
}

/// Makes a frame look like a page table in use, for one scope.
class AsPageTable {
public:
    explicit AsPageTable(Mfn mfn) : frame_(mm::frames[mfn])
    {
        auto const state = frame_.load();
        frame_.state.store(state.with_type(mm::FrameType::l1).with_uses(1).plus_references(1).word());
    }
    ~AsPageTable()
    {
        auto const state = frame_.load();
        frame_.state.store(state.idle_since(0).plus_references(-1).with_type(mm::FrameType::none).word());
    }

private:
    mm::Frame& frame_;
};

} // namespace rf::grant_tests
