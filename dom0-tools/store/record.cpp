// SPDX-License-Identifier: MIT
#include "store/record.hpp"

namespace rf::store {

RecordWriter& RecordWriter::permissions(const PermissionList& list)
{
    number(static_cast<std::uint32_t>(list.size()));
    for (const Permission& entry : list)
        number(entry.domain.id).number(entry.domain.incarnation).number(static_cast<std::uint8_t>(entry.access));
    return *this;
}

std::string_view RecordReader::take(std::size_t count)
{
    if (!ok_ || count > rest_.size()) {
        ok_ = false;
        return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
}

Permissions RecordReader::permissions()
{
    const auto count = number<std::uint32_t>();
    PermissionList list;
    for (std::uint32_t i = 0; i < count && ok_; ++i) {
        Permission entry;
        entry.domain.id = number<std::uint16_t>();
        entry.domain.incarnation = number<std::uint32_t>();
        entry.access = static_cast<Access>(number<std::uint8_t>() & 3);
        list.push_back(entry);
    }
    if (list.empty()) {
        ok_ = false;
        list.push_back({});
    }
    return std::make_shared<const PermissionList>(std::move(list));
}

}  // namespace rf::store
