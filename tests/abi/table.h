// SPDX-License-Identifier: MIT
/// The table both sides fill in, readable from C and C++.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// One declaration. Constants: value. Types: size in value. Members: offset in value, and size.
/// String macros: text.
struct abi_row {
    char const* header;
    char const* name;
    uint64_t value;
    uint64_t size;
    char const* text;
};

struct abi_table {
    struct abi_row const* rows;
    size_t count;
};

#ifdef __cplusplus
extern "C" {
#endif

struct abi_table abi_upstream(void);
struct abi_table abi_ours_in_c(void);
struct abi_table abi_ours_in_cpp(void);

#ifdef __cplusplus
}
#endif
