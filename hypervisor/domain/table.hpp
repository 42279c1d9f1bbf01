// SPDX-License-Identifier: MIT
#pragma once
/// All domains by identifier. A Domain is reached only through a counted DomainRef.

#include "domain/domain.hpp"

namespace rf::domain {

/// Keeps a domain alive while it is in scope; move-only.
class DomainRef {
public:
    DomainRef() = default;
    explicit DomainRef(Domain* domain) : domain_(domain) {}
    DomainRef(DomainRef&& other) noexcept : domain_(std::exchange(other.domain_, nullptr)) {}
    DomainRef& operator=(DomainRef&& other) noexcept
    {
        std::swap(domain_, other.domain_);
        return *this;
    }
    ~DomainRef()
    {
        if (domain_)
            release();
    }
    Domain* operator->() const { return domain_; }
    Domain& operator*() const { return *domain_; }
    explicit operator bool() const { return domain_ != nullptr; }

private:
    void release();
    Domain* domain_ = nullptr;
};

/// The domain with this id, alive or dying. Errno::esrch.
[[nodiscard]] Result<DomainRef> find(DomainId id);
/// As find; DOMID_SELF and the caller's own id give the caller. Another domain needs control rights: Errno::eperm.
[[nodiscard]] Result<DomainRef> find_target(Domain& caller, DomainId id);
/// The first domain with an id >= `id`. Errno::esrch.
[[nodiscard]] Result<DomainRef> find_from(DomainId id);
/// function(Domain&) for each domain, in the order of their ids. One that comes or goes meanwhile may be seen or not.
template <class Function>
void for_each(Function function)
{
    auto domain = find_from(domain_zero);
    while (domain) {
        DomainId const next{static_cast<std::uint16_t>((*domain)->id().value + 1)};
        function(**domain);
        domain = find_from(next);
    }
}
/// Enters a new domain under its id. Errno::eexist.
[[nodiscard]] Status enter(mm::Box<Domain> domain);
/// An id that no domain has. Errno::enospc.
[[nodiscard]] Result<DomainId> unused_id();
/// All that the domain held is given back: it goes (reap) as soon as nobody uses it or its frames. Once, by its teardown.
void mark_dead(Domain& domain);
/// The domain that hears global VIRQs: Dom0.
[[nodiscard]] Domain* control_domain();

} // namespace rf::domain
