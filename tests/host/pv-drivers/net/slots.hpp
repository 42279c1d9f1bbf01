// SPDX-License-Identifier: MIT
#pragma once
/// Transmit slots as a frontend writes them.

#include <cstring>
#include <vector>

#include "net/tx_packet.hpp"

namespace rf::test {

template <class T>
net::TxSlot slot_of(const T& value)
{
    net::TxSlot slot;
    static_assert(sizeof value <= sizeof slot.words);
    std::memcpy(slot.words.data(), &value, sizeof value);
    return slot;
}

inline net::TxSlot piece(std::uint32_t ref, unsigned offset, unsigned flags, unsigned id, unsigned size)
{
    ::xen::netif_tx_request request{};
    request.gref = ref;
    request.offset = static_cast<std::uint16_t>(offset);
    request.flags = static_cast<std::uint16_t>(flags);
    request.id = static_cast<std::uint16_t>(id);
    request.size = static_cast<std::uint16_t>(size);
    return slot_of(request);
}

inline net::TxSlot gso(unsigned type, unsigned size, unsigned flags = 0)
{
    ::xen::netif_extra_info extra{};
    extra.type = ::xen::XEN_NETIF_EXTRA_TYPE_GSO;
    extra.flags = static_cast<std::uint8_t>(flags);
    extra.u.gso.size = static_cast<std::uint16_t>(size);
    extra.u.gso.type = static_cast<std::uint8_t>(type);
    return slot_of(extra);
}

inline net::TxSlot extra(unsigned type, unsigned flags = 0)
{
    ::xen::netif_extra_info info{};
    info.type = static_cast<std::uint8_t>(type);
    info.flags = static_cast<std::uint8_t>(flags);
    return slot_of(info);
}

inline constexpr unsigned more = ::xen::NETTXF_more_data;
inline constexpr unsigned with_extra = ::xen::NETTXF_extra_info;
inline constexpr unsigned blank = ::xen::NETTXF_csum_blank;

}  // namespace rf::test
