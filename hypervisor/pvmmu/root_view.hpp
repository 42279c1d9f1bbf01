// SPDX-License-Identifier: MIT
#pragma once
/// What the processor walks while a guest runs that is kept apart from the hypervisor: a copy of one of the guest's roots
/// in which the hypervisor's slots show nothing but what the doors need. The guest's own slots are the same at any moment:
/// every change of a top-level entry goes into all views of that root under the same lock.
///
/// A view holds no references: what its entries point at is held by the root, which its vCPU holds.
/// Accessed bits of top-level entries are set in the view only; nobody reads them there.
///
/// Lock: Space::lock for all but set_doors(), which belongs to the CPU that loads the vCPU.

#include "base/address_map.hpp"
#include "base/result.hpp"
#include "pvmmu/entry.hpp"
#include "pvmmu/space.hpp"

namespace rf::pvmmu {

class RootView {
public:
    RootView() = default;
    RootView(RootView const&) = delete;
    RootView& operator=(RootView const&) = delete;
    ~RootView();

    /// Gets its page and joins the domain's views. Errno::enomem.
    [[nodiscard]] Status create(Space& space);
    /// Shows `root` from now on (invalid: nothing); yields what CR3 must hold to run on it, or 0.
    std::uint64_t show(Mfn root);
    /// What slot 261 shows: the doors of the CPU that is about to run the vCPU.
    void set_doors(std::uint64_t entry);

    [[nodiscard]] Mfn root() const { return root_; }
    [[nodiscard]] Mfn page() const { return page_; }
    [[nodiscard]] RootView* next() const { return next_; }

private:
    Mfn root_ = invalid_mfn;
    Mfn page_ = invalid_mfn;
    Space* space_ = nullptr;
    RootView* next_ = nullptr;
};

namespace detail {
void follow_in_views(Space& space, Mfn table, unsigned index, Entry value);
} // namespace detail

/// Entry `index` of the top-level table `table` has become `value`: so do the views.
inline void follow(Space& space, Mfn table, unsigned index, Entry value)
{
    if (space.views) [[unlikely]]
        detail::follow_in_views(space, table, index, value);
}

} // namespace rf::pvmmu
