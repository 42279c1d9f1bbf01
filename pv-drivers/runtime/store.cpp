// SPDX-License-Identifier: MIT
#include "store.hpp"

#include <algorithm>
#include <atomic>

#include "memory.hpp"
#include "text.hpp"
#include "xen/errno.h"

namespace rf::runtime {

namespace {

constexpr std::string_view terminator{"\0", 1};

[[nodiscard]] std::uint32_t load(std::uint32_t& index)
{
    return std::atomic_ref(index).load(std::memory_order_acquire);
}

[[nodiscard]] Error error_named(std::string_view name)
{
    if (name.starts_with("ENOENT"))
        return {xen::XEN_ENOENT};
    if (name.starts_with("EACCES"))
        return {xen::XEN_EACCES};
    if (name.starts_with("EINVAL"))
        return {xen::XEN_EINVAL};
    return {xen::XEN_EIO};
}

[[nodiscard]] std::string_view bytes_of(const xen::xsd_sockmsg& head)
{
    return {reinterpret_cast<const char*>(&head), sizeof head};
}

}  // namespace

constinit Store store;

Result<void> Store::initialise(const xen::start_info& info)
{
    ring_ = reinterpret_cast<xen::xenstore_domain_interface*>(memory.window_address(MachineFrame{info.store_mfn}));
    if (ring_ == nullptr)
        return std::unexpected(Error{xen::XEN_ENOENT});
    port_ = info.store_evtchn;
    return events.handle(port_, [](Port, void*) {}, nullptr);
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

Result<std::uint64_t> Store::read_number(std::string_view path)
{
    char room[24];
    const auto text = read(path, room);
    if (!text)
        return std::unexpected(text.error());
    return number_in(*text);
}

Result<std::string_view> Store::request(xen::xsd_sockmsg_type type, std::initializer_list<std::string_view> pieces, std::span<char> room)
{
    xen::xsd_sockmsg head{type, ++last_request_, 0, 0};
    for (const auto piece : pieces)
        head.len += static_cast<std::uint32_t>(piece.size());
    send(bytes_of(head));
    for (const auto piece : pieces)
        send(piece);

    xen::xsd_sockmsg answer{};
    for (;;) {
        receive({reinterpret_cast<char*>(&answer), sizeof answer});
        if (answer.req_id == last_request_ && answer.type != xen::XS_WATCH_EVENT)
            break;
        skip(answer.len);
    }
    char name[16] = {};
    const auto target = answer.type == xen::XS_ERROR ? std::span<char>{name} : room;
    const auto taken = std::min<std::size_t>(answer.len, target.size());
    receive(target.first(taken));
    skip(answer.len - static_cast<std::uint32_t>(taken));
    if (answer.type == xen::XS_ERROR)
        return std::unexpected(error_named({name, taken}));
    if (answer.len > room.size())
        return std::unexpected(Error{xen::XEN_E2BIG});
    return std::string_view{room.data(), taken};
}

void Store::send(std::string_view bytes)
{
    for (const char byte : bytes) {
        const std::uint32_t produced = ring_->req_prod;
        if (produced - load(ring_->req_cons) >= xen::XENSTORE_RING_SIZE) {
            events.send(port_);
            events.wait_until([&] { return produced - load(ring_->req_cons) < xen::XENSTORE_RING_SIZE; });
        }
        ring_->req[xen::MASK_XENSTORE_IDX(produced)] = byte;
        std::atomic_ref(ring_->req_prod).store(produced + 1);
    }
    events.send(port_);
}

void Store::receive(std::span<char> room)
{
    for (char& byte : room) {
        const std::uint32_t consumed = ring_->rsp_cons;
        events.wait_until([&] { return load(ring_->rsp_prod) != consumed; });
        byte = ring_->rsp[xen::MASK_XENSTORE_IDX(consumed)];
        std::atomic_ref(ring_->rsp_cons).store(consumed + 1);
    }
    events.send(port_);
}

void Store::skip(std::uint32_t count)
{
    char ignored = 0;
    for (; count > 0; --count)
        receive({&ignored, 1});
}

}  // namespace rf::runtime
