// SPDX-License-Identifier: MIT
#pragma once
/// A guest without a hypervisor, for frontends: pages from the heap, a grant table and a store that are maps, event channels whose
/// `wait` lets the other side work. Both sides see the same memory.

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "front/doors.hpp"

namespace rf::test {

class FakePages final : public front::Pages {
public:
    struct alignas(front::page_size) Page {
        std::byte bytes[front::page_size];
    };

    std::size_t limit = 1000;
    std::map<const std::byte*, std::unique_ptr<Page>> pages;

    std::byte* allocate() override
    {
        if (pages.size() >= limit)
            return nullptr;
        auto page = std::make_unique<Page>();
        std::memset(page->bytes, 0, sizeof page->bytes);
        auto* const bytes = page->bytes;
        pages[bytes] = std::move(page);
        return bytes;
    }
    void release(std::byte* page) override { pages.erase(page); }
};

class FakeGrants final : public front::GrantTable {
public:
    struct Grant {
        xen::domid_t domain;
        std::byte* page;
        front::GrantAccess access;
    };

    std::map<front::GrantReference, Grant> grants;
    std::set<front::GrantReference> still_mapped;  ///< by the other domain
    std::size_t limit = 500;

    front::Result<front::GrantReference> lend(xen::domid_t domain, const std::byte* page, front::GrantAccess access) override
    {
        if (grants.size() >= limit)
            return front::failure(xen::XEN_ENOSPC);
        grants[++last_] = {domain, const_cast<std::byte*>(page), access};
        return last_;
    }
    front::Result<void> take_back(front::GrantReference reference) override
    {
        if (still_mapped.contains(reference))
            return front::failure(xen::XEN_EBUSY);
        return grants.erase(reference) != 0 ? front::Result<void>{} : front::failure(xen::XEN_EINVAL);
    }
    /// The page as the other side maps it; nullptr if it is not lent.
    std::byte* page(front::GrantReference reference) { return grants.contains(reference) ? grants[reference].page : nullptr; }

private:
    front::GrantReference last_ = 8;
};

class FakeEvents final : public front::EventChannels {
public:
    /// What the other side does while the guest sleeps; called once for each event it may cause.
    std::function<void()> other_side = [] {};
    std::set<front::Port> open_ports;
    std::map<front::Port, unsigned> notified;

    front::Result<front::Port> open(xen::domid_t) override
    {
        open_ports.insert(++last_);
        return last_;
    }
    void close(front::Port port) override { open_ports.erase(port); }
    void notify(front::Port port) override { ++notified[port]; }
    bool wait(front::Condition ready, std::uint64_t nanoseconds) override
    {
        for (int event = 0; event < 1000; ++event) {
            if (ready())
                return true;
            other_side();
        }
        // a guest that waits for ever would hang here
        return nanoseconds == for_ever ? throw std::runtime_error("the guest sleeps for ever") : false;
    }
    void poll(front::Port, std::uint64_t) override { other_side(); }

private:
    front::Port last_ = 10;
};

/// Paths are as the frontend gives them: relative ones are the domain's own.
class FakeStore final : public front::StoreClient {
public:
    std::map<std::string, std::string> nodes;
    std::vector<std::pair<std::string, std::string>> writes;

    front::Result<std::string_view> read(std::string_view path, std::span<char> room) override
    {
        const auto found = nodes.find(std::string(path));
        if (found == nodes.end())
            return front::failure(xen::XEN_ENOENT);
        if (found->second.size() > room.size())
            return front::failure(xen::XEN_E2BIG);
        found->second.copy(room.data(), room.size());
        return std::string_view{room.data(), found->second.size()};
    }
    front::Result<std::string_view> list(std::string_view path, std::span<char> room) override
    {
        std::string names;
        std::set<std::string> seen;
        const auto prefix = std::string(path) + "/";
        for (const auto& [name, value] : nodes)
            if (name.starts_with(prefix) && seen.insert(name.substr(prefix.size(), name.find('/', prefix.size()) - prefix.size())).second)
                names += *std::prev(seen.end()) + '\0';
        if (names.empty())
            return front::failure(xen::XEN_ENOENT);
        names.copy(room.data(), room.size());
        return std::string_view{room.data(), std::min(names.size(), room.size())};
    }
    front::Result<void> write(std::string_view path, std::string_view value) override
    {
        writes.emplace_back(path, value);
        set(std::string(path), std::string(value));
        return {};
    }
    front::Result<front::Watch> watch(std::string_view path) override
    {
        const front::Watch watch{static_cast<unsigned>(watches_.size())};
        watches_.push_back({std::string(path), true, true});
        return watch;
    }
    void unwatch(std::string_view, front::Watch watch) override { watches_[static_cast<unsigned>(watch)].alive = false; }
    bool fired(front::Watch watch) override
    {
        const auto& it = watches_.at(static_cast<unsigned>(watch));
        return it.alive && it.fired;
    }
    void forget(front::Watch watch) override { watches_.at(static_cast<unsigned>(watch)).fired = false; }

    void set(const std::string& path, const std::string& value)
    {
        nodes[path] = value;
        fire(path);
    }
    void remove(const std::string& path)
    {
        nodes.erase(path);
        fire(path);
    }
    std::size_t live_watches() const
    {
        return static_cast<std::size_t>(std::count_if(watches_.begin(), watches_.end(), [](const auto& each) { return each.alive; }));
    }

private:
    struct Watched {
        std::string path;
        bool fired, alive;
    };
    void fire(const std::string& path)
    {
        for (auto& each : watches_)
            each.fired = each.fired || path.starts_with(each.path);
    }
    std::vector<Watched> watches_;
};

/// All four.
struct FakeGuest {
    FakePages pages;
    FakeGrants grants;
    FakeEvents events;
    FakeStore store;
    front::Doors doors() { return {pages, grants, events, store}; }
};

}  // namespace rf::test
