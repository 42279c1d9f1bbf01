// SPDX-License-Identifier: MIT
#pragma once
/// Counting executed instructions. Under -icount the time-stamp counter advances by one per instruction, so the difference of
/// two reads is a count; an empty operation, measured first, is taken off each one.

#include <cstdint>
#include <string_view>

#include "marks.h"
#include "runtime.hpp"

namespace rf::bench {

/// Sum and extremes of one figure's rounds.
class Tally {
public:
    void add(std::uint64_t instructions)
    {
        ++rounds_;
        total_ += instructions;
        least_ = instructions < least_ ? instructions : least_;
        most_ = instructions > most_ ? instructions : most_;
    }
    /// Reports the one line that the host program reads. One round holds `units` operations.
    void print(std::string_view name, std::uint64_t units) const;

    [[nodiscard]] std::uint64_t least() const { return least_; }
    /// Figures counted elsewhere (user mode).
    void set(std::uint64_t rounds, std::uint64_t total, std::uint64_t least) { rounds_ = rounds, total_ = total, least_ = most_ = least; }

private:
    std::uint64_t rounds_ = 0, total_ = 0, least_ = ~0ull, most_ = 0;
};

inline constexpr unsigned warming_rounds = 16;

[[nodiscard]] inline std::uint64_t ticks()
{
    std::uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return std::uint64_t{high} << 32 | low;
}

/// Whether this is the initial domain, or an ordinary guest beside Dom0.
[[nodiscard]] inline bool is_initial_domain() { return (runtime::start_info().flags & xen::SIF_INITDOMAIN) != 0; }

/// A line for the host program: the initial domain prints it, an ordinary guest tells it to the meter (tests/bench/linux/tell), so
/// that nobody has to run because of it.
void report(std::string_view line);

/// Whether the command line asks for the figure: `only=M1+M9` asks for all whose name begins so, up to a
/// dot. (The loader takes commas for itself.)
[[nodiscard]] bool wanted(std::string_view name);
/// A figure that could not be taken.
void refuse(std::string_view name, std::string_view why, long error);
/// What an empty operation seems to take; learnt at the first call.
[[nodiscard]] std::uint64_t overhead();

/// One operation's instructions, with the measurement's own.
template <class Operation>
[[nodiscard]] std::uint64_t gross(Operation& operation)
{
    const std::uint64_t begin = ticks();
    MARK(MARK_BEGIN);
    operation();
    MARK(MARK_END);
    return ticks() - begin;
}

/// Measures `operation`, `rounds` times after warming up, and prints the figure. `after` follows each one and is not counted.
template <class Operation, class After>
void measure(std::string_view name, unsigned rounds, std::uint64_t units, Operation operation, After after)
{
    if (!wanted(name))
        return;
    const std::uint64_t own = overhead();
    for (unsigned i = 0; i < warming_rounds; ++i) {
        static_cast<void>(gross(operation));
        after();
    }
    MARK(MARK_FIGURE);
    Tally tally;
    for (unsigned i = 0; i < rounds; ++i) {
        tally.add(gross(operation) - own);
        after();
    }
    MARK(MARK_REST);
    tally.print(name, units);
}

template <class Operation>
void measure(std::string_view name, unsigned rounds, std::uint64_t units, Operation operation)
{
    measure(name, rounds, units, operation, [] {});
}

/// The same for an operation that counts for itself and yields its instructions; it places its marks itself.
template <class Operation>
void measure_value(std::string_view name, unsigned rounds, std::uint64_t units, Operation operation)
{
    for (unsigned i = 0; i < warming_rounds; ++i)
        static_cast<void>(operation());
    MARK(MARK_FIGURE);
    Tally tally;
    for (unsigned i = 0; i < rounds; ++i)
        tally.add(operation());
    MARK(MARK_REST);
    tally.print(name, units);
}

// The families of figures (README.md lists them).
void measure_hypercalls();
void measure_traps();
void measure_user_mode();
void measure_page_tables();
void measure_events();
void measure_grants();

}  // namespace rf::bench
