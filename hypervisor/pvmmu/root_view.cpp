// SPDX-License-Identifier: MIT
#include "pvmmu/root_view.hpp"

#include "base/address_map.hpp"
#include "mm/domain_memory.hpp"

namespace rf::pvmmu {
namespace {

constexpr unsigned first_ours = address_map::first_hypervisor_slot;
constexpr unsigned last_ours = address_map::last_hypervisor_slot;

[[nodiscard]] std::atomic_ref<std::uint64_t> slot(Mfn table, unsigned index)
{
    return shared(direct_as<std::uint64_t>(table)[index]);
}

[[nodiscard]] constexpr bool is_guests(unsigned index) { return index < first_ours || index > last_ours; }

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
    slot(page_, first_ours).store(shared_slots[0], relaxed);
    if (space.domain_area.valid())
        slot(page_, table_index(address_map::domain_area, 4))
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
        for (unsigned index = 0; index < table_entries; ++index)
            if (is_guests(index))
                slot(page_, index).store(root.valid() ? slot(root, index).load(relaxed) : 0, relaxed);
    }
    return root.valid() ? page_.value << page_shift : 0;
}

void RootView::set_doors(std::uint64_t entry) { slot(page_, table_index(address_map::image, 4)).store(entry, relaxed); }

void detail::follow_in_views(Space& space, Mfn table, unsigned index, Entry value)
{
    for (RootView* view = space.views; view; view = view->next())
        if (view->root() == table)
            slot(view->page(), index).store(value.bits(), release);
}

} // namespace rf::pvmmu
