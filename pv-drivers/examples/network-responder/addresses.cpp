// SPDX-License-Identifier: MIT
#include "addresses.hpp"

#include <algorithm>
#include <bit>

namespace rf::responder {

namespace {

/// Takes a decimal number of at most `limit` from the front of `text`.
[[nodiscard]] std::optional<std::uint32_t> take_number(std::string_view& text, std::uint32_t limit)
{
    std::uint32_t value = 0;
    std::size_t digits = 0;
    while (digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9')
        value = value * 10 + static_cast<std::uint32_t>(text[digits++] - '0');
    if (digits == 0 || value > limit)
        return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

[[nodiscard]] bool take_sign(std::string_view& text, char sign)
{
    if (text.empty() || text.front() != sign)
        return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::optional<Network> parse_network(std::string_view text)
{
    std::uint32_t address = 0;
    for (unsigned i = 0; i < 4; ++i) {
        if (i > 0 && !take_sign(text, '.'))
            return std::nullopt;
        const auto part = take_number(text, 255);
        if (!part)
            return std::nullopt;
        address = address << 8 | *part;
    }
    if (!take_sign(text, '/'))
        return std::nullopt;
    const auto bits = take_number(text, 32);
    if (!bits || *bits == 0 || !text.empty() || !is_host(Ipv4{address}))
        return std::nullopt;
    const Network network{Ipv4{address}, *bits};
    if (network.is_edge(network.address))
        return std::nullopt;
    return network;
}

std::optional<unsigned> prefix_of(std::uint32_t mask)
{
    const auto ones = static_cast<unsigned>(std::countl_one(mask));
    const std::uint32_t expected = Network{no_address, std::max(ones, 1u)}.mask();
    if (mask != expected)
        return std::nullopt;
    return ones;
}

}  // namespace rf::responder
