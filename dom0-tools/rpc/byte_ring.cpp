// SPDX-License-Identifier: MIT
#include "rpc/byte_ring.hpp"

#include <algorithm>

namespace rf::rpc {

std::optional<std::string> RingReader::take(std::size_t limit)
{
    const std::uint32_t produced = std::atomic_ref(*producer_).load(std::memory_order_acquire);
    const std::uint32_t available = produced - position_;
    if (available > ring_.size())
        return std::nullopt;
    const std::size_t count = std::min<std::size_t>(available, limit);
    std::string bytes(count, '\0');
    const std::size_t start = position_ & (ring_.size() - 1);
    const std::size_t first = std::min(count, ring_.size() - start);
    std::memcpy(bytes.data(), ring_.data() + start, first);
    std::memcpy(bytes.data() + first, ring_.data(), count - first);
    position_ += static_cast<std::uint32_t>(count);
    return bytes;
}

bool RingReader::publish()
{
    if (published_ == position_)
        return false;
    std::atomic_ref(*consumer_).store(position_, std::memory_order_seq_cst);
    published_ = position_;
    return true;
}

bool RingReader::has_more() const
{
    return std::atomic_ref(*producer_).load(std::memory_order_seq_cst) != position_;
}

std::optional<std::size_t> RingWriter::put(std::string_view bytes)
{
    const std::uint32_t consumed = std::atomic_ref(*consumer_).load(std::memory_order_acquire);
    const std::uint32_t waiting = position_ - consumed;
    if (waiting > ring_.size())
        return std::nullopt;
    const std::size_t count = std::min<std::size_t>(ring_.size() - waiting, bytes.size());
    const std::size_t start = position_ & (ring_.size() - 1);
    const std::size_t first = std::min(count, ring_.size() - start);
    std::memcpy(ring_.data() + start, bytes.data(), first);
    std::memcpy(ring_.data(), bytes.data() + first, count - first);
    position_ += static_cast<std::uint32_t>(count);
    return count;
}

bool RingWriter::publish()
{
    if (published_ == position_)
        return false;
    std::atomic_ref(*producer_).store(position_, std::memory_order_seq_cst);
    published_ = position_;
    return true;
}

bool RingWriter::has_room() const
{
    return position_ - std::atomic_ref(*consumer_).load(std::memory_order_seq_cst) != ring_.size();
}

}  // namespace rf::rpc
