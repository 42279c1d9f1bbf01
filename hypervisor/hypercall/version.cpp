// SPDX-License-Identifier: MIT
/// xen_version and vm_assist (public headers version.h, features.h, xen.h).
#include "hypercall/version.hpp"

#include "domain/domain.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"
#include "pvcpu/mode.hpp"
#include "xen/features.h"
#include "xen/mmu.h"
#include "xen/version.h"

#include <algorithm>
#include <array>
#include <cstring>

/// The linker's note: name size, descriptor size, type, the name "GNU", then the identity (ELF's note format).
extern "C" std::byte const build_id_note_start[];
extern "C" std::byte const build_id_note_end[];

namespace rf::hypercall {
namespace {

constinit std::string_view command_line;

constexpr std::string_view changeset = "ringfort";

template <std::size_t Size>
void put_text(char (&to)[Size], std::string_view text)
{
    std::size_t const length = std::min(text.size(), Size - 1);
    std::memcpy(to, text.data(), length);
    std::memset(to + length, 0, Size - length);
}

template <std::size_t Size>
[[nodiscard]] Outcome answer_text(Call& call, std::string_view text)
{
    char answer[Size];
    put_text(answer, text);
    return Outcome::of(guest::copy_bytes_out(GuestVirtual{call[1]}, answer, Size));
}

/// The most frequent of the texts, ready made.
Outcome extra_version(Call& call)
{
    static constexpr auto text = [] {
        std::array<char, xen::XEN_EXTRAVERSION_LEN> padded{};
        std::copy(version_extra.begin(), version_extra.end(), padded.begin());
        return padded;
    }();
    return Outcome::of(guest::copy_out(call[1], text));
}

Outcome compile_info(Call& call)
{
    xen::xen_compile_info info;
    put_text(info.compiler, "g++ " __VERSION__);
    put_text(info.compile_by, "ringfort");
    put_text(info.compile_domain, "");
    put_text(info.compile_date, "");
    return Outcome::of(guest::copy_out(call[1], info));
}

[[nodiscard]] std::uint32_t features_of(domain::Domain const& domain)
{
    auto const bit = [](unsigned feature) { return 1u << feature; };
    std::uint32_t features = bit(xen::XENFEAT_mmu_pt_update_preserve_ad) | bit(xen::XENFEAT_highmem_assist) |
                             bit(xen::XENFEAT_gnttab_map_avail_bits) | bit(xen::XENFEAT_memory_op_vnode_supported) |
                             bit(xen::XENFEAT_direct_mapped);
    if (domain.assists.load(relaxed) >> xen::VMASST_TYPE_pae_extended_cr3 & 1)
        features |= bit(xen::XENFEAT_pae_pgdir_above_4gb);
    if (domain.is_control())
        features |= bit(xen::XENFEAT_dom0);
    return features;
}

Outcome get_features(Call& call)
{
    auto info = TRY(guest::fetch<xen::xen_feature_info>(call[1]));
    if (info.submap_idx >= xen::XENFEAT_NR_SUBMAPS)
        return fail(Errno::einval);
    info.submap = features_of(call.domain);
    return Outcome::of(guest::copy_out(call[1], info));
}

Outcome guest_handle(Call& call)
{
    auto const& handle = call.domain.handle;
    return Outcome::of(guest::copy_bytes_out(GuestVirtual{call[1]}, handle.data(), handle.size()));
}

/// With a null argument only the size; otherwise the bytes, behind the structure's length field.
Outcome build_id(Call& call)
{
    constexpr std::size_t header_bytes = 16;
    std::span const note(build_id_note_start, build_id_note_end);
    if (note.size() <= header_bytes)
        return fail(Errno::enodata);
    std::span const id = note.subspan(header_bytes);
    if (call[1] != 0) {
        auto wanted = TRY(guest::fetch<xen::xen_build_id>(call[1]));
        if (wanted.len < id.size())
            return fail(Errno::enobufs);
        TRY(guest::copy_bytes_out(GuestVirtual{call[1] + sizeof wanted}, id.data(), id.size()));
    }
    return Outcome::value(static_cast<std::int64_t>(id.size()));
}

} // namespace

void set_command_line(std::string_view text) { command_line = text; }

Outcome xen_version(Call& call)
{
    if (call.narrow(0) > xen::XENVER_build_id)
        return fail(Errno::enosys);
    switch (call.narrow(0)) {
    case xen::XENVER_version:
        return Outcome::value(version_major << 16 | version_minor);
    case xen::XENVER_extraversion:
        return extra_version(call);
    case xen::XENVER_compile_info:
        return compile_info(call);
    case xen::XENVER_capabilities:
        return answer_text<xen::XEN_CAPABILITIES_INFO_LEN>(call, capabilities);
    case xen::XENVER_changeset:
        return answer_text<xen::XEN_CHANGESET_INFO_LEN>(call, changeset);
    case xen::XENVER_platform_parameters:
        return Outcome::of(
            guest::copy_out(call[1], xen::xen_platform_parameters{address_map::hypervisor_start}));
    case xen::XENVER_get_features:
        return get_features(call);
    case xen::XENVER_pagesize:
        return call[1] == 0 ? Outcome::value(page_size) : Outcome{fail(Errno::einval)};
    case xen::XENVER_guest_handle:
        return guest_handle(call);
    case xen::XENVER_commandline:
        // The options say how the machine is set up: none of a guest's business.
        return answer_text<xen::XEN_COMMANDLINE_LEN>(call, call.domain.is_control() ? command_line : "<denied>");
    case xen::XENVER_build_id:
        return call.domain.is_control() ? build_id(call) : fail(Errno::eperm);
    default:
        return fail(Errno::enosys);
    }
}

Outcome vm_assist(Call& call)
{
    constexpr std::uint64_t known = 1ull << xen::VMASST_TYPE_4gb_segments | 1ull << xen::VMASST_TYPE_4gb_segments_notify |
                                    1ull << xen::VMASST_TYPE_writable_pagetables |
                                    1ull << xen::VMASST_TYPE_pae_extended_cr3 |
                                    1ull << xen::VMASST_TYPE_architectural_iopl |
                                    1ull << xen::VMASST_TYPE_runstate_update_flag;
    std::uint32_t const type = call.narrow(1);
    if (type >= 64 || !(known >> type & 1))
        return fail(Errno::einval);
    switch (call.narrow(0)) {
    case xen::VMASST_CMD_enable:
        call.domain.assists.fetch_or(1ull << type, acq_rel);
        pvcpu::choose_bounce(call.vcpu);
        return Outcome::ok();
    case xen::VMASST_CMD_disable:
        call.domain.assists.fetch_and(~(1ull << type), acq_rel);
        pvcpu::choose_bounce(call.vcpu);
        return Outcome::ok();
    default:
        return fail(Errno::enosys);
    }
}

} // namespace rf::hypercall
