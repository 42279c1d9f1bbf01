// SPDX-License-Identifier: MIT
#pragma once
/// The other end of a store connection: answers what a backend asks out of a FakeStore. No watch fires but once, when it is set.

#include <cstring>
#include <string>
#include <unistd.h>

#include "fake_store.hpp"
#include "io/xs_wire.h"

namespace rf::test {

class AnsweringStore {
public:
    FakeStore store;

    /// Takes what has arrived on `socket` (not blocking) and answers each whole message.
    void answer(int socket)
    {
        char bytes[4096];
        const ssize_t count = ::read(socket, bytes, sizeof bytes);
        if (count > 0)
            arrived_.append(bytes, static_cast<std::size_t>(count));
        ::xen::xsd_sockmsg head;
        while (arrived_.size() >= sizeof head) {
            std::memcpy(&head, arrived_.data(), sizeof head);
            if (arrived_.size() < sizeof head + head.len)
                return;
            const std::string payload = arrived_.substr(sizeof head, head.len);
            arrived_.erase(0, sizeof head + head.len);
            take(socket, head, payload);
        }
    }

private:
    static void send(int socket, ::xen::xsd_sockmsg head, const std::string& payload)
    {
        head.len = static_cast<std::uint32_t>(payload.size());
        const std::string message = std::string(reinterpret_cast<const char*>(&head), sizeof head) + payload;
        (void)!::write(socket, message.data(), message.size());
    }

    void take(int socket, ::xen::xsd_sockmsg head, const std::string& payload)
    {
        const std::string path = payload.c_str();
        const std::string rest = payload.substr(std::min(payload.size(), path.size() + 1));
        std::string answer = {"OK\0", 3};
        if (head.type == ::xen::XS_READ) {
            const auto value = *store.read(path);
            const bool directory = !value && !store.list(path)->empty();
            if (!value && !directory)
                head.type = ::xen::XS_ERROR;
            answer = value ? *value : directory ? "" : std::string("ENOENT\0", 7);
        } else if (head.type == ::xen::XS_DIRECTORY) {
            answer.clear();
            const auto names = store.list(path);
            for (const std::string& name : *names)
                answer += name + '\0';
        } else if (head.type == ::xen::XS_WRITE) {
            store.nodes[path] = rest;
        } else if (head.type == ::xen::XS_TRANSACTION_START) {
            answer = {"1\0", 2};
        } else if (head.type == ::xen::XS_IS_DOMAIN_INTRODUCED) {
            answer = {"T\0", 2};
        }
        send(socket, head, answer);
        if (head.type == ::xen::XS_WATCH)
            send(socket, {::xen::XS_WATCH_EVENT, 0, 0, 0}, payload);
    }

    std::string arrived_;
};

}  // namespace rf::test
