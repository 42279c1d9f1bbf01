// SPDX-License-Identifier: MIT
#include "builder/domain_builder.hpp"

#include <atomic>
#include <cstring>

#include "builder/page_tables.hpp"
#include "xen/grant.h"

namespace rf::builder {
namespace {

template <class T>
std::span<T> elements(const xen::ForeignMap& map, std::size_t first_page, std::size_t pages)
{
    return {reinterpret_cast<T*>(map.data() + first_page * page_size), pages * page_size / sizeof(T)};
}

}  // namespace

Result<BuiltDomain> DomainBuilder::build(const BuildRequest& request)
{
    BuiltDomain built;
    built.store_port = BUILD_TRY(memory_control_.allocate_port(domain_, xen::dom0));
    built.console_port = BUILD_TRY(memory_control_.allocate_port(domain_, xen::dom0));
    built.store_frame = memory_.frame(request.plan.store_ring);
    built.console_frame = memory_.frame(request.plan.console_ring);
    shared_info_frame_ = BUILD_TRY(control_.info(domain_)).shared_info_frame;

    BUILD_CHECK(load_segments(request));
    request.watch.lap("load");
    BUILD_CHECK(memory_.write(request.plan.places.initrd.first, request.initrd, request.initrd.size()));
    request.watch.lap("initrd");
    BUILD_CHECK(clear_rings(built));
    BUILD_CHECK(write_start_info(request, built));
    BUILD_CHECK(write_tables(request.plan));
    if (const auto page = request.kernel.notes().hypercall_page) {
        const Pfn pfn{(*page - request.plan.places.virt_base) >> page_shift};
        BUILD_CHECK(control_.fill_hypercall_page(domain_, memory_.frame(pfn)));
    }
    request.watch.lap("tables");
    // From here on no page table may be mapped writable by anybody; write_tables has unmapped them.
    BUILD_CHECK(memory_control_.pin_l4(domain_, memory_.frame(request.plan.places.tables.first)));
    request.watch.lap("pin");
    BUILD_CHECK(start_vcpu(request));
    BUILD_CHECK(seed_grants(built));
    request.watch.lap("vcpu");
    return built;
}

Result<void> DomainBuilder::populate(std::uint64_t pages, std::uint64_t maximum_pages)
{
    ::xen::e820entry ram{};
    ram.size = maximum_pages << page_shift;
    ram.type = ::xen::E820_RAM;
    BUILD_CHECK(memory_control_.set_memory_map(domain_, std::span(&ram, 1)));
    // Claimed first, so that two domains built at once do not both run out half-way.
    if (auto claimed = memory_control_.claim(domain_, pages); !claimed) {
        if (claimed.error().code == ENOMEM)
            return fail(Kind::no_resource, "the hypervisor has less free memory than the " +
                                               std::to_string(pages >> (20 - page_shift)) + " MiB that the domain needs");
        return fail(claimed.error());
    }
    auto populated = memory_.populate(pages);
    // What is left of the claim, if populating stopped half-way, would stay reserved until the domain is gone: harmless.
    (void)memory_control_.claim(domain_, 0);
    return populated;
}

Result<void> DomainBuilder::load_segments(const BuildRequest& request)
{
    Result<void> done;
    request.kernel.elf().for_each_segment([&](const dom0::Segment& segment) {
        if (!done)
            return;
        const Source contents = request.kernel.contents(segment);
        const std::uint64_t address = request.kernel.notes().pseudo_physical(segment);
        const std::uint64_t offset = address & ~page_mask;
        const std::uint64_t in_page = std::min<std::uint64_t>(contents.size(), offset ? page_size - offset : 0);
        const Pfn first{address >> page_shift};
        if (in_page) {
            // A segment that does not begin with a page shares it with the one before.
            auto page = memory_.map({first, 1});
            if (!page) {
                done = std::unexpected(page.error());
                return;
            }
            done = contents.copy(0, {page->data() + offset, in_page});
            if (!done)
                return;
        }
        const std::uint64_t skipped = offset ? page_size - offset : 0;
        if (segment.memory_bytes > skipped)
            done = memory_.write(first + (offset ? 1 : 0), contents.from(in_page), segment.memory_bytes - skipped);
    });
    return done;
}

Result<void> DomainBuilder::write_tables(const GuestPlan& plan)
{
    const dom0::Plan& places = plan.places;
    const xen::ForeignMap tables = BUILD_TRY(memory_.map(places.tables));
    write_window_tables(places, memory_.frames(), elements<std::uint64_t>(tables, 0, places.tables.count));
    if (places.p2m_in_window) {
        const xen::ForeignMap p2m = BUILD_TRY(memory_.map(places.p2m));
        write_p2m(memory_.frames(), elements<std::uint64_t>(p2m, 0, places.p2m.count));
        return {};
    }
    // Behind the window the array's own tables follow it.
    const xen::ForeignMap p2m = BUILD_TRY(memory_.map({places.p2m.first, places.p2m.count + places.p2m_tables.count}));
    write_p2m(memory_.frames(), elements<std::uint64_t>(p2m, 0, places.p2m.count));
    write_p2m_tables(places, memory_.frames(), elements<std::uint64_t>(tables, 0, 1),
                     elements<std::uint64_t>(p2m, places.p2m.count, places.p2m_tables.count));
    return {};
}

Result<void> DomainBuilder::write_start_info(const BuildRequest& request, const BuiltDomain& built)
{
    StartFacts facts;
    facts.shared_info_frame = shared_info_frame_;
    facts.store_frame = built.store_frame.value;
    facts.console_frame = built.console_frame.value;
    facts.store_port = built.store_port;
    facts.console_port = built.console_port;
    facts.initrd_bytes = request.initrd.size();
    facts.command_line = request.command_line;
    const ::xen::start_info info = make_start_info(request.plan, facts);
    return memory_.write(request.plan.places.start_info.first, Source(std::as_bytes(std::span(&info, 1))), page_size);
}

Result<void> DomainBuilder::clear_rings(const BuiltDomain& built)
{
    ::xen::mmuext_op operations[2]{};
    operations[0].cmd = operations[1].cmd = ::xen::MMUEXT_CLEAR_PAGE;
    operations[0].arg1.mfn = built.store_frame.value;
    operations[1].arg1.mfn = built.console_frame.value;
    BUILD_CHECK(memory_control_.page_table_operations(domain_, operations));
    return {};
}

Result<void> DomainBuilder::start_vcpu(const BuildRequest& request)
{
    {
        const auto page = BUILD_TRY(xen::ForeignMap::map(privcmd_, domain_, xen::Mfn(shared_info_frame_), xen::Access::read_write));
        initialise(*reinterpret_cast<::xen::shared_info*>(page.data()));
    }
    const std::uint64_t root = memory_.frame(request.plan.places.tables.first).value;
    BUILD_CHECK(control_.set_vcpu_context(domain_, 0, make_first_context(request.plan, request.kernel.notes(), root)));
    return {};
}

Result<xen::ForeignMap> DomainBuilder::map_grant_table()
{
    auto resource = xen::ForeignMap::map_resource(
        privcmd_, domain_, {::xen::XENMEM_resource_grant_table, ::xen::XENMEM_resource_grant_table_id_shared, 0, 1});
    if (resource)
        return std::move(*resource);
    if (resource.error().code != EOPNOTSUPP && resource.error().code != ENOTTY && resource.error().code != ENOSYS)
        return fail(resource.error());
    const auto frames = BUILD_TRY(memory_control_.setup_grant_table(domain_, 1));
    return BUILD_TRY(xen::ForeignMap::map(privcmd_, domain_, frames, xen::Access::read_write));
}

/// The grants by which the store and the console daemon map their rings.
Result<void> DomainBuilder::seed_grants(const BuiltDomain& built)
{
    const xen::ForeignMap table = BUILD_TRY(map_grant_table());
    auto* entries = reinterpret_cast<::xen::grant_entry_v1*>(table.data());
    const auto grant = [&](std::uint32_t reference, xen::Mfn frame) {
        ::xen::grant_entry_v1& entry = entries[reference];
        entry.domid = xen::dom0.value;
        entry.frame = static_cast<std::uint32_t>(frame.value);
        std::atomic_ref(entry.flags).store(::xen::GTF_permit_access, std::memory_order_release);
    };
    grant(::xen::GNTTAB_RESERVED_CONSOLE, built.console_frame);
    grant(::xen::GNTTAB_RESERVED_XENSTORE, built.store_frame);
    return {};
}

}  // namespace rf::builder
