// SPDX-License-Identifier: MIT
#include "dom0/notes.hpp"

#include "base/address_map.hpp"
#include "dom0/codec/bytes.hpp"
#include "xen/elfnote.h"
#include "xen/features.h"

#include <algorithm>
#include <charconv>

namespace rf::dom0 {
namespace {

using codec::load;

constexpr std::string_view note_owner{"Xen\0", 4};

struct FeatureName {
    std::string_view name;
    unsigned bit;
};
constexpr FeatureName feature_names[] = {
    {"writable_page_tables", xen::XENFEAT_writable_page_tables},
    {"writable_descriptor_tables", xen::XENFEAT_writable_descriptor_tables},
    {"auto_translated_physmap", xen::XENFEAT_auto_translated_physmap},
    {"supervisor_mode_kernel", xen::XENFEAT_supervisor_mode_kernel},
    {"pae_pgdir_above_4gb", xen::XENFEAT_pae_pgdir_above_4gb},
    {"mmu_pt_update_preserve_ad", xen::XENFEAT_mmu_pt_update_preserve_ad},
    {"gnttab_map_avail_bits", xen::XENFEAT_gnttab_map_avail_bits},
    {"hvm_callback_vector", xen::XENFEAT_hvm_callback_vector},
    {"hvm_safe_pvclock", xen::XENFEAT_hvm_safe_pvclock},
    {"hvm_pirqs", xen::XENFEAT_hvm_pirqs},
    {"dom0", xen::XENFEAT_dom0},
};

/// Splits `rest` at the first `separator`: yields the part before it and leaves the part behind it.
std::string_view split(std::string_view& rest, char separator)
{
    std::size_t const end = std::min(rest.find(separator), rest.size());
    std::string_view const part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return part;
}

/// Collects facts from either source.
class NoteReader {
public:
    /// Reads one area of ELF notes; those of other owners and unknown types are passed over.
    void area(std::span<std::byte const> notes);
    /// Reads the text of a __xen_guest section: key=value, separated by commas.
    void text_section(std::span<std::byte const> section);

    [[nodiscard]] bool found() const { return found_; }
    Parsed<KernelNotes> finish(ElfFile const& elf, bool text_section);

private:
    void note(std::uint32_t type, std::span<std::byte const> value);
    void pair(std::string_view key, std::string_view value);
    void features(std::string_view list);
    void version(std::string_view text)
    {
        if (!text.starts_with("xen-3."))
            problem_ = "a PV kernel for another interface than xen-3.x";
    }
    void loader(std::string_view text)
    {
        if (!text.starts_with("generic"))
            problem_ = "a PV kernel that asks for another loader than \"generic\"";
    }
    Checked place(ElfFile const& elf);
    Checked check_addresses() const;

