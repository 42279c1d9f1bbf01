// SPDX-License-Identifier: MIT
// The table as our headers have it in C++23.
#include "includes.inc"

#include "table.h"

using namespace xen;

static constexpr abi_row rows[] = {
#include "rows_ours.inc"
};

extern "C" abi_table abi_ours_in_cpp() { return {rows, sizeof(rows) / sizeof(rows[0])}; }
