// SPDX-License-Identifier: MIT
#pragma once
/// What a hypercall handler gets and gives. A handler first decodes (reads all arguments, refuses, touches nothing), then
/// commits. Long work stops at a restartable point and returns Outcome::again with the arguments that continue it; only
/// the dispatcher rewrites registers.

#include "base/result.hpp"
#include "base/types.hpp"

#include <array>

namespace rf::domain {
class Vcpu;
class Domain;
}

namespace rf::hypercall {

using Arguments = std::array<std::uint64_t, 6>;

struct Call {
    domain::Vcpu& vcpu;     ///< the caller
    domain::Domain& domain; ///< its domain
    Arguments arguments;    ///< rdi rsi rdx r10 r8 r9, or a multicall entry's args
    bool in_multicall;

    [[nodiscard]] std::uint64_t operator[](unsigned index) const { return arguments[index]; }
    /// The low 32 bits, for arguments that the ABI declares as unsigned int.
    [[nodiscard]] std::uint32_t narrow(unsigned index) const { return static_cast<std::uint32_t>(arguments[index]); }
};

/// Result of one handler run.
class Outcome {
public:
    /// Finished; the guest sees `value` (never negative here).
    [[nodiscard]] static Outcome value(std::int64_t value) { return Outcome{value, Kind::value}; }
    [[nodiscard]] static Outcome ok() { return value(0); }
    /// Finished with an error.
    Outcome(std::unexpected<Errno> error) : value_(to_guest(error.error())), kind_(Kind::value) {}
    /// Not finished: run the same hypercall again with these arguments, after pending work and events.
    [[nodiscard]] static Outcome again(Arguments const& arguments)
    {
        Outcome outcome{0, Kind::again};
        outcome.arguments_ = arguments;
        return outcome;
    }
    /// The guest's registers were replaced wholesale (iret): nothing is to be written back.
    [[nodiscard]] static Outcome registers_replaced() { return Outcome{0, Kind::replaced}; }
    /// From a Status: 0 or the error.
    [[nodiscard]] static Outcome of(Status status) { return status ? ok() : Outcome{fail(status.error())}; }

    [[nodiscard]] bool is_again() const { return kind_ == Kind::again; }
    [[nodiscard]] bool is_replaced() const { return kind_ == Kind::replaced; }
    [[nodiscard]] std::int64_t result() const { return value_; }
    [[nodiscard]] Arguments const& next_arguments() const { return arguments_; }

private:
    enum class Kind : std::uint8_t { value, again, replaced };
    Outcome(std::int64_t value, Kind kind) : value_(value), kind_(kind) {}
    std::int64_t value_;
    Kind kind_;
    Arguments arguments_{};
};

using Handler = Outcome (*)(Call&);

} // namespace rf::hypercall
