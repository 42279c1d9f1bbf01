// SPDX-License-Identifier: MIT
#include "pvcpu/cpuid_policy.hpp"

#include "base/panic.hpp"
#include "pvcpu/feature_rules.hpp"

#include <algorithm>

namespace rf::pvcpu {

namespace {

constexpr std::uint32_t highest_basic = 0xd;
constexpr std::uint32_t first_extended = 0x80000000;
constexpr std::uint32_t highest_extended_intel = 0x80000008;
constexpr std::uint32_t highest_extended_amd = 0x80000021;
constexpr std::uint32_t most_cache_levels = 8;
constexpr unsigned components = 63;
/// Legacy area and header, which every XSAVE area begins with.
constexpr std::uint32_t xsave_header_end = 576;
constexpr std::uint32_t legacy_components = 3;

/// Leaves whose contents stay as the processor says, apart from feature words: identity, caches, names.
[[nodiscard]] bool is_offered(std::uint32_t leaf)
{
    switch (leaf) {
    case 0:
    case 1:
    case 2:
    case 4:
    case 7:
    case 0xd:
    case 0x8000001a:
    case 0x80000021:
        return true;
    default:
        return leaf >= first_extended && leaf <= highest_extended_intel;
    }
}

} // namespace

CpuidPolicy CpuidPolicy::build(PolicyKind kind, HostCpuid host, std::uint64_t xcr0)
{
    CpuidPolicy policy;
    policy.add_basic(host);
    policy.add_extended(host);
    if (kind == PolicyKind::host)
        return policy;
    auto const not_offered = [](CpuidLeaf const& leaf) { return !is_offered(leaf.leaf); };
    auto const rest = std::remove_if(policy.leaves_.begin(), policy.leaves_.begin() + policy.count_, not_offered);
    policy.count_ = static_cast<std::size_t>(rest - policy.leaves_.begin());
    std::uint64_t const usable = policy.features()[1] & bit_of(Feature::xsave) ? xcr0 : 0;
    policy.set_features(allowed_features(policy.features(), kind, vendor_of(policy.find(0)), usable));
    policy.restrict_identity();
    policy.restrict_xstate(usable);
    return policy;
}

void CpuidPolicy::add(std::uint32_t leaf, std::uint32_t subleaf, CpuidRegisters regs)
{
    require(count_ < capacity, "a CPUID policy has room for all leaves that it may have");
    leaves_[count_++] = {leaf, subleaf, regs};
}

void CpuidPolicy::add_basic(HostCpuid host)
{
    CpuidRegisters const zero = host(0, 0);
    std::uint32_t const highest = std::min(zero.eax, highest_basic);
    add(0, no_subleaf, {highest, zero.ebx, zero.ecx, zero.edx});
    for (std::uint32_t leaf = 1; leaf <= highest; ++leaf) {
        switch (leaf) {
        case 4:
            for (std::uint32_t level = 0; level < most_cache_levels; ++level) {
                CpuidRegisters const cache = host(leaf, level);
                if ((cache.eax & 0x1f) == 0)
                    break;
                add(leaf, level, cache);
            }
            break;
        case 7: {
            std::uint32_t const last = std::min(host(7, 0).eax, 2u);
            for (std::uint32_t subleaf = 0; subleaf <= last; ++subleaf)
                add(leaf, subleaf, host(leaf, subleaf));
            entry(7, 0)->regs.eax = last;
            break;
        }
        case 0xb:
            add(leaf, 0, host(leaf, 0));
            add(leaf, 1, host(leaf, 1));
            break;
        case 0xd:
            add_xstate(host);
            break;
        default:
            add(leaf, no_subleaf, host(leaf, 0));
        }
    }
}

void CpuidPolicy::add_xstate(HostCpuid host)
{
    CpuidRegisters const first = host(0xd, 0);
    add(0xd, 0, first);
    add(0xd, 1, host(0xd, 1));
    std::uint64_t const available = static_cast<std::uint64_t>(first.edx) << 32 | first.eax;
    for (std::uint32_t component = 2; component < components; ++component)
        if (available >> component & 1)
            add(0xd, component, host(0xd, component));
}

void CpuidPolicy::add_extended(HostCpuid host)
{
    CpuidRegisters const first = host(first_extended, 0);
    std::uint32_t const limit =
        vendor_of(find(0)) == ProcessorVendor::amd ? highest_extended_amd : highest_extended_intel;
    std::uint32_t const highest = std::min(first.eax, limit);
    if (highest < first_extended)
        return;
    add(first_extended, no_subleaf, {highest, first.ebx, first.ecx, first.edx});
    for (std::uint32_t leaf = first_extended + 1; leaf <= highest; ++leaf)
        add(leaf, no_subleaf, host(leaf, 0));
}

FeatureSet CpuidPolicy::features() const
{
    FeatureSet set{};
    for (FeaturePlace const& place : feature_places())
        set[place.word] = find(place.leaf, place.subleaf).*place.reg;
    return set;
}

void CpuidPolicy::set_features(FeatureSet const& features)
{
    for (FeaturePlace const& place : feature_places())
        if (CpuidLeaf* const leaf = entry(place.leaf, place.subleaf))
            leaf->regs.*place.reg = features[place.word];
}

/// Takes out what tells of the host's topology, power management and address widths beyond four levels.
void CpuidPolicy::restrict_identity()
{
    constexpr std::uint32_t one_logical_processor = 1u << 16;
    constexpr std::uint32_t four_level_width = 48;
    for (std::size_t i = 0; i < count_; ++i) {
        CpuidRegisters& regs = leaves_[i].regs;
        switch (leaves_[i].leaf) {
        case 1:
            regs.ebx = (regs.ebx & 0xffff) | one_logical_processor;
            break;
        case 4:
            regs.eax &= 0x3ff; // who shares the cache, how many cores there are
            break;
        case 7:
            if (leaves_[i].subleaf == 2)
                regs = {0, 0, 0, regs.edx};
            break;
        case 0x80000007:
            regs = {0, 0, 0, regs.edx};
            break;
        case 0x80000008:
            regs = {(regs.eax & 0xff) | four_level_width << 8, regs.ebx, 0, 0};
            break;
        case 0x80000021:
            regs = {regs.eax, 0, regs.ecx, 0};
            break;
        default:
            break;
        }
    }
}

void CpuidPolicy::restrict_xstate(std::uint64_t xcr0)
{
    for (std::size_t i = 0; i < count_; ++i) {
        CpuidLeaf& leaf = leaves_[i];
        if (leaf.leaf != 0xd)
            continue;
        if (leaf.subleaf == 0)
            leaf.regs = {static_cast<std::uint32_t>(xcr0), xcr0 ? xsave_size(legacy_components) : 0,
                         xcr0 ? xsave_size(xcr0) : 0, static_cast<std::uint32_t>(xcr0 >> 32)};
        else if (leaf.subleaf == 1)
            leaf.regs = {xcr0 ? leaf.regs.eax : 0, 0, 0, 0};
        else if (!(xcr0 >> leaf.subleaf & 1))
            leaf.regs = {};
        else
            leaf.regs.edx = 0;
    }
}

std::uint64_t CpuidPolicy::xcr0() const
{
    CpuidRegisters const first = find(0xd, 0);
    return static_cast<std::uint64_t>(first.edx) << 32 | first.eax;
}

std::uint32_t CpuidPolicy::xsave_size(std::uint64_t xcr0) const
{
    std::uint32_t size = xsave_header_end;
    for (unsigned component = 2; component < components; ++component)
        if (xcr0 >> component & 1) {
            CpuidRegisters const place = find(0xd, component);
            size = std::max(size, place.eax + place.ebx);
        }
    return size;
}

std::uint32_t CpuidPolicy::compacted_size(std::uint64_t xcr0) const
{
    constexpr std::uint32_t aligned = 1u << 1;
    std::uint32_t size = xsave_header_end;
    for (unsigned component = 2; component < components; ++component)
        if (xcr0 >> component & 1) {
            CpuidRegisters const place = find(0xd, component);
            size = (place.ecx & aligned ? (size + 63) & ~63u : size) + place.eax;
        }
    return size;
}

Status CpuidPolicy::apply(std::span<CpuidLeaf const> wanted, CpuidPolicy const& limit)
{
    ProcessorVendor const vendor = vendor_of(find(0));
    FeatureSet set = features();
    CpuidPolicy result = *this;
    for (CpuidLeaf const& ask : wanted) {
        CpuidLeaf* const mine = result.entry(ask.leaf, ask.subleaf);
        if (!mine || mine->subleaf != ask.subleaf)
            continue;
        switch (ask.leaf) {
        case 0:
            if (vendor_of(ask.regs) != vendor)
                return fail(Errno::einval);
            break;
        case 1:
            mine->regs.eax = ask.regs.eax;
            break;
        case 2:
        case 4:
        case 0x80000002:
        case 0x80000003:
        case 0x80000004:
        case 0x80000005:
        case 0x80000006:
            mine->regs = ask.regs;
            break;
        case 0x80000008:
            if (std::uint32_t const width = ask.regs.eax & 0xff; width >= 36 && width <= (mine->regs.eax & 0xff))
                mine->regs.eax = (mine->regs.eax & ~0xffu) | width;
            break;
        default:
            break;
        }
        for (FeaturePlace const& place : feature_places())
            if (place.leaf == ask.leaf && place.subleaf == ask.subleaf)
                set[place.word] = ask.regs.*place.reg;
    }
    FeatureSet const most = limit.features();
    for (std::size_t word = 0; word < set.size(); ++word)
        set[word] &= most[word];
    word_of(set, Feature::hypervisor) |= bit_of(Feature::hypervisor);
    std::uint64_t const usable = components_of(set, limit.xcr0());
    for (CpuidLeaf const& leaf : limit.leaves()) // components that were taken away before may come back
        if (CpuidLeaf* const mine = leaf.leaf == 0xd ? result.entry(leaf.leaf, leaf.subleaf) : nullptr)
            mine->regs = leaf.regs;
    result.set_features(consistent(set, vendor, usable));
    result.restrict_identity();
    result.restrict_xstate(usable);
    *this = result;
    return {};
}

} // namespace rf::pvcpu
