// SPDX-License-Identifier: MIT
#pragma once
/// Configuration space for tests: functions are arrays of 256 bytes; everything else reads all ones.

#include "dev/msi.hpp"
#include "dev/pci.hpp"

#include <array>
#include <cstring>
#include <map>
#include <vector>

namespace rf::dev {

class FakePci final : public pci::Configuration {
public:
    using Space = std::array<std::uint8_t, 256>;

    Space& function(pci::Address address) { return spaces_[address]; }
    void set16(pci::Address a, unsigned offset, std::uint16_t value) { std::memcpy(&spaces_[a][offset], &value, 2); }
    void set32(pci::Address a, unsigned offset, std::uint32_t value) { std::memcpy(&spaces_[a][offset], &value, 4); }
    std::uint32_t get32(pci::Address a, unsigned offset) { return read(a, static_cast<std::uint16_t>(offset), 4); }

    /// A plain device with an empty capability list.
    void add_device(pci::Address a)
    {
        spaces_[a].fill(0);
        set32(a, 0, 0x1000'1af4);
    }
    /// Puts a capability in front of the list.
    void add_capability(pci::Address a, std::uint8_t offset, std::uint8_t id)
    {
        Space& space = spaces_[a];
        space[6] |= 0x10;
        space[offset] = id;
        space[offset + 1u] = space[0x34];
        space[0x34] = offset;
    }
    void add_msi(pci::Address a, std::uint8_t offset, std::uint16_t control)
    {
        add_capability(a, offset, pci::capability_msi);
        set16(a, offset + 2u, control);
    }
    /// Table in memory BAR `bar` (64-bit) at `table_offset`.
    void add_msix(pci::Address a, std::uint8_t offset, unsigned entries, unsigned bar, std::uint64_t bar_address,
                  std::uint32_t table_offset)
    {
        add_capability(a, offset, pci::capability_msix);
        set16(a, offset + 2u, static_cast<std::uint16_t>(entries - 1));
        set32(a, offset + 4u, table_offset | bar);
        set32(a, 0x10 + bar * 4, static_cast<std::uint32_t>(bar_address) | 0x4);
        set32(a, 0x14 + bar * 4, static_cast<std::uint32_t>(bar_address >> 32));
    }

    std::uint32_t read(pci::Address a, std::uint16_t offset, unsigned size) override
    {
        std::uint32_t value = ~0u;
        auto const found = spaces_.find(a);
        if (found != spaces_.end() && offset + size <= 256) {
            value = 0;
            std::memcpy(&value, &found->second[offset], size);
        }
        return size == 4 ? value : value & ((1u << size * 8) - 1);
    }
    void write(pci::Address a, std::uint16_t offset, unsigned size, std::uint32_t value) override
    {
        ++writes;
        auto const found = spaces_.find(a);
        if (found != spaces_.end() && offset + size <= 256)
            std::memcpy(&found->second[offset], &value, size);
    }
    unsigned writes = 0;

private:
    std::map<pci::Address, Space> spaces_;
};

/// Memory behind BARs.
class FakeTableMemory final : public TableMemory {
public:
    Result<std::uint32_t volatile*> map_entry(std::uint64_t address) override
    {
        auto& entry = entries[address];
        if (entry.empty())
            entry = {0, 0, 0, 1}; // as after reset: masked
        return entry.data();
    }
    std::map<std::uint64_t, std::vector<std::uint32_t>> entries;
};

} // namespace rf::dev
