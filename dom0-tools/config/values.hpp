// SPDX-License-Identifier: MIT
#pragma once
/// The small grammars inside a definition: numbers, sizes, processor sets, MAC addresses, disk names. Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace rf::config {

/// A decimal number that fills the text.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);
/// As above with an optional sign.
[[nodiscard]] std::optional<std::int64_t> parse_signed(std::string_view text);

/// Bytes of one `unit` as libvirt spells it: b, bytes, KB (1000), k, KiB (1024), M, MiB, ... ; nullopt if unknown.
[[nodiscard]] std::optional<std::uint64_t> bytes_of_unit(std::string_view unit);
/// `text` times `unit`, nullopt when malformed or too large.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text, std::string_view unit);

/// "0-3,^2,8" to rising numbers; processors above 1023 are refused.
[[nodiscard]] std::optional<std::vector<unsigned>> parse_cpu_set(std::string_view text);

using MacAddress = std::array<std::uint8_t, 6>;
/// A unicast address, "00:16:3e:aa:bb:cc".
[[nodiscard]] std::optional<MacAddress> parse_mac(std::string_view text);

/// The number of a disk name: xvda..., sda..., hda..., with an optional partition ("xvdb3"). Source: Xen's
/// vbd-interface numbering, as the guests' drivers read it.
[[nodiscard]] std::optional<std::uint32_t> parse_disk_name(std::string_view name);

}  // namespace rf::config
