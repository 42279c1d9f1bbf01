// SPDX-License-Identifier: MIT
#include "dev/option_values.hpp"

#include <span>

namespace rf::dev {
namespace {

/// Shift for a size suffix; -1 when it is none.
int suffix_shift(char suffix)
{
    switch (suffix) {
    case 'B': case 'b': return 0;
    case 'K': case 'k': return 10;
    case 'M': case 'm': return 20;
    case 'G': case 'g': return 30;
    case 'T': case 't': return 40;
    default: return -1;
    }
}

std::optional<MemoryAmount> amount(std::string_view text)
{
    MemoryAmount result;
    if (text.starts_with('-')) {
        result.all_except = true;
        text.remove_prefix(1);
    }
    auto const bytes = parse_size(text);
    if (!bytes)
        return std::nullopt;
    result.given = true;
    result.bytes = *bytes;
    return result;
}

bool serial_format(std::string_view text, SerialSettings& settings)
{
    if (text.size() != 3 || text[0] < '5' || text[0] > '8' || text[2] < '1' || text[2] > '2')
        return false;
    if (std::string_view("noems").find(text[1]) == std::string_view::npos)
        return false;
    settings.data_bits = static_cast<std::uint8_t>(text[0] - '0');
    settings.parity = text[1];
    settings.stop_bits = static_cast<std::uint8_t>(text[2] - '0');
    return true;
}

bool serial_baud(std::string_view text, SerialSettings& settings)
{
    if (text == "auto") {
        settings.baud = 0;
        return true;
    }
    auto const baud = option_values::number(text);
    // The divisor of the 1.8432 MHz clock must be a whole number from 1 to 65535.
    if (!baud || *baud == 0 || *baud > 115200 || 115200 / *baud > 0xffff)
        return false;
    settings.baud = static_cast<std::uint32_t>(*baud);
    return true;
}

} // namespace

std::optional<std::uint64_t> parse_size(std::string_view text)
{
    if (text.empty())
        return std::nullopt;
    int shift = 10;
    bool const hexadecimal = text.starts_with("0x");
    // In hexadecimal a trailing b is a digit.
    bool const may_be_digit = hexadecimal && (text.back() == 'b' || text.back() == 'B');
    if (int const suffix = suffix_shift(text.back()); suffix >= 0 && !may_be_digit) {
        shift = suffix;
        text.remove_suffix(1);
    }
    auto const value = option_values::number(text);
    if (!value || *value > ~0ull >> shift)
        return std::nullopt;
    return *value << shift;
}

namespace option_values {

std::optional<std::string_view> Pieces::next()
{
    if (ended_)
        return std::nullopt;
    auto const end = rest_.find(separator_);
    std::string_view const piece = rest_.substr(0, end);
    if (end == rest_.npos)
        ended_ = true;
    else
        rest_.remove_prefix(end + 1);
    return piece;
}

std::optional<bool> boolean(std::string_view text)
{
    for (std::string_view yes : {"on", "yes", "true", "enable", "1"})
        if (text == yes)
            return true;
    for (std::string_view no : {"off", "no", "false", "disable", "0"})
        if (text == no)
            return false;
    return std::nullopt;
}

std::optional<std::uint64_t> number(std::string_view text)
{
    unsigned base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    }
    if (text.empty())
        return std::nullopt;
    std::uint64_t value = 0;
    for (char const c : text) {
        unsigned digit = 16;
        if (c >= '0' && c <= '9')
            digit = static_cast<unsigned>(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = static_cast<unsigned>(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = static_cast<unsigned>(c - 'A') + 10;
        if (digit >= base || value > (~0ull - digit) / base)
            return std::nullopt;
        value = value * base + digit;
    }
    return value;
}

bool dom0_memory(std::string_view text, Options& options)
{
    MemoryAmount exact = options.dom0_memory;
    MemoryAmount minimum = options.dom0_memory_minimum;
    MemoryAmount maximum = options.dom0_memory_maximum;
    Pieces pieces(text, ',');
    while (auto piece = pieces.next()) {
        MemoryAmount* target = &exact;
        if (piece->starts_with("min:"))
            target = &minimum;
        else if (piece->starts_with("max:"))
            target = &maximum;
        if (target != &exact)
            piece->remove_prefix(4);
        auto const value = amount(*piece);
        if (!value)
            return false;
        *target = *value;
    }
    options.dom0_memory = exact;
    options.dom0_memory_minimum = minimum;
    options.dom0_memory_maximum = maximum;
    return true;
}

bool serial(std::string_view text, SerialSettings& settings)
{
    SerialSettings result = settings;
    result.enabled = true;
    Pieces pieces(text, ',');
    auto const baud = pieces.next();
    if (!baud || !serial_baud(*baud, result))
        return false;
    if (auto const format = pieces.next(); format && !serial_format(*format, result))
        return false;
    if (auto const port = pieces.next()) {
        auto const value = number(*port);
        if (!value || *value == 0 || *value > 0xfff8)
            return false;
        result.port = static_cast<std::uint16_t>(*value);
    }
    if (auto const irq = pieces.next()) {
        auto const value = number(*irq);
        if (!value || *value > 15)
            return false;
        result.irq = static_cast<std::uint8_t>(*value);
    }
    if (pieces.next())
        return false;
    settings = result;
    return true;
}

std::optional<ConsoleSelection> console(std::string_view text)
{
    ConsoleSelection selection;
    selection.vga = false;
    Pieces pieces(text, ',');
    while (auto const piece = pieces.next()) {
        if (*piece == "com1" || *piece == "com1H" || *piece == "com1L")
            selection.com1 = true;
        else if (*piece == "com2" || *piece == "com2H" || *piece == "com2L")
            selection.com2 = true;
        else if (*piece == "vga")
            selection.vga = true;
        else if (*piece == "none")
            selection.none = true;
        else
            return std::nullopt;
    }
    return selection;
}

std::optional<LogLevel> log_level(std::string_view text)
{
    text = text.substr(0, text.find('/'));
    struct Name {
        std::string_view text;
        LogLevel meaning;
    };
    constexpr Name names[] = {
        {"none", {log::Level::error, true}},       {"error", {log::Level::error, false}},
        {"warning", {log::Level::warning, false}}, {"info", {log::Level::info, false}},
        {"debug", {log::Level::debug, false}},     {"all", {log::Level::debug, false}},
    };
    for (Name const& name : names)
        if (name.text == text)
            return name.meaning;
    return std::nullopt;
}

namespace {

using cpu::GuardWishes;
using cpu::Setting;

struct Measure {
    std::string_view name;
    std::optional<bool> value;
};

/// `name`, `no-name` or `name=<bool>`.
[[nodiscard]] Measure measure(std::string_view piece)
{
    auto const equals = piece.find('=');
    if (equals != piece.npos)
        return {piece.substr(0, equals), boolean(piece.substr(equals + 1))};
    if (piece.starts_with("no-"))
        return {piece.substr(3), false};
    return {piece, true};
}

[[nodiscard]] constexpr Setting setting(bool on) { return on ? Setting::on : Setting::off; }

using Member = Setting GuardWishes::*;
struct NamedMember {
    std::string_view name;
    Member member;
};

constexpr NamedMember isolation_words[] = {{"dom0", &GuardWishes::separate_control}, {"domu", &GuardWishes::separate_guests}};
constexpr NamedMember absent_words[] = {{"dom0", &GuardWishes::absent_control}, {"domu", &GuardWishes::absent_guests}};
constexpr NamedMember speculation_words[] = {
    {"rsb", &GuardWishes::returns},   {"md-clear", &GuardWishes::buffers}, {"verw", &GuardWishes::buffers},
    {"ibrs", &GuardWishes::branches}, {"ibpb", &GuardWishes::predictor},   {"bhb", &GuardWishes::history},
    {"bhb-entry", &GuardWishes::history},
};
constexpr Member in_hypervisor[] = {&GuardWishes::returns, &GuardWishes::buffers, &GuardWishes::branches,
                                    &GuardWishes::history, &GuardWishes::predictor};

/// One piece of a list that names members one by one.
[[nodiscard]] bool set_named(std::span<NamedMember const> words, Measure const& piece, GuardWishes& wishes)
{
    for (NamedMember const& word : words)
        if (word.name == piece.name && piece.value) {
            wishes.*word.member = setting(*piece.value);
            return true;
        }
    return false;
}

/// All measures in the hypervisor: left to us, or none.
void set_all_in_hypervisor(bool on, GuardWishes& wishes)
{
    for (Member const member : in_hypervisor)
        wishes.*member = on ? Setting::automatic : Setting::off;
    wishes.indirect = on ? std::nullopt : std::optional(cpu::IndirectBranch::plain);
}

/// `bti-thunk=` and one of Xen's three words.
[[nodiscard]] bool set_indirect(std::string_view piece, GuardWishes& wishes)
{
    using enum cpu::IndirectBranch;
    static constexpr std::pair<std::string_view, cpu::IndirectBranch> words[] = {
        {"bti-thunk=retpoline", by_return}, {"bti-thunk=lfence", behind_fence}, {"bti-thunk=jmp", plain}};
    for (auto const& [word, how] : words)
        if (word == piece) {
            wishes.indirect = how;
            return true;
        }
    return false;
}

/// A boolean for all, `default`, or pieces that name Dom0 and the others.
[[nodiscard]] bool by_domain(std::span<NamedMember const> words, std::string_view text, GuardWishes& wishes)
{
    GuardWishes next = wishes;
    Pieces pieces(text, ',');
    while (auto const piece = pieces.next()) {
        auto const all = boolean(*piece);
        if (all || *piece == "default")
            for (NamedMember const& word : words)
                next.*word.member = all ? setting(*all) : Setting::automatic;
        else if (!set_named(words, measure(*piece), next))
            return false;
    }
    wishes = next;
    return true;
}

} // namespace

bool page_table_isolation(std::string_view text, GuardWishes& wishes) { return by_domain(isolation_words, text, wishes); }

bool absent_entries(std::string_view text, GuardWishes& wishes) { return by_domain(absent_words, text, wishes); }

bool speculation_control(std::string_view text, GuardWishes& wishes)
{
    GuardWishes next = wishes;
    Pieces pieces(text, ',');
    while (auto const piece = pieces.next()) {
        auto const all = boolean(*piece);
        Measure const one = measure(*piece);
        if (all) {
            // As with Xen, "no" means page tables as well, and "yes" leaves every choice to us.
            Setting const value = *all ? Setting::automatic : Setting::off;
            set_all_in_hypervisor(*all, next);
            next.separate_control = next.separate_guests = next.absent_control = next.absent_guests = value;
        } else if (one.name == "xen" && one.value) {
            set_all_in_hypervisor(*one.value, next);
        } else if (!set_indirect(*piece, next) && !set_named(speculation_words, one, next)) {
            return false;
        }
    }
    wishes = next;
    return true;
}

} // namespace option_values

} // namespace rf::dev
