// SPDX-License-Identifier: MIT
#include "store/outbox.hpp"

#include <algorithm>

namespace rf::store {

void Outbox::push_reply(std::string bytes)
{
    if (bytes.empty())
        return;
    bytes_ += bytes.size();
    ++replies_;
    packets_.push_back({std::move(bytes), Kind::reply});
}

Outbox::Queued Outbox::push_event(std::string bytes, std::size_t limit)
{
    if (events_ >= limit / 2 && waiting_.contains(bytes))
        return Queued::already_waiting;
    if (events_ >= limit) {
        ++lost_events_;
        return Queued::lost;
    }
    bytes_ += bytes.size();
    ++events_;
    waiting_.insert(bytes);
    packets_.push_back({std::move(bytes), Kind::event});
    return Queued::yes;
}

std::string_view Outbox::front() const
{
    return packets_.empty() ? std::string_view() : std::string_view(packets_.front().bytes).substr(offset_);
}

void Outbox::consume(std::size_t count)
{
    while (count > 0 && !packets_.empty()) {
        Packet& packet = packets_.front();
        if (offset_ == 0 && packet.kind == Kind::event)
            waiting_.erase(waiting_.find(packet.bytes));
        const std::size_t step = std::min(count, packet.bytes.size() - offset_);
        count -= step;
        offset_ += step;
        bytes_ -= step;
        if (offset_ < packet.bytes.size())
            return;
        --(packet.kind == Kind::event ? events_ : replies_);
        packets_.pop_front();
        offset_ = 0;
    }
}

void Outbox::clear()
{
    packets_.clear();
    waiting_.clear();
    offset_ = bytes_ = replies_ = events_ = 0;
}

std::string Outbox::contents() const
{
    std::string all;
    all.reserve(bytes_);
    std::size_t skip = offset_;
    for (const Packet& packet : packets_) {
        all.append(packet.bytes, skip);
        skip = 0;
    }
    return all;
}

}  // namespace rf::store
