// SPDX-License-Identifier: MIT
#include "store/error.hpp"

namespace rf::store {

std::string_view wire_name(Error error)
{
    switch (error) {
    case Error::invalid: return "EINVAL";
    case Error::access_denied: return "EACCES";
    case Error::exists: return "EEXIST";
    case Error::not_found: return "ENOENT";
    case Error::no_memory: return "ENOMEM";
    case Error::no_space: return "ENOSPC";
    case Error::io: return "EIO";
    case Error::not_empty: return "ENOTEMPTY";
    case Error::not_supported: return "ENOSYS";
    case Error::read_only: return "EROFS";
    case Error::busy: return "EBUSY";
    case Error::again: return "EAGAIN";
    case Error::connected: return "EISCONN";
    case Error::too_big: return "E2BIG";
    case Error::not_permitted: return "EPERM";
    }
    return "EIO";
}

}  // namespace rf::store
