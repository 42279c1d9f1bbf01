// SPDX-License-Identifier: MIT
#pragma once
/// A client of the store for the tools of this domain: one connection, blocking requests, watch events queued in order.
/// Speaks to the local socket, or through /dev/xen/xenbus when no socket is there. A request that gets no answer within
/// `timeout_seconds` fails with ETIMEDOUT; after any such failure (or EPIPE) the connection is of no more use: reconnect and
/// set the watches again. Errors carry the store's errno. Move-only, not thread-safe.

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/message.hpp"
#include "xen/error.hpp"

namespace rf::rpc {

struct WatchEvent {
    std::string path;
    std::string token;
};

/// A node to be written: its value and, unless empty, its permissions as text, owner first ("n0", "r5").
struct NodeWrite {
    std::string path;
    std::string value;
    std::vector<std::string> permissions;  ///< empty: those of the parent
};

class StoreClient {
public:
    using TransactionId = std::uint32_t;
    static constexpr TransactionId no_transaction = 0;
    static constexpr int timeout_seconds = 30;

    [[nodiscard]] static xen::Result<StoreClient> connect(const std::string& socket_path = "/run/xenstored/socket");
    /// Over a connection that somebody else has opened; the descriptor is the client's from now on.
    [[nodiscard]] static StoreClient adopt(int descriptor) { return StoreClient(descriptor); }
    /// Gives the connection away, which nothing has been asked on yet.
    [[nodiscard]] int release() && { return std::exchange(descriptor_, -1); }
    StoreClient(StoreClient&& other) noexcept;
    StoreClient& operator=(StoreClient&& other) noexcept;
    ~StoreClient();

    [[nodiscard]] xen::Result<std::string> read(std::string_view path, TransactionId transaction = no_transaction);
    /// As `read`, but absence is a value.
    [[nodiscard]] xen::Result<std::optional<std::string>> read_if_exists(std::string_view path,
                                                                         TransactionId transaction = no_transaction);
    /// Reads the nodes in order without waiting for each answer; absence is a value.
    [[nodiscard]] xen::Result<std::vector<std::optional<std::string>>> read_all(std::span<const std::string> paths);
    [[nodiscard]] xen::Result<void> write(std::string_view path, std::string_view value,
                                          TransactionId transaction = no_transaction);
    /// Writes the nodes in order without waiting for each answer: as a sequence of `write` and `set_permissions`, but for
    /// a fraction of their time. The first failure is handed on; nodes behind it may have been written.
    [[nodiscard]] xen::Result<void> write_all(std::span<const NodeWrite> nodes, TransactionId transaction = no_transaction);
    [[nodiscard]] xen::Result<void> make_directory(std::string_view path, TransactionId transaction = no_transaction);
    /// Removes a node with all below it; fine if it is not there.
    [[nodiscard]] xen::Result<void> remove(std::string_view path, TransactionId transaction = no_transaction);
    /// Names of the children, however many.
    [[nodiscard]] xen::Result<std::vector<std::string>> list(std::string_view path, TransactionId transaction = no_transaction);
    /// Permission entries as text, owner first ("n0", "r5").
    [[nodiscard]] xen::Result<std::vector<std::string>> permissions(std::string_view path,
                                                                    TransactionId transaction = no_transaction);
    [[nodiscard]] xen::Result<void> set_permissions(std::string_view path, const std::vector<std::string>& entries,
                                                    TransactionId transaction = no_transaction);

    /// How a transaction ends.
    enum class Ending { commit, abort };
    [[nodiscard]] xen::Result<TransactionId> start_transaction();
    /// EAGAIN: somebody else changed what this transaction looked at; do it all again.
    [[nodiscard]] xen::Result<void> end_transaction(TransactionId transaction, Ending ending);
    /// Runs `body(transaction)` until its commit does not conflict. An error of the body aborts and is handed on.
    template <class Body>
    [[nodiscard]] xen::Result<void> transact(Body&& body)
    {
        for (;;) {
            const auto transaction = start_transaction();
            if (!transaction)
                return std::unexpected(transaction.error());
            const xen::Result<void> done = body(*transaction);
            const auto ended = end_transaction(*transaction, done ? Ending::commit : Ending::abort);
            if (!done)
                return done;
            if (ended || ended.error().code != again_code)
                return ended;
        }
    }

    [[nodiscard]] xen::Result<void> watch(std::string_view path, std::string_view token);
    [[nodiscard]] xen::Result<void> unwatch(std::string_view path, std::string_view token);
    /// A watch event if one has arrived; does not wait. Poll `descriptor()` for more when this gives none.
    [[nodiscard]] xen::Result<std::optional<WatchEvent>> next_event();
    /// Readable when an event may have arrived. Events that came with an answer are queued: drain `next_event` first.
    [[nodiscard]] int descriptor() const { return descriptor_; }

    [[nodiscard]] xen::Result<void> introduce(std::uint16_t domain, std::uint64_t frame, std::uint32_t port);
    [[nodiscard]] xen::Result<void> release(std::uint16_t domain);
    [[nodiscard]] xen::Result<void> resume(std::uint16_t domain);
    [[nodiscard]] xen::Result<bool> is_introduced(std::uint16_t domain);
    [[nodiscard]] xen::Result<std::string> control(const std::vector<std::string>& words);

private:
    static constexpr int again_code = 11;  // EAGAIN

    /// Answers that are waited for until the next is looked for at once.
    static constexpr unsigned retry_haste = 32;

    explicit StoreClient(int descriptor) : descriptor_(descriptor) {}

    /// What a request is for; put together only when it fails.
    struct Purpose {
        std::string_view before, about = {}, after = {};
        [[nodiscard]] std::string text() const;
    };
    /// Parts of a payload, one behind the other.
    using Payload = std::initializer_list<std::string_view>;
    /// One request and its answer; `purpose` begins the message of an error.
    [[nodiscard]] xen::Result<std::string> request(store::Type type, TransactionId transaction, Payload payload, const Purpose& purpose);
    /// Its two halves: `ask` sends nothing yet but appends to `bytes` and yields the request's number.
    [[nodiscard]] xen::Result<std::uint32_t> ask(std::string& bytes, store::Type type, TransactionId transaction, Payload payload,
                                                 const Purpose& purpose);
    [[nodiscard]] xen::Result<std::string> answer(std::uint32_t number, const Purpose& purpose);
    [[nodiscard]] xen::Result<void> send(std::string_view bytes);
    enum class Wait { no, yes };
    [[nodiscard]] xen::Result<bool> is_readable(Wait wait) const;
    /// Reads what is there (or waits for something); false when nothing was there, and when it is to be called again.
    [[nodiscard]] xen::Result<bool> receive(Wait wait);
    void queue_event(const store::Message& message);

    int descriptor_ = -1;
    store::Assembler assembler_;
    std::deque<WatchEvent> events_;
    std::uint32_t last_request_ = 0;
    std::string outgoing_;  ///< the bytes of a request; kept for its memory
    bool is_socket_ = true; ///< until it turns out to be the kernel's device
    bool hasty_ = true;     ///< look for the answer before waiting for it
    unsigned patience_ = 0; ///< how often it was waited for
};

}  // namespace rf::rpc
