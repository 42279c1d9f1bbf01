// SPDX-License-Identifier: MIT
#pragma once
/// Physical memory with firmware tables in it, for tests: each region is an allocation of exactly its size, so that the
/// address sanitiser sees every read beyond a table.

#include "dev/acpi.hpp"

#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace rf::dev {

using Bytes = std::vector<std::byte>;

/// Assembles little-endian structures.
class Writer {
public:
    explicit Writer(std::size_t size = 0) : bytes_(size) {}
    template <class T>
    Writer& put(std::size_t offset, T value)
    {
        if (bytes_.size() < offset + sizeof value)
            bytes_.resize(offset + sizeof value);
        std::memcpy(bytes_.data() + offset, &value, sizeof value);
        return *this;
    }
    template <class T>
    Writer& add(T value)
    {
        return put(bytes_.size(), value);
    }
    Writer& text(std::size_t offset, std::string const& text)
    {
        for (std::size_t i = 0; i < text.size(); ++i)
            put(offset + i, text[i]);
        return *this;
    }
    Writer& checksum(std::size_t at, std::size_t count)
    {
        put(at, std::uint8_t{0});
        unsigned sum = 0;
        for (std::size_t i = 0; i < count; ++i)
            sum += static_cast<unsigned>(bytes_[i]);
        return put(at, static_cast<std::uint8_t>(0u - sum));
    }
    /// Header fields of an ACPI table: signature, length, checksum.
    Bytes table(std::string const& signature)
    {
        if (bytes_.size() < 36)
            bytes_.resize(36);
        text(0, signature).put(4, static_cast<std::uint32_t>(bytes_.size()));
        checksum(9, bytes_.size());
        return bytes_;
    }
    Bytes bytes() const { return bytes_; }

private:
    Bytes bytes_;
};

class FirmwareImage final : public acpi::Memory {
public:
    void place(std::uint64_t address, Bytes bytes) { regions_[address] = std::move(bytes); }
    Bytes& at(std::uint64_t address) { return regions_.at(address); }
    auto& regions() { return regions_; }

    std::span<std::byte const> view(std::uint64_t address, std::size_t bytes) override
    {
        auto region = regions_.upper_bound(address);
        if (region == regions_.begin())
            return {};
        --region;
        std::uint64_t const offset = address - region->first;
        if (offset > region->second.size() || region->second.size() - offset < bytes)
            return {};
        // A copy of exactly the bytes asked for: reading on is caught.
        copies_.emplace_back(region->second.begin() + static_cast<std::ptrdiff_t>(offset),
                             region->second.begin() + static_cast<std::ptrdiff_t>(offset + bytes));
        return copies_.back();
    }
    void forget_copies() { copies_.clear(); }

private:
    std::map<std::uint64_t, Bytes> regions_;
    std::vector<Bytes> copies_;
};

} // namespace rf::dev
