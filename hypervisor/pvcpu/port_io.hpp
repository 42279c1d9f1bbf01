// SPDX-License-Identifier: MIT
#pragma once
/// IN, OUT and their string forms, after the guest's own privilege rules: virtual IOPL, then its permission bitmap.

#include "pvcpu/decode.hpp"
#include "domain/vcpu.hpp"

namespace rf::pvcpu {

enum class PortAccess : std::uint8_t {
    done,    ///< rip is behind the instruction, or still on it when a string has more to do
    refused, ///< #GP
    faulted, ///< string memory is not accessible: `fault_address` tells where
};

struct PortOutcome {
    PortAccess access;
    std::uint64_t fault_address = 0;
    bool fault_on_write = false;
};

[[nodiscard]] PortOutcome access_ports(domain::Vcpu& vcpu, xen::cpu_user_regs& regs, Instruction const& instruction);

} // namespace rf::pvcpu
