// SPDX-License-Identifier: MIT
#pragma once
/// The guest's connection to XenStore over its ring page: one request at a time, watches, no transactions. Relative paths
/// begin at the domain's own directory. Owner: the main program; requests wait for their answers.
///
/// Watches have numbers, which are their tokens, and an event is one bit: a store that sends many costs no memory.

#include <cstdint>
#include <initializer_list>

#include "front/byte_ring.hpp"
#include "front/doors.hpp"
#include "front/text.hpp"
#include "io/xs_wire.h"

namespace rf::front {

class Store final : public StoreClient {
public:
    constexpr Store() = default;

    /// Uses the ring page; `port` is the one the domain builder told.
    void attach(xen::xenstore_domain_interface& ring, Port port, EventChannels& events);

    [[nodiscard]] Result<std::string_view> read(std::string_view path, std::span<char> room) override;
    [[nodiscard]] Result<std::string_view> list(std::string_view path, std::span<char> room) override;
    [[nodiscard]] Result<void> write(std::string_view path, std::string_view value) override;
    [[nodiscard]] Result<Watch> watch(std::string_view path) override;
    void unwatch(std::string_view path, Watch watch) override;
    [[nodiscard]] bool fired(Watch watch) override;
    void forget(Watch watch) override;

    static constexpr unsigned watch_limit = 64;

private:
    using Token = ShortText<4>;
    using Pieces = std::initializer_list<std::string_view>;

    [[nodiscard]] Result<std::string_view> request(xen::xsd_sockmsg_type type, Pieces pieces, std::span<char> room);
    [[nodiscard]] Result<void> send(std::string_view bytes);
    /// Takes in what has arrived. Never blocks.
    void pump();
    void take_body(std::span<const char> bytes);
    void finish_message();

    ByteRing<Side::producer, xen::XENSTORE_RING_SIZE> out_;
    ByteRing<Side::consumer, xen::XENSTORE_RING_SIZE> in_;
    EventChannels* events_ = nullptr;
    Port port_ = 0;

    // the message that is arriving
    xen::xsd_sockmsg head_{};
    std::uint32_t head_bytes_ = 0;
    std::uint32_t body_bytes_ = 0;
    bool in_token_ = false;
    Token token_;

    // the request that waits for its answer
    std::uint32_t last_request_ = 0;
    bool answered_ = true;
    std::span<char> room_;
    std::uint32_t answer_bytes_ = 0;
    xen::xsd_sockmsg_type answer_type_ = xen::XS_ERROR;
    char error_name_[16] = {};

    std::uint64_t watches_ = 0;
    std::uint64_t fired_ = 0;
};

}  // namespace rf::front
