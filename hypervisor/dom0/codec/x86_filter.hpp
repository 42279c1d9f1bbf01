// SPDX-License-Identifier: MIT
#pragma once
/// The x86 branch filter of .xz. Before compression it turned the operands of calls and jumps (opcodes e8, e9) from
/// relative into absolute addresses, which repeat more often; here they become relative again.

#include <cstdint>
#include <span>

namespace rf::dom0::codec {

/// Undoes the filter in place over one whole block; addresses count from the block's start.
void undo_x86_filter(std::span<std::uint8_t> block);

} // namespace rf::dom0::codec
