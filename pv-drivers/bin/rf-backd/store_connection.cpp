// SPDX-License-Identifier: MIT
#include "bin/rf-backd/store_connection.hpp"

#include <cerrno>

namespace rf::backd {

xenbus::Result<std::unique_ptr<StoreConnection>> StoreConnection::open(const std::string& socket)
{
    auto client = rpc::StoreClient::connect(socket);
    if (!client)
        return std::unexpected(client.error());
    return std::unique_ptr<StoreConnection>(new StoreConnection(std::move(*client)));
}

xenbus::Result<std::optional<std::string>> StoreConnection::read(std::string_view path)
{
    auto value = client_.read_if_exists(path);
    if (!value && value.error().code == EACCES)
        return std::nullopt;
    return value;
}

xenbus::Result<std::vector<std::string>> StoreConnection::list(std::string_view path)
{
    auto names = client_.list(path);
    if (!names && names.error().code == ENOENT)
        return std::vector<std::string>{};
    return names;
}

xenbus::Result<xenbus::Store::Updated> StoreConnection::update(std::string_view directory, std::span<const xenbus::Node> nodes)
{
    Updated updated = Updated::no;
    const auto done = client_.transact([&](rpc::StoreClient::TransactionId transaction) -> xen::Result<void> {
        updated = Updated::no;
        const auto there = client_.read_if_exists(directory, transaction);
        if (!there)
            return std::unexpected(there.error());
        if (!*there)
            return {};
        for (const xenbus::Node& node : nodes)
            if (auto written = client_.write(std::string(directory) + "/" + node.name, node.value, transaction); !written)
                return written;
        updated = Updated::yes;
        return {};
    });
    if (!done)
        return std::unexpected(done.error());
    return updated;
}

}  // namespace rf::backd
