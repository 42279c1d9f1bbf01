// SPDX-License-Identifier: MIT
#pragma once
/// All that a frontend asks of the guest it lives in: pages, a grant table, event channels, a store client. A guest with
/// services of its own implements these four; `runtime/` does, and the tests do with fakes. Freestanding.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "front/result.hpp"
#include "xen/event.h"
#include "xen/grant.h"

namespace rf::front {

inline constexpr std::size_t page_size = 4096;

using Port = xen::evtchn_port_t;
using GrantReference = xen::grant_ref_t;
enum class GrantAccess { read_only, read_write };

/// Single pages of the guest's memory.
class Pages {
public:
    /// A zeroed page, or nullptr when none is left.
    [[nodiscard]] virtual std::byte* allocate() = 0;
    /// Takes back a page that came from `allocate` and that nobody else can reach.
    virtual void release(std::byte* page) = 0;

protected:
    ~Pages() = default;
};

class GrantTable {
public:
    /// Lends a page that came from Pages to `domain`; ENOSPC when no entry is free.
    [[nodiscard]] virtual Result<GrantReference> lend(xen::domid_t domain, const std::byte* page, GrantAccess access) = 0;
    /// Ends the loan. EBUSY while the page is still mapped: then the loan stays and the page must not be reused.
    [[nodiscard]] virtual Result<void> take_back(GrantReference reference) = 0;

protected:
    ~GrantTable() = default;
};

/// A question without side effects that others can see; refers to a callable that must outlive it.
class Condition {
public:
    template <class Callable>
    Condition(Callable& callable)  // implicit, so that a lambda can be given
        : callable_(&callable), ask_([](void* object) -> bool { return (*static_cast<Callable*>(object))(); })
    {
    }
    [[nodiscard]] bool operator()() const { return ask_(callable_); }

private:
    void* callable_;
    bool (*ask_)(void*);
};

class EventChannels {
public:
    /// A new port to which only `remote` can connect; its events end a `wait`.
    [[nodiscard]] virtual Result<Port> open(xen::domid_t remote) = 0;
    virtual void close(Port port) = 0;
    /// Tells the other end that there is work.
    virtual void notify(Port port) = 0;
    /// Sleeps until `ready`, which is asked first and again after every event, without losing one between question and sleep.
    /// False if it does not hold after `nanoseconds`.
    [[nodiscard]] virtual bool wait(Condition ready, std::uint64_t nanoseconds) = 0;
    /// Sleeps until the port is pending or for `nanoseconds`; also where no event can be delivered. May return early.
    virtual void poll(Port port, std::uint64_t nanoseconds) = 0;

    /// Patience without end.
    static constexpr std::uint64_t for_ever = ~std::uint64_t{0};

protected:
    ~EventChannels() = default;
};

/// A watch on a subtree of the store, by the number its client gave it.
enum class Watch : unsigned {};

class StoreClient {
public:
    /// A node's value, put into `room`. Errors: ENOENT, EACCES, E2BIG if `room` is too small, EIO for anything else.
    [[nodiscard]] virtual Result<std::string_view> read(std::string_view path, std::span<char> room) = 0;
    /// The names below a node, each ended by NUL. Errors as `read`.
    [[nodiscard]] virtual Result<std::string_view> list(std::string_view path, std::span<char> room) = 0;
    [[nodiscard]] virtual Result<void> write(std::string_view path, std::string_view value) = 0;
    /// Watches a node and all below it. A new watch has fired once. ENOSPC when the client has no number left.
    [[nodiscard]] virtual Result<Watch> watch(std::string_view path) = 0;
    /// Ends a watch; `path` is the one it was made with.
    virtual void unwatch(std::string_view path, Watch watch) = 0;
    /// Whether something happened below the watch's path since `forget`. Never blocks: fit for a wait's condition.
    [[nodiscard]] virtual bool fired(Watch watch) = 0;
    virtual void forget(Watch watch) = 0;

    /// The decimal number that a node holds; EINVAL if it holds anything else.
    [[nodiscard]] Result<std::uint64_t> read_number(std::string_view path);

protected:
    ~StoreClient() = default;
};

/// The four together, as frontends keep them.
struct Doors {
    Pages& pages;
    GrantTable& grants;
    EventChannels& events;
    StoreClient& store;
};

}  // namespace rf::front
