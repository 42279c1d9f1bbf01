// SPDX-License-Identifier: MIT
/// Finds the sleep types of soft-off without an AML interpreter: the package `Name (\_S5_, Package () {a, b, ...})` has a
/// fixed byte form in every compiler's output. When Dom0 runs, it tells the values itself (XENPF_enter_acpi_sleep).
#include "dev/acpi_bytes.hpp"

namespace rf::dev::acpi {
namespace {

constexpr std::uint8_t name_op = 0x08;
constexpr std::uint8_t root_prefix = 0x5c;
constexpr std::uint8_t package_op = 0x12;

/// Reads AML front to back; every step beyond the end fails.
class Cursor {
public:
    explicit Cursor(std::span<std::byte const> bytes) : rest_(bytes) {}
    std::optional<std::uint8_t> next()
    {
        auto const value = number_at<std::uint8_t>(rest_, 0);
        if (value)
            rest_ = rest_.subspan(1);
        return value;
    }
    bool skip(std::size_t count)
    {
        if (count > rest_.size())
            return false;
        rest_ = rest_.subspan(count);
        return true;
    }
    /// A constant integer; sleep types are three bits wide.
    std::optional<std::uint8_t> small_integer()
    {
        auto const prefix = next();
        if (!prefix)
            return std::nullopt;
        switch (*prefix) {
        case 0x00: return std::uint8_t{0};
        case 0x01: return std::uint8_t{1};
        case 0x0a: return next();
        case 0x0b: return low_byte_of(2);
        case 0x0c: return low_byte_of(4);
        default: return std::nullopt;
        }
    }

private:
    std::optional<std::uint8_t> low_byte_of(std::size_t width)
    {
        auto const value = next();
        return value && skip(width - 1) ? value : std::nullopt;
    }
    std::span<std::byte const> rest_;
};

std::optional<SoftOff> read_package(std::span<std::byte const> after_name)
{
    Cursor cursor(after_name);
    if (cursor.next() != package_op)
        return std::nullopt;
    auto const length = cursor.next();
    // The two highest bits of the first length byte count the length bytes that follow.
    if (!length || !cursor.skip(*length >> 6))
        return std::nullopt;
    auto const elements = cursor.next();
    if (!elements || *elements < 1)
        return std::nullopt;
    auto const type_a = cursor.small_integer();
    auto const type_b = *elements > 1 ? cursor.small_integer() : std::optional<std::uint8_t>{std::uint8_t{0}};
    if (!type_a || !type_b)
        return std::nullopt;
    return SoftOff{.type_a = static_cast<std::uint8_t>(*type_a & 7), .type_b = static_cast<std::uint8_t>(*type_b & 7)};
}

} // namespace

std::optional<SoftOff> find_soft_off(std::span<std::byte const> aml)
{
    constexpr std::string_view name = "_S5_";
    for (std::size_t at = 1; at + name.size() <= aml.size(); ++at) {
        if (aml[at] != std::byte{'_'} || !has_signature(aml.subspan(at), name))
            continue;
        auto const before = static_cast<std::uint8_t>(aml[at - 1]);
        bool const is_name = before == name_op
                          || (before == root_prefix && at >= 2 && static_cast<std::uint8_t>(aml[at - 2]) == name_op);
        if (!is_name)
            continue;
        if (auto const found = read_package(aml.subspan(at + name.size())))
            return found;
    }
    return std::nullopt;
}

} // namespace rf::dev::acpi
