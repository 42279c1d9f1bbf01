// SPDX-License-Identifier: MIT
#pragma once
/// A store server without a machine: a gate that only remembers, and clients that speak whole messages.

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/server.hpp"

namespace rf::store {

/// Accepts every domain except those it is told to refuse.
class FakeGate final : public DomainGate {
public:
    bool connect(std::uint16_t domain, const ServedDomain&) override
    {
        if (refused.contains(domain))
            return false;
        connected.insert(domain);
        return true;
    }
    void disconnect(std::uint16_t domain) override { connected.erase(domain); }
    void print(std::string_view text) override { printed.emplace_back(text); }

    std::set<std::uint16_t> connected;
    std::set<std::uint16_t> refused;
    std::vector<std::string> printed;
};

/// NUL-terminates and joins.
inline std::string join(std::initializer_list<std::string_view> strings)
{
    std::string payload;
    for (std::string_view text : strings)
        payload.append(text).push_back('\0');
    return payload;
}

/// One connection, used as a client would use it. Replies come back as text: the payload, or the error's name.
class Client {
public:
    Client(Server& server, ConnectionId connection) : server_(&server), connection_(connection) {}

    std::string call(Type type, std::string payload, std::uint32_t transaction = 0)
    {
        const Message request{type, ++number_, transaction, std::move(payload)};
        server_->process(connection_, request);
        collect();
        EXPECT_FALSE(replies_.empty());
        if (replies_.empty())
            return "no reply";
        const Message reply = replies_.back();
        replies_.clear();
        EXPECT_EQ(reply.request, request.request);
        EXPECT_EQ(reply.transaction, transaction);
        if (reply.type != Type::error) {
            EXPECT_EQ(reply.type, type);
            return reply.payload;
        }
        return std::string(reply.payload.c_str());
    }

    std::string write(std::string_view path, std::string_view value, std::uint32_t t = 0)
    {
        return simple(call(Type::write, join({path}).append(value), t));
    }
    std::string read(std::string_view path, std::uint32_t t = 0) { return call(Type::read, join({path}), t); }
    std::string mkdir(std::string_view path, std::uint32_t t = 0) { return simple(call(Type::mkdir, join({path}), t)); }
    std::string rm(std::string_view path, std::uint32_t t = 0) { return simple(call(Type::rm, join({path}), t)); }
    /// Names joined by commas.
    std::string list(std::string_view path, std::uint32_t t = 0) { return commas(call(Type::directory, join({path}), t)); }
    std::string perms(std::string_view path, std::uint32_t t = 0) { return commas(call(Type::get_perms, join({path}), t)); }
    std::string chmod(std::string_view path, std::initializer_list<std::string_view> entries, std::uint32_t t = 0)
    {
        std::string payload = join({path});
        payload += join(entries);
        return simple(call(Type::set_perms, std::move(payload), t));
    }
    std::string watch(std::string_view path, std::string_view token) { return simple(call(Type::watch, join({path, token}))); }
    std::string unwatch(std::string_view path, std::string_view token) { return simple(call(Type::unwatch, join({path, token}))); }
    /// The new transaction's number; 0 and a test failure if there is none.
    std::uint32_t start()
    {
        const std::string reply = call(Type::transaction_start, join({""}));
        const auto id = parse_number<std::uint32_t>(reply.c_str());
        EXPECT_TRUE(id.has_value()) << reply;
        return id.value_or(0);
    }
    std::string commit(std::uint32_t t) { return simple(call(Type::transaction_end, join({"T"}), t)); }
    std::string abort(std::uint32_t t) { return simple(call(Type::transaction_end, join({"F"}), t)); }

    /// Watch events so far, as "path|token", which are then forgotten.
    std::vector<std::string> events()
    {
        collect();
        return std::exchange(events_, {});
    }

    [[nodiscard]] ConnectionId connection() const { return connection_; }

private:
    static std::string simple(const std::string& reply) { return reply == std::string("OK\0", 3) ? "OK" : reply; }
    static std::string commas(std::string reply)
    {
        if (reply.empty() || reply.back() != '\0')
            return reply;
        reply.pop_back();
        for (char& c : reply)
            if (c == '\0')
                c = ',';
        return reply;
    }

    /// Takes what waits in the outbox.
    void collect()
    {
        while (!server_->outbox(connection_).empty()) {
            const std::string bytes(server_->outbox(connection_).front());
            assembler_.feed(bytes);
            server_->delivered(connection_, bytes.size());
        }
        for (auto message = assembler_.next(); message && *message; message = assembler_.next()) {
            if ((*message)->type != Type::watch_event) {
                replies_.push_back(std::move(**message));
                continue;
            }
            const auto strings = split_strings((*message)->payload);
            ASSERT_TRUE(strings && strings->size() == 2);
            events_.push_back(std::string((*strings)[0]) + "|" + std::string((*strings)[1]));
        }
    }

    Server* server_;
    ConnectionId connection_;
    std::uint32_t number_ = 0;
    Assembler assembler_;
    std::vector<Message> replies_;
    std::vector<std::string> events_;
};

class StoreTest : public ::testing::Test {
protected:
    explicit StoreTest(const Quota& limits = {}) : quota(limits) {}

    /// Introduces a domain with a home it may write to, as the toolstack does, and returns its kernel.
    Client guest(std::uint16_t id)
    {
        const std::string home = home_of(id);
        const std::string owner = "n" + std::to_string(id);
        tools.mkdir(home);
        tools.chmod(home, {owner});
        EXPECT_EQ(tools.call(Type::introduce, join({std::to_string(id), "1000", "7"})), std::string("OK\0", 3));
        return Client(server, server.domains().served().at(id).connection);
    }

    using Events = std::vector<std::string>;

    Quota quota;
    FakeGate gate;
    Server server{quota, gate};
    Client tools{server, server.connect_local()};
};

/// The whole tree as text, for comparing servers.
inline std::string dump(const Server& server)
{
    std::string text;
    server.tree().visit([&](const Node& node, std::string_view path) {
        text.append(path).append(" = ").append(node.value);
        for (const Permission& entry : *node.permissions)
            text.append(" ").append(to_text(entry)).append("/").append(std::to_string(entry.domain.incarnation));
        text.push_back('\n');
    });
    return text;
}

}  // namespace rf::store
