// SPDX-License-Identifier: MIT
#pragma once
/// What a hypercall handler gets and gives. A handler first decodes (reads all arguments, refuses, touches nothing), then
/// commits. Long work stops at a restartable point and returns Outcome::again with the arguments that continue it, which
/// take the place of the first ones; apart from that only the dispatcher rewrites registers.

#include "base/result.hpp"
#include "base/types.hpp"
#include "xen/trap.h"

#include <array>

namespace rf::domain {
class Vcpu;
class Domain;
}

namespace rf::hypercall {

using Arguments = std::array<std::uint64_t, 6>;

/// Where the ABI passes the arguments.
inline constexpr std::uint64_t xen::cpu_user_regs::* argument_registers[6] = {
    &xen::cpu_user_regs::rdi, &xen::cpu_user_regs::rsi, &xen::cpu_user_regs::rdx,
    &xen::cpu_user_regs::r10, &xen::cpu_user_regs::r8,  &xen::cpu_user_regs::r9};

[[nodiscard]] inline Arguments arguments_in(xen::cpu_user_regs const& registers)
{
    Arguments arguments;
    for (unsigned i = 0; i < arguments.size(); ++i)
        arguments[i] = registers.*argument_registers[i];
    return arguments;
}
inline void put_arguments(xen::cpu_user_regs& registers, Arguments const& arguments)
{
    for (unsigned i = 0; i < arguments.size(); ++i)
        registers.*argument_registers[i] = arguments[i];
}

struct Call {
    domain::Vcpu& vcpu;            ///< the caller
    domain::Domain& domain;        ///< its domain
    xen::cpu_user_regs& registers; ///< hold the arguments: the caller's own, or made up for a multicall entry
    bool in_multicall;
    std::uint32_t spent = 0;       ///< of pvmmu::units_per_segment, as the handlers of page tables tell: a batch adds it up

    [[nodiscard]] std::uint64_t operator[](unsigned index) const { return registers.*argument_registers[index]; }
    /// The low 32 bits, for arguments that the ABI declares as unsigned int.
    [[nodiscard]] std::uint32_t narrow(unsigned index) const { return static_cast<std::uint32_t>((*this)[index]); }
    [[nodiscard]] Arguments arguments() const { return arguments_in(registers); }
};

/// Result of one handler run; small enough to come back in two registers.
class Outcome {
public:
    /// Finished; the guest sees `value` (never negative here).
    [[nodiscard]] static Outcome value(std::int64_t value) { return Outcome{value, Kind::value}; }
    [[nodiscard]] static Outcome ok() { return value(0); }
    /// Finished with an error.
    Outcome(std::unexpected<Errno> error) : value_(to_guest(error.error())), kind_(Kind::value) {}
    /// Not finished: run the same hypercall again with these arguments, after pending work and events.
    [[nodiscard]] static Outcome again(Call& call, Arguments const& arguments)
    {
        put_arguments(call.registers, arguments);
        return Outcome{0, Kind::again};
    }
    /// Not finished: the same with the same arguments.
    [[nodiscard]] static Outcome again(Call&) { return Outcome{0, Kind::again}; }
    /// The guest's registers were replaced wholesale (iret): nothing is to be written back.
    [[nodiscard]] static Outcome registers_replaced() { return Outcome{0, Kind::replaced}; }
    /// From a Status: 0 or the error.
    [[nodiscard]] static Outcome of(Status status) { return status ? ok() : Outcome{fail(status.error())}; }

    [[nodiscard]] bool is_value() const { return kind_ == Kind::value; }
    [[nodiscard]] bool is_again() const { return kind_ == Kind::again; }
    [[nodiscard]] bool is_replaced() const { return kind_ == Kind::replaced; }
    [[nodiscard]] std::int64_t result() const { return value_; }

private:
    enum class Kind : std::uint8_t { value, again, replaced };
    Outcome(std::int64_t value, Kind kind) : value_(value), kind_(kind) {}
    std::int64_t value_;
    Kind kind_;
};

using Handler = Outcome (*)(Call&);

} // namespace rf::hypercall
