// SPDX-License-Identifier: MIT
#pragma once
/// Which domains the store serves, and which life of its number each one lives.
/// A domain number is `noted` when it was introduced, seen alive or named in a permission; it is retired once when a noted
/// domain is found dead, after which the number stands for a new domain.

#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "store/permission.hpp"
#include "store/watch.hpp"

namespace rf::store {

/// What the hypervisor says about an existing domain.
enum class DomainState { running, shut_down, dying };
struct DomainStatus {
    std::uint16_t id = 0;
    DomainState state = DomainState::running;
};

/// A domain with a store ring.
struct ServedDomain {
    std::uint64_t frame = 0;   ///< machine frame of the ring page
    std::uint32_t port = 0;    ///< the domain's event-channel port
    DomainState state = DomainState::running;
    std::optional<std::uint16_t> target;
    ConnectionId connection = 0;
};

class DomainTable {
public:
    [[nodiscard]] DomainKey key(std::uint16_t id) const;
    [[nodiscard]] ServedDomain* find(std::uint16_t id);
    ServedDomain& add(std::uint16_t id, const ServedDomain& domain);
    void erase(std::uint16_t id) { served_.erase(id); }
    [[nodiscard]] const std::map<std::uint16_t, ServedDomain>& served() const { return served_; }

    /// The number was named by somebody and must be watched for its death.
    enum class Evidence { named, alive };
    void note(std::uint16_t id, Evidence evidence);
    /// Noted numbers that are not among `existing`, whose numbers rise.
    [[nodiscard]] std::vector<std::uint16_t> missing(std::span<const DomainStatus> existing) const;
    /// Ends this life of the number. Returns whether a real domain had been seen with it.
    Evidence retire(std::uint16_t id);
    void set_incarnation(std::uint16_t id, std::uint32_t incarnation) { incarnations_[id] = incarnation; }
    [[nodiscard]] const std::map<std::uint16_t, std::uint32_t>& incarnations() const { return incarnations_; }

private:
    std::map<std::uint16_t, ServedDomain> served_;
    std::map<std::uint16_t, std::uint32_t> incarnations_;
    std::map<std::uint16_t, Evidence> noted_;
};

}  // namespace rf::store
