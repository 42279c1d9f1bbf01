// SPDX-License-Identifier: MIT
#include "dom0/start_info.hpp"

#include "base/address_map.hpp"
#include "mm/m2p.hpp"
#include "xen/start_info.h"

#include <algorithm>
#include <cstring>

namespace rf::dom0 {

Status write_start_info(Plan const& plan, FrameList const& frames, KernelNotes const& notes, Request const& request,
                        Mfn shared_info)
{
    std::byte* const page = direct(frames[plan.start_info.first]);
    auto& info = *reinterpret_cast<xen::start_info*>(page);
    if (request.command_line.size() >= sizeof info.cmd_line)
        return fail(Errno::e2big);

    info = {};
    std::string_view const magic = notes.pae ? "xen-3.0-x86_64p" : "xen-3.0-x86_64";
    std::ranges::copy(magic, info.magic);
    info.nr_pages = plan.pages;
    info.shared_info = MachineAddress::of(shared_info).value;
    info.flags = xen::SIF_PRIVILEGED | xen::SIF_INITDOMAIN | (request.power_management << 8 & xen::SIF_PM_MASK);
    info.pt_base = plan.address_of(plan.tables.first);
    info.nr_pt_frames = plan.tables.count;
    info.mfn_list = plan.p2m_address;
    if (request.initrd.bytes) {
        info.mod_len = request.initrd.bytes;
        if (plan.initrd_in_window) {
            info.mod_start = plan.address_of(plan.initrd.first);
        } else {
            info.mod_start = plan.initrd.first.value;
            info.flags |= xen::SIF_MOD_START_PFN;
        }
    }
    if (!plan.p2m_in_window) {
        info.first_p2m_pfn = plan.p2m.first.value;
        info.nr_p2m_frames = plan.p2m.count + plan.p2m_tables.count;
    }
    std::ranges::copy(request.command_line, info.cmd_line);

    if (request.screen) {
        info.console.dom0.info_off = sizeof info;
        info.console.dom0.info_size = sizeof *request.screen;
        std::memcpy(page + sizeof info, request.screen, sizeof *request.screen);
    }
    return {};
}

namespace {

constexpr std::uint64_t entries_per_page = page_size / sizeof(std::uint64_t);

/// Writes the array's elements in order, from page to page.
class ArrayWriter {
public:
    ArrayWriter(FrameList const& frames, PfnRange array) : frames_(frames), array_(array) {}
    void put(std::uint64_t value)
    {
        if (index_ % entries_per_page == 0)
            page_ = direct_as<std::uint64_t>(frames_[array_.first + index_ / entries_per_page]);
        page_[index_++ % entries_per_page] = value;
    }
    [[nodiscard]] bool full() const { return index_ == array_.count * entries_per_page; }

private:
    FrameList const& frames_;
    PfnRange array_;
    std::uint64_t index_ = 0;
    std::uint64_t* page_ = nullptr;
};

} // namespace

void write_translations(Plan const& plan, FrameList const& frames)
{
    ArrayWriter p2m(frames, plan.p2m);
    frames.for_each_run({Pfn{0}, plan.pages}, [&](Pfn pfn, Mfn mfn, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) {
            p2m.put((mfn + i).value);
            mm::set_m2p(mfn + i, pfn + i);
        }
    });
    while (!p2m.full())
        p2m.put(invalid_mfn.value);
}

} // namespace rf::dom0
