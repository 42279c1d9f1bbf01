// SPDX-License-Identifier: MIT
#pragma once
/// The guest's connection to XenStore: one request at a time, no transactions, no watches (`wait_for` looks again and again).
/// Relative paths begin at the domain's own directory. Owner: the main program.

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "events.hpp"
#include "io/xs_wire.h"
#include "result.hpp"
#include "xen/start_info.h"

namespace rf::runtime {

/// Room for a path.
inline constexpr std::size_t store_path_size = 128;

class Store {
public:
    /// Finds the ring; ENOENT if the domain has none.
    [[nodiscard]] Result<void> initialise(const xen::start_info& info);

    /// A node's value, put into `room`. Errors: ENOENT, EACCES, E2BIG if `room` is too small, EIO for anything else.
    [[nodiscard]] Result<std::string_view> read(std::string_view path, std::span<char> room);
    /// The names below a node, each ended by NUL. Errors as `read`.
    [[nodiscard]] Result<std::string_view> list(std::string_view path, std::span<char> room);
    [[nodiscard]] Result<void> write(std::string_view path, std::string_view value);
    /// The decimal number in a node.
    [[nodiscard]] Result<std::uint64_t> read_number(std::string_view path);

private:
    [[nodiscard]] Result<std::string_view> request(xen::xsd_sockmsg_type type, std::initializer_list<std::string_view> pieces,
                                                   std::span<char> room);
    void send(std::string_view bytes);
    void receive(std::span<char> room);
    void skip(std::uint32_t count);

    xen::xenstore_domain_interface* ring_ = nullptr;
    Port port_ = 0;
    std::uint32_t last_request_ = 0;
};

extern Store store;

}  // namespace rf::runtime
