// SPDX-License-Identifier: MIT
#pragma once
/// The XenStore behind the interface that devices use, and its watches.

#include <memory>

#include "rpc/store_client.hpp"
#include "xen/descriptor.hpp"
#include "xenbus/store.hpp"

namespace rf::backd {

class StoreConnection final : public xenbus::Store {
public:
    [[nodiscard]] static xenbus::Result<std::unique_ptr<StoreConnection>> open(const std::string& socket);

    /// Over a connection that the privileged half has opened.
    explicit StoreConnection(xen::Descriptor socket) : client_(rpc::StoreClient::adopt(socket.release())) {}

    [[nodiscard]] xenbus::Result<std::optional<std::string>> read(std::string_view path) override;
    [[nodiscard]] xenbus::Result<std::vector<std::string>> list(std::string_view path) override;
    [[nodiscard]] xenbus::Result<Updated> update(std::string_view directory, std::span<const xenbus::Node> nodes) override;

    [[nodiscard]] xenbus::Result<void> watch(std::string_view path, std::string_view token) { return client_.watch(path, token); }
    [[nodiscard]] xenbus::Result<void> unwatch(std::string_view path, std::string_view token) { return client_.unwatch(path, token); }
    [[nodiscard]] xenbus::Result<std::optional<rpc::WatchEvent>> next_event() { return client_.next_event(); }
    [[nodiscard]] xenbus::Result<bool> is_introduced(std::uint16_t domain) { return client_.is_introduced(domain); }
    [[nodiscard]] int descriptor() const { return client_.descriptor(); }

private:
    explicit StoreConnection(rpc::StoreClient client) : client_(std::move(client)) {}

    rpc::StoreClient client_;
};

}  // namespace rf::backd
