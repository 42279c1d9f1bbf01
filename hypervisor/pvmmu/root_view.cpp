// SPDX-License-Identifier: MIT
#include "pvmmu/root_view.hpp"

#include "base/address_map.hpp"
#include "mm/domain_memory.hpp"

#include <cstring>

namespace rf::pvmmu {
namespace {

constexpr unsigned first_ours = address_map::first_hypervisor_slot;
constexpr unsigned last_ours = address_map::last_hypervisor_slot;

[[nodiscard]] std::atomic_ref<std::uint64_t> top_slot(Mfn table, unsigned index)
{
    return shared(direct_as<std::uint64_t>(table)[index]);
}

/// The guest's own slots: below the hypervisor's, and above.
struct Slots {
    unsigned first, count;
};
constexpr Slots guests_slots[] = {{0, first_ours}, {last_ours + 1, table_entries - last_ours - 1}};

} // namespace

RootView::~RootView()
{
    if (!page_.valid())
        return;
    {
        LockGuard guard(space_->lock);
        for (RootView** link = &space_->views; *link; link = &(*link)->next_)
            if (*link == this) {
                *link = next_;
                break;
            }
    }
    space_->memory.structures.release_frame(page_);
}

Status RootView::create(Space& space)
{
    page_ = TRY(space.memory.structures.allocate_frame());
    space_ = &space;
    top_slot(page_, first_ours).store(shared_slots[0], relaxed);
    if (space.domain_area.valid())
        top_slot(page_, table_index(address_map::domain_area, 4))
            .store(Entry::of(space.domain_area, Entry::present | Entry::writable | Entry::accessed | Entry::dirty).bits(), relaxed);
    LockGuard guard(space.lock);
    next_ = space.views;
    space.views = this;
    return {};
}

std::uint64_t RootView::show(Mfn root)
{
    if (root != root_) {
        root_ = root;
        // Nobody but us writes top-level entries now, and nobody runs on the view.
        auto* const to = direct_as<std::uint64_t>(page_);
        for (auto const [first, count] : guests_slots)
            if (root.valid())
                std::memcpy(to + first, direct_as<std::uint64_t>(root) + first, count * sizeof *to);
            else
                std::memset(to + first, 0, count * sizeof *to);
    }
    return root.valid() ? page_.value << page_shift : 0;
}

void RootView::set_doors(std::uint64_t entry) { top_slot(page_, table_index(address_map::image, 4)).store(entry, relaxed); }

void detail::follow_in_views(Space& space, Mfn table, unsigned index, Entry value)
{
    for (RootView* view = space.views; view; view = view->next())
        if (view->root() == table)
            top_slot(view->page(), index).store(value.bits(), release);
}

} // namespace rf::pvmmu
