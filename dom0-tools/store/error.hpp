// SPDX-License-Identifier: MIT
#pragma once
/// The errors of the store protocol. On the wire an error is the name of a C errno; inside it is this enum.

#include <expected>
#include <string_view>

namespace rf::store {

/// Protocol errors; `wire_name` gives the text a client sees.
enum class Error {
    invalid,          ///< EINVAL: malformed path, payload or number
    access_denied,    ///< EACCES
    exists,           ///< EEXIST
    not_found,        ///< ENOENT
    no_memory,        ///< ENOMEM
    no_space,         ///< ENOSPC: a quota is exhausted
    io,               ///< EIO
    not_empty,        ///< ENOTEMPTY
    not_supported,    ///< ENOSYS: unknown request
    read_only,        ///< EROFS
    busy,             ///< EBUSY
    again,            ///< EAGAIN: the transaction conflicted, or belongs to a store that has been restarted
    connected,        ///< EISCONN
    too_big,          ///< E2BIG: reply does not fit one message
    not_permitted,    ///< EPERM
};

template <class T>
using Result = std::expected<T, Error>;

/// The errno name sent to clients ("ENOENT").
[[nodiscard]] std::string_view wire_name(Error error);

}  // namespace rf::store