    KernelNotes notes_;
    std::optional<std::uint64_t> entry_;
    std::optional<std::uint64_t> paddr_offset_;
    std::optional<std::uint64_t> hypercall_frame_;
    std::string_view problem_;
    bool found_ = false;
};

/// A numeric note: 1, 2, 4 or 8 bytes, little-endian.
std::optional<std::uint64_t> number(std::span<std::byte const> value)
{
    switch (value.size()) {
    case 1: return load<std::uint8_t>(value.data());
    case 2: return load<std::uint16_t>(value.data());
    case 4: return load<std::uint32_t>(value.data());
    case 8: return load<std::uint64_t>(value.data());
    default: return std::nullopt;
    }
}

std::optional<std::uint64_t> number(std::string_view text)
{
    bool const hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    if (hexadecimal)
        text.remove_prefix(2);
    std::uint64_t value = 0;
    char const* const end = text.data() + text.size();
    auto const [stop, error] = std::from_chars(text.data(), end, value, hexadecimal ? 16 : 10);
    if (error != std::errc{} || stop != end)
        return std::nullopt;
    return value;
}

std::string_view text(std::span<std::byte const> value)
{
    std::string_view const all(reinterpret_cast<char const*>(value.data()), value.size());
    return all.substr(0, std::min(all.find('\0'), all.size()));
}

void NoteReader::features(std::string_view list)
{
    while (!list.empty()) {
        std::string_view name = split(list, '|');
        bool const required = name.starts_with('!');
        if (required)
            name.remove_prefix(1);
        auto const* const known = std::ranges::find(feature_names, name, &FeatureName::name);
        if (known != std::end(feature_names)) {
            if (required)
                notes_.required_features |= 1u << known->bit;
        } else if (required) {
            problem_ = "a PV kernel that requires a feature we do not know (note FEATURES)";
        }
    }
}

void NoteReader::note(std::uint32_t type, std::span<std::byte const> value)
{
    std::optional<std::uint64_t> const numeric = number(value);
    switch (type) {
    case xen::XEN_ELFNOTE_ENTRY: entry_ = numeric; break;
    case xen::XEN_ELFNOTE_HYPERCALL_PAGE: notes_.hypercall_page = numeric; break;
    case xen::XEN_ELFNOTE_VIRT_BASE: notes_.virt_base = numeric.value_or(0); break;
    case xen::XEN_ELFNOTE_PADDR_OFFSET: paddr_offset_ = numeric; break;
    case xen::XEN_ELFNOTE_HV_START_LOW: notes_.hv_start_low = numeric; break;
    case xen::XEN_ELFNOTE_INIT_P2M: notes_.init_p2m = numeric; break;
    case xen::XEN_ELFNOTE_MOD_START_PFN: notes_.mod_start_pfn = numeric.value_or(0) != 0; break;
    case xen::XEN_ELFNOTE_SUSPEND_CANCEL: notes_.suspend_cancel = numeric.value_or(0) != 0; break;
    case xen::XEN_ELFNOTE_SUPPORTED_FEATURES:
        if (numeric)
            notes_.supported_features = static_cast<std::uint32_t>(*numeric);
        break;
    case xen::XEN_ELFNOTE_L1_MFN_VALID:
        if (value.size() >= 16) {
            notes_.l1_valid_mask = load<std::uint64_t>(value.data());
            notes_.l1_valid_value = load<std::uint64_t>(value.data() + 8);
        }
        break;
    case xen::XEN_ELFNOTE_XEN_VERSION: version(text(value)); break;
    case xen::XEN_ELFNOTE_LOADER: loader(text(value)); break;
    case xen::XEN_ELFNOTE_GUEST_OS: notes_.guest_os = text(value); break;
    case xen::XEN_ELFNOTE_GUEST_VERSION: notes_.guest_version = text(value); break;
    case xen::XEN_ELFNOTE_PAE_MODE: notes_.pae = text(value).starts_with("yes"); break;
    case xen::XEN_ELFNOTE_FEATURES: features(text(value)); break;
    default: break;
    }
}

void NoteReader::area(std::span<std::byte const> notes)
{
    auto const padded = [](std::uint64_t bytes) { return (bytes + 3) & ~3ull; };
    while (notes.size() >= sizeof(Elf64_Nhdr)) {
        auto const header = load<Elf64_Nhdr>(notes.data());
        notes = notes.subspan(sizeof(Elf64_Nhdr));
        std::uint64_t const value_at = padded(header.n_namesz);
        if (value_at > notes.size() || header.n_descsz > notes.size() - value_at)
            return;
        std::string_view const owner(reinterpret_cast<char const*>(notes.data()), header.n_namesz);
        if (owner == note_owner) {
            found_ = true;
            note(header.n_type, notes.subspan(value_at, header.n_descsz));
        }
        notes = notes.subspan(std::min<std::uint64_t>(value_at + padded(header.n_descsz), notes.size()));
    }
}

void NoteReader::pair(std::string_view key, std::string_view value)
{
    if (key == "VIRT_BASE")
        notes_.virt_base = number(value).value_or(0);
    else if (key == "VIRT_ENTRY")
        entry_ = number(value);
    else if (key == "ELF_PADDR_OFFSET")
        paddr_offset_ = number(value);
    else if (key == "HYPERCALL_PAGE")
        hypercall_frame_ = number(value);
    else if (key == "HV_START_LOW")
        notes_.hv_start_low = number(value);
    else if (key == "FEATURES")
        features(value);
    else if (key == "XEN_VER")
        version(value);
    else if (key == "LOADER")
        loader(value);
    else if (key == "GUEST_OS")
        notes_.guest_os = value;
    else if (key == "GUEST_VER" || key == "GUEST_VERSION")
        notes_.guest_version = value;
    else if (key == "PAE")
        notes_.pae = value.starts_with("yes");
}

void NoteReader::text_section(std::span<std::byte const> section)
{
    std::string_view rest = text(section);
    while (!rest.empty()) {
        std::string_view value = split(rest, ',');
        std::string_view const key = split(value, '=');
        found_ = true;
        pair(key, value);
    }
    // The old text counts pages from VIRT_BASE.
    if (hypercall_frame_)
        notes_.hypercall_page = (*hypercall_frame_ << page_shift) + notes_.virt_base;
}

Checked NoteReader::place(ElfFile const& elf)
{
    std::uint64_t low = ~0ull, high = 0;
    elf.for_each_segment([&](Segment const& segment) {
        low = std::min(low, segment.physical);
        high = std::max(high, segment.physical + segment.memory_bytes);
    });
    if (low < notes_.paddr_offset)
        return refuse("a segment lies below PADDR_OFFSET");
    std::uint64_t const span_end = high - notes_.paddr_offset;
    notes_.image_start = low - notes_.paddr_offset + notes_.virt_base;
    notes_.image_end = span_end + notes_.virt_base;
    if (notes_.image_end < span_end || !is_canonical(notes_.image_start) || !is_canonical(notes_.image_end - 1) ||
        !is_canonical(notes_.virt_base))
        return refuse("the image does not fit the address space above VIRT_BASE");
    return {};
}

Checked NoteReader::check_addresses() const
{
    auto const inside = [this](std::uint64_t address) {
        return address >= notes_.image_start && address < notes_.image_end;
    };
    if (!inside(notes_.entry))
        return refuse("the entry point lies outside the image");
    if (notes_.virt_base % page_size)
        return refuse("VIRT_BASE is not page-aligned");
    if (notes_.hypercall_page) {
        std::uint64_t const page = *notes_.hypercall_page;
        if (page % page_size || !inside(page) || !inside(page + page_size - 1))
            return refuse("the hypercall page lies outside the image or is not page-aligned");
    }
    if (notes_.init_p2m) {
        std::uint64_t const p2m = *notes_.init_p2m;
        if (p2m % page_size || !is_canonical(p2m) || inside(p2m))
            return refuse("INIT_P2M is misaligned, not canonical, or inside the image");
    }
    if (notes_.hv_start_low && *notes_.hv_start_low > address_map::hypervisor_start)
        return refuse("the kernel wants addresses that belong to the hypervisor (HV_START_LOW)");
    if (notes_.required_features & 1u << xen::XENFEAT_supervisor_mode_kernel)
        return refuse("the kernel requires supervisor_mode_kernel, which no 64-bit PV host offers");
    return {};
}

Parsed<KernelNotes> NoteReader::finish(ElfFile const& elf, bool text_section)
{
    if (!found_)
        return refuse("not a PV kernel: it has no Xen ELF notes (Linux needs CONFIG_XEN_PV=y)");
    if (!entry_ && text_section)
        entry_ = elf.entry();
    if (!entry_)
        return refuse("not a PV kernel: it has no XEN_ELFNOTE_ENTRY (Linux needs CONFIG_XEN_PV=y)");
    if (!problem_.empty())
        return refuse(problem_);
    notes_.entry = *entry_;
    // Images with the old text have p_paddr = p_vaddr.
    notes_.paddr_offset = paddr_offset_.value_or(text_section ? notes_.virt_base : 0);
    TRY_PARSE(place(elf));
    TRY_PARSE(check_addresses());
    return notes_;
}

} // namespace

Parsed<KernelNotes> read_notes(ElfFile const& elf)
{
    NoteReader reader;
    auto const area = [&](std::span<std::byte const> notes) { reader.area(notes); };
    elf.for_each_note_segment(area);
    if (!reader.found())
        elf.for_each_note_section(area);
    if (reader.found())
        return reader.finish(elf, false);
    reader.text_section(elf.section("__xen_guest"));
    return reader.finish(elf, true);
}

Checked check_dom0_capable(KernelNotes const& notes)
{
    if (notes.supported_features && !(*notes.supported_features & 1u << xen::XENFEAT_dom0))
        return refuse("the kernel cannot be the first domain (Linux needs CONFIG_XEN_DOM0=y)");
    return {};
}

} // namespace rf::dom0
