// SPDX-License-Identifier: MIT
/// Reads our own ABI headers and lists everything they declare, so that nothing can be left out of
/// the comparison with upstream. It understands exactly the forms the headers use and stops the
/// build at anything else.
#pragma once

#include <string>
#include <vector>

namespace abi {

enum class Kind {
    /// An enumerator or XEN_ABI_CONSTANT: `name`.
    Constant,
    /// A structure, union or typedef: `type` as written in C.
    Size,
    /// A member: `type` and the path `name` in it.
    Field,
    /// An inline function: `name`.
    Function,
    /// A macro that stands for a string: `name`.
    Text
};

struct Item {
    std::string header;
    Kind kind;
    std::string type;
    std::string name;

    /// How messages and the exceptions file call it: NAME, "struct x" or x.path.
    [[nodiscard]] std::string label() const;
};

/// Lists one header; `header` is its name below guest-abi. Ends the program on a form not understood.
[[nodiscard]] std::vector<Item> read_header(std::string const& header, std::string const& text);

/// Prints one error and ends the program: this is a build step, there is nothing to clean up.
[[noreturn]] void fail(std::string const& where, std::string const& what);

}  // namespace abi
