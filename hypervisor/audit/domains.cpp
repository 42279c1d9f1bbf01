// SPDX-License-Identifier: MIT
#include "audit/domains.hpp"

#include "domain/table.hpp"
#include "domain/vcpu.hpp"

namespace rf::audit {
namespace {

using mm::FrameType;

void enter_vcpu(Ledger& ledger, domain::Vcpu const& vcpu)
{
    auto const enter = [&](Mfn mfn, FrameType kind) {
        if (mfn.valid())
            ledger.use(mfn, kind);
    };
    enter(vcpu.pv.kernel_root, FrameType::l4);
    enter(vcpu.pv.user_root, FrameType::l4);
    for (Mfn const mfn : vcpu.pv.gdt_frames)
        enter(mfn, FrameType::descriptor);
    for (Mfn const mfn : vcpu.pv.ldt_frames)
        enter(mfn, FrameType::descriptor);
    enter(vcpu.events.registered_frame(), FrameType::writable);
}

void enter_domain(Ledger& ledger, domain::Domain const& domain)
{
    domain.for_each_vcpu([&](domain::Vcpu& vcpu) { enter_vcpu(ledger, vcpu); });
    domain.events.for_each_frame([&](Mfn mfn) { ledger.use(mfn, FrameType::writable); });
    domain.grants.for_each_table_frame([&](Mfn mfn) { ledger.use(mfn, FrameType::writable); });
    domain.grants.for_each_mapping(
        [&](Mfn mfn, grant::Access access) { ledger.grant(mfn, access == grant::Access::write); });
}

} // namespace

Owner const* Domains::find(DomainId id)
{
    if (found_.space && id == found_id_)
        return &found_;
    auto const domain = domain::find(id);
    if (!domain)
        return nullptr;
    found_id_ = id;
    found_ = {&(*domain)->space, (*domain)->is_control()};
    return &found_;
}

void Domains::enter_holders(Ledger& ledger)
{
    domain::for_each([&](domain::Domain& domain) { enter_domain(ledger, domain); });
}

Realm::Totals Domains::totals()
{
    Totals sum;
    domain::for_each([&](domain::Domain& domain) {
        sum.owned += domain.memory.owned();
        sum.pages += domain.memory.pages() - domain.memory.under_way();
    });
    return sum;
}

void Domains::for_each_view(void (*see)(View const&, void* argument), void* argument)
{
    domain::for_each([&](domain::Domain& domain) {
        if (!domain.space.separate)
            return;
        Owner const owner{&domain.space, domain.is_control()};
        domain.for_each_vcpu([&](domain::Vcpu& vcpu) {
            see({&owner, vcpu.kernel_view.page(), vcpu.kernel_view.root(), vcpu.pv.kernel_root}, argument);
            see({&owner, vcpu.user_view.page(), vcpu.user_view.root(), vcpu.pv.user_root}, argument);
        });
    });
}

} // namespace rf::audit
