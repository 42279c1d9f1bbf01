// SPDX-License-Identifier: MIT
#include "front/store.hpp"

#include <algorithm>
#include <bit>

namespace rf::front {

namespace {

constexpr std::string_view terminator{"\0", 1};

[[nodiscard]] long error_named(std::string_view name)
{
    if (name.starts_with("ENOENT"))
        return xen::XEN_ENOENT;
    if (name.starts_with("EACCES"))
        return xen::XEN_EACCES;
    if (name.starts_with("EINVAL"))
        return xen::XEN_EINVAL;
    return xen::XEN_EIO;
}

[[nodiscard]] std::uint64_t bit_of(Watch watch)
{
    return std::uint64_t{1} << static_cast<unsigned>(watch);
}

}  // namespace

Result<std::uint64_t> StoreClient::read_number(std::string_view path)
{
    char room[24];
    const auto text = read(path, room);
    if (!text)
        return std::unexpected(text.error());
    const auto number = decimal_number(*text);
    if (!number)
        return failure(xen::XEN_EINVAL);
    return *number;
}

void Store::attach(xen::xenstore_domain_interface& ring, Port port, EventChannels& events)
{
    out_ = {ring.req, ring.req_prod, ring.req_cons};
    in_ = {ring.rsp, ring.rsp_prod, ring.rsp_cons};
    events_ = &events;
    port_ = port;
}

Result<std::string_view> Store::read(std::string_view path, std::span<char> room)
{
    return request(xen::XS_READ, {path, terminator}, room);
}

Result<std::string_view> Store::list(std::string_view path, std::span<char> room)
{
    return request(xen::XS_DIRECTORY, {path, terminator}, room);
}

Result<void> Store::write(std::string_view path, std::string_view value)
{
    char room[16];
    const auto answer = request(xen::XS_WRITE, {path, terminator, value}, room);
    if (!answer)
        return std::unexpected(answer.error());
    return {};
}

Result<Watch> Store::watch(std::string_view path)
{
    const auto number = static_cast<unsigned>(std::countr_one(watches_));
    if (number >= watch_limit)
        return failure(xen::XEN_ENOSPC);
    const Watch watch{number};
    char room[16];
    const auto answer = request(xen::XS_WATCH, {path, terminator, Token{number}.view(), terminator}, room);
    if (!answer)
        return std::unexpected(answer.error());
    watches_ |= bit_of(watch);
    fired_ |= bit_of(watch);
    return watch;
}

void Store::unwatch(std::string_view path, Watch watch)
{
    char room[16];
    // a store that does not know the watch has none to end
    static_cast<void>(request(xen::XS_UNWATCH, {path, terminator, Token{static_cast<unsigned>(watch)}.view(), terminator}, room));
    watches_ &= ~bit_of(watch);
    fired_ &= ~bit_of(watch);
}

bool Store::fired(Watch watch)
{
    pump();
    return (fired_ & bit_of(watch)) != 0;
}

void Store::forget(Watch watch)
{
    fired_ &= ~bit_of(watch);
}

Result<std::string_view> Store::request(xen::xsd_sockmsg_type type, Pieces pieces, std::span<char> room)
{
    if (events_ == nullptr)
        return failure(xen::XEN_ENOENT);
    xen::xsd_sockmsg head{type, ++last_request_, 0, 0};
    for (const auto piece : pieces)
        head.len += static_cast<std::uint32_t>(piece.size());
    if (head.len > xen::XENSTORE_PAYLOAD_MAX)
        return failure(xen::XEN_E2BIG);
    answered_ = false;
    room_ = room;
    auto sent = send({reinterpret_cast<const char*>(&head), sizeof head});
    for (const auto piece : pieces)
        if (sent)
            sent = send(piece);
    if (!sent)
        return std::unexpected(sent.error());
    auto ready = [this] {
        pump();
        return answered_ || in_.broken();
    };
    static_cast<void>(events_->wait(ready, EventChannels::for_ever));
    room_ = {};
    if (!answered_)
        return failure(xen::XEN_EIO);
    if (answer_type_ == xen::XS_ERROR)
        return failure(error_named({error_name_, std::min<std::size_t>(answer_bytes_, sizeof error_name_)}));
    if (answer_bytes_ > room.size())
        return failure(xen::XEN_E2BIG);
    return std::string_view{room.data(), answer_bytes_};
}

Result<void> Store::send(std::string_view bytes)
{
    for (;;) {
        bytes.remove_prefix(out_.put(bytes));
        out_.publish();
        events_->notify(port_);
        if (bytes.empty())
            return {};
        // the store may stop taking requests while it cannot deliver answers and events, so those are taken in meanwhile
        auto ready = [this] {
            pump();
            return out_.used() < xen::XENSTORE_RING_SIZE || out_.broken();
        };
        static_cast<void>(events_->wait(ready, EventChannels::for_ever));
        if (out_.broken())
            return failure(xen::XEN_EIO);
    }
}

void Store::pump()
{
    bool took = false;
    for (;;) {
        if (head_bytes_ < sizeof head_) {
            const std::span head{reinterpret_cast<char*>(&head_), sizeof head_};
            const auto count = in_.take(head.subspan(head_bytes_));
            head_bytes_ += static_cast<std::uint32_t>(count);
            took = took || count != 0;
            if (head_bytes_ < sizeof head_)
                break;
            body_bytes_ = 0;
            in_token_ = false;
            token_ = Token{};
        }
        char piece[64];
        const auto wanted = std::min<std::size_t>(sizeof piece, head_.len - body_bytes_);
        const auto count = in_.take(std::span{piece}.first(wanted));
        took = took || count != 0;
        take_body(std::span{piece}.first(count));
        if (body_bytes_ == head_.len)
            finish_message();
        else if (count == 0)
            break;
    }
    if (!took)
        return;
    in_.publish();
    events_->notify(port_);
}

void Store::take_body(std::span<const char> bytes)
{
    const bool is_answer = !answered_ && head_.type != xen::XS_WATCH_EVENT && head_.req_id == last_request_;
    const auto target = head_.type == xen::XS_ERROR ? std::span<char>{error_name_} : room_;
    for (const char byte : bytes) {
        const auto place = body_bytes_++;
        if (is_answer && place < target.size())
            target[place] = byte;
        if (head_.type != xen::XS_WATCH_EVENT)
            continue;
        // path NUL token NUL
        if (byte == '\0')
            in_token_ = true;
        else if (in_token_)
            token_.write({&byte, 1});
    }
}

void Store::finish_message()
{
    head_bytes_ = 0;
    if (head_.type == xen::XS_WATCH_EVENT) {
        const auto number = decimal_number(token_.view());
        if (number && token_.fits() && *number < watch_limit)
            fired_ |= watches_ & bit_of(Watch{static_cast<unsigned>(*number)});
        return;
    }
    if (answered_ || head_.req_id != last_request_)
        return;
    answered_ = true;
    answer_type_ = static_cast<xen::xsd_sockmsg_type>(head_.type);
    answer_bytes_ = head_.len;
}

}  // namespace rf::front
