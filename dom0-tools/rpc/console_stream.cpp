// SPDX-License-Identifier: MIT
#include "rpc/console_stream.hpp"

#include <algorithm>

namespace rf::rpc {
ConsoleStream::ConsoleStream(::xen::xencons_interface* page, const ConsoleLimits& limits, Clock::time_point now)
    : page_(page), limits_(limits), output_(page->out, &page->out_prod, &page->out_cons, read_once(page->out_cons)),
      input_(page->in, &page->in_prod, &page->in_cons, read_once(page->in_prod)),
      allowance_(static_cast<double>(limits.burst)), refilled_(now)
{
}

void ConsoleStream::refill(Clock::time_point now)
{
    const std::chrono::duration<double> passed = now - refilled_;
    refilled_ = now;
    allowance_ = std::min(allowance_ + passed.count() * static_cast<double>(limits_.rate), static_cast<double>(limits_.burst));
}

ConsoleStream::Flow ConsoleStream::take_output(Clock::time_point now, const std::function<void(std::string_view)>& log)
{
    if (broken_)
        return Flow::broken;
    refill(now);
    if (allowance_ < 1.0)
        return Flow::throttled;
    const auto bytes = output_.take(static_cast<std::size_t>(allowance_));
    if (!bytes) {
        broken_ = true;
        return Flow::broken;
    }
    if (bytes->empty())
        return Flow::idle;
    output_.publish();
    allowance_ -= static_cast<double>(bytes->size());
    log(*bytes);
    backlog_ += *bytes;
    if (const std::size_t waiting = backlog().size(); waiting > limits_.backlog) {
        dropped_ += waiting - limits_.backlog;
        backlog_.erase(0, backlog_.size() - limits_.backlog);
        backlog_start_ = 0;
    }
    return Flow::moved;
}

std::size_t ConsoleStream::input_room() const
{
    const std::uint32_t waiting = input_.position() - read_once(page_->in_cons);
    return broken_ || waiting > sizeof page_->in ? 0 : sizeof page_->in - waiting;
}

ConsoleStream::Flow ConsoleStream::give_input(std::string_view keys)
{
    const auto count = broken_ ? std::nullopt : input_.put(keys);
    if (!count) {
        broken_ = true;
        return Flow::broken;
    }
    return input_.publish() ? Flow::moved : Flow::idle;
}

void ConsoleStream::written(std::size_t count)
{
    backlog_start_ += count;
    // Moving the rest down now and then keeps the memory near what waits.
    if (backlog_start_ == backlog_.size() || backlog_start_ > limits_.backlog) {
        backlog_.erase(0, backlog_start_);
        backlog_start_ = 0;
    }
}

}  // namespace rf::rpc
