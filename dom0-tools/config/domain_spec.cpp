// SPDX-License-Identifier: MIT
#include "config/domain_spec.hpp"

#include <algorithm>
#include <cstdio>
#include <random>

namespace rf::config {
namespace {

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string to_text(const Uuid& uuid)
{
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < uuid.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text += '-';
        text += digits[uuid[i] >> 4];
        text += digits[uuid[i] & 15];
    }
    return text;
}

std::optional<Uuid> parse_uuid(std::string_view text)
{
    Uuid uuid{};
    std::size_t nibble = 0;
    for (char c : text) {
        if (c == '-')
            continue;
        const int digit = hex_digit(c);
        if (digit < 0 || nibble == 32)
            return std::nullopt;
        uuid[nibble / 2] = static_cast<std::uint8_t>(uuid[nibble / 2] << 4 | digit);
        ++nibble;
    }
    if (nibble != 32)
        return std::nullopt;
    return uuid;
}

Uuid random_uuid()
{
    std::random_device source("/dev/urandom");
    Uuid uuid{};
    for (std::size_t i = 0; i < uuid.size(); i += 4) {
        const std::uint32_t word = source();
        for (std::size_t j = 0; j < 4; ++j)
            uuid[i + j] = static_cast<std::uint8_t>(word >> 8 * j);
    }
    uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x40);
    uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
    return uuid;
}

std::string_view to_text(EndAction action)
{
    switch (action) {
    case EndAction::destroy: return "destroy";
    case EndAction::restart: return "restart";
    case EndAction::preserve: return "preserve";
    case EndAction::rename_restart: return "rename-restart";
    case EndAction::coredump_destroy: return "coredump-destroy";
    case EndAction::coredump_restart: return "coredump-restart";
    }
    return "destroy";
}

std::string mac_text(const std::array<std::uint8_t, 6>& mac)
{
    char text[18];
    std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return text;
}

bool DomainSpec::needs_backend_process() const
{
    return std::ranges::any_of(disks, [](const DiskSpec& disk) { return disk.backend == Backend::process; }) ||
           std::ranges::any_of(interfaces, [](const InterfaceSpec& interface) { return interface.backend == Backend::process; });
}

}  // namespace rf::config
