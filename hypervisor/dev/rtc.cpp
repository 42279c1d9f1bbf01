// SPDX-License-Identifier: MIT
#include "dev/rtc.hpp"

#include "base/spinlock.hpp"
#include "cpu/insn.hpp"
#include "dev/acpi.hpp"

namespace rf::dev::rtc {
namespace {

constexpr std::uint16_t index_port = 0x70;
constexpr std::uint16_t data_port = 0x71;

constexpr std::uint8_t status_a = 0x0a;
constexpr std::uint8_t update_in_progress = 0x80;
constexpr std::uint8_t status_b = 0x0b;
constexpr std::uint8_t mode_binary = 0x04;
constexpr std::uint8_t mode_24_hours = 0x02;
constexpr std::uint8_t hour_is_pm = 0x80;

/// An update takes about 2 ms; a port read about a microsecond at least.
constexpr unsigned most_polls = 100'000;

constinit Spinlock lock{LockRank::device};

std::uint8_t read_locked(std::uint8_t index)
{
    cpu::out8(index_port, index);
    return cpu::in8(data_port);
}

bool wait_for_quiet()
{
    for (unsigned poll = 0; poll < most_polls; ++poll)
        if (!(read_locked(status_a) & update_in_progress))
            return true;
    return false;
}

Reading read_all(std::uint8_t century_index)
{
    return {.second = read_locked(0x00),
            .minute = read_locked(0x02),
            .hour = read_locked(0x04),
            .day = read_locked(0x07),
            .month = read_locked(0x08),
            .year = read_locked(0x09),
            .century = century_index ? read_locked(century_index) : std::uint8_t{0},
            .mode = read_locked(status_b)};
}

unsigned decode(std::uint8_t value, std::uint8_t mode)
{
    return mode & mode_binary ? value : (value >> 4) * 10u + (value & 15u);
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
std::uint64_t days_since_epoch(unsigned year, unsigned month, unsigned day)
{
    // Years are counted from March, so that the leap day is the last day of a year.
    unsigned const y = month <= 2 ? year - 1 : year;
    unsigned const m = month <= 2 ? month + 9 : month - 3;
    std::uint64_t const before_year = std::uint64_t{y} * 365 + y / 4 - y / 100 + y / 400;
    std::uint64_t const before_month = (m * 153 + 2) / 5;
    constexpr std::uint64_t days_to_1970 = 719'468;
    return before_year + before_month + day - 1 - days_to_1970;
}

} // namespace

std::uint8_t read_register(std::uint8_t index)
{
    LockGuard guard(lock);
    return read_locked(index);
}

void write_register(std::uint8_t index, std::uint8_t value)
{
    LockGuard guard(lock);
    cpu::out8(index_port, index);
    cpu::out8(data_port, value);
}

Result<std::uint64_t> to_unix_seconds(Reading const& reading)
{
    unsigned const second = decode(reading.second, reading.mode);
    unsigned const minute = decode(reading.minute, reading.mode);
    unsigned const day = decode(reading.day, reading.mode);
    unsigned const month = decode(reading.month, reading.mode);
    unsigned year = decode(reading.year, reading.mode);
    unsigned hour = decode(reading.hour & ~hour_is_pm, reading.mode);
    if (!(reading.mode & mode_24_hours)) {
        if (hour < 1 || hour > 12)
            return fail(Errno::erange);
        hour = hour % 12 + (reading.hour & hour_is_pm ? 12 : 0);
    }
    if (second > 59 || minute > 59 || hour > 23 || day < 1 || day > 31 || month < 1 || month > 12 || year > 99)
        return fail(Errno::erange);
    unsigned const century = decode(reading.century, reading.mode);
    if (century >= 19 && century <= 29)
        year += century * 100;
    else
        year += year < 70 ? 2000 : 1900;
    if (year < 1970)
        return fail(Errno::erange);
    return ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

Result<std::uint64_t> read_unix_seconds()
{
    std::uint8_t const century = machine_tables.fadt ? machine_tables.fadt->century_register : std::uint8_t{0};
    constexpr unsigned most_attempts = 10;
    LockGuard guard(lock);
    for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
        if (!wait_for_quiet())
            return fail(Errno::etimedout);
        // Two equal readings: no update came in between.
        Reading const first = read_all(century);
        if (first == read_all(century))
            return to_unix_seconds(first);
    }
    return fail(Errno::etimedout);
}

} // namespace rf::dev::rtc
