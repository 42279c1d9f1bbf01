// SPDX-License-Identifier: MIT
#include "boot/multiboot2.hpp"

#include <algorithm>
#include <cstring>

namespace rf::boot {
namespace {

using Bytes = std::span<std::byte const>;

constexpr std::size_t header_size = 8;

/// Reads a T at `offset`; zero beyond the end (callers check the sizes that matter first).
template <class T>
[[nodiscard]] T get(Bytes bytes, std::size_t offset)
{
    T value{};
    if (offset <= bytes.size() && sizeof(T) <= bytes.size() - offset)
        std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

/// A zero-terminated string at `offset`, ending at the tag's end at the latest.
[[nodiscard]] std::string_view text(Bytes tag, std::size_t offset)
{
    if (offset >= tag.size())
        return {};
    char const* start = reinterpret_cast<char const*>(tag.data()) + offset;
    void const* end = std::memchr(start, 0, tag.size() - offset);
    return {start, end ? static_cast<std::size_t>(static_cast<char const*>(end) - start) : tag.size() - offset};
}

void read_module(Bytes tag, BootInfo& info)
{
    std::uint64_t const start = get<std::uint32_t>(tag, 8);
    std::uint64_t const end = get<std::uint32_t>(tag, 12);
    if (tag.size() < 16 || end <= start)
        return;
    if (info.module_count == modules_max) {
        ++info.modules_lost;
        return;
    }
    info.module_list[info.module_count++] = {.start = {start}, .size = end - start, .command_line = text(tag, 16)};
}

void read_memory_map(Bytes tag, BootInfo& info)
{
    std::uint32_t const entry_size = get<std::uint32_t>(tag, 8);
    if (entry_size < 20)
        return;
    for (std::size_t at = 16; at <= tag.size() && entry_size <= tag.size() - at; at += entry_size)
        info.memory.add(get<std::uint64_t>(tag, at), get<std::uint64_t>(tag, at + 8), get<std::uint32_t>(tag, at + 16));
}

void read_framebuffer(Bytes tag, BootInfo& info)
{
    if (tag.size() < 31)
        return;
    Framebuffer screen;
    screen.address = {get<std::uint64_t>(tag, 8)};
    screen.pitch = get<std::uint32_t>(tag, 16);
    screen.width = get<std::uint32_t>(tag, 20);
    screen.height = get<std::uint32_t>(tag, 24);
    screen.bits_per_pixel = get<std::uint8_t>(tag, 28);
    switch (get<std::uint8_t>(tag, 29)) {
    case 0:
        screen.kind = DisplayKind::indexed;
        break;
    case 1:
        screen.kind = DisplayKind::rgb;
        screen.red_position = get<std::uint8_t>(tag, 32);
        screen.red_bits = get<std::uint8_t>(tag, 33);
        screen.green_position = get<std::uint8_t>(tag, 34);
        screen.green_bits = get<std::uint8_t>(tag, 35);
        screen.blue_position = get<std::uint8_t>(tag, 36);
        screen.blue_bits = get<std::uint8_t>(tag, 37);
        break;
    case 2:
        screen.kind = DisplayKind::text;
        break;
    default:
        return;
    }
    info.framebuffer = screen;
}

void read_rsdp(Bytes tag, BootInfo& info)
{
    std::size_t const size = std::min(tag.size() - header_size, info.rsdp.bytes.size());
    if (size < 20 || size < info.rsdp.size)
        return; // too short, or we have the newer one
    std::copy_n(tag.begin() + header_size, size, info.rsdp.bytes.begin());
    info.rsdp.size = size == info.rsdp.bytes.size() ? 36 : 20;
}

void read_efi_map(Bytes tag, BootInfo& info)
{
    std::uint32_t const descriptor_size = get<std::uint32_t>(tag, 8);
    if (tag.size() < 16 || descriptor_size < 40)
        return;
    info.efi.descriptor_size = descriptor_size;
    info.efi.descriptor_version = get<std::uint32_t>(tag, 12);
    info.efi.memory_map = tag.subspan(16);
}

void read_tag(Tag type, Bytes tag, BootInfo& info)
{
    switch (type) {
    case Tag::command_line:
        info.command_line = text(tag, header_size);
        break;
    case Tag::loader_name:
        info.loader_name = text(tag, header_size);
        break;
    case Tag::module:
        read_module(tag, info);
        break;
    case Tag::memory_map:
        read_memory_map(tag, info);
        break;
    case Tag::framebuffer:
        read_framebuffer(tag, info);
        break;
    case Tag::efi64_system_table:
        info.efi.system_table = {get<std::uint64_t>(tag, header_size)};
        break;
    case Tag::acpi_old:
    case Tag::acpi_new:
        read_rsdp(tag, info);
        break;
    case Tag::efi_memory_map:
        read_efi_map(tag, info);
        break;
    default:
        break;
    }
}

/// Removes the first word: loaders other than GRUB put the file's name in front of the arguments.
[[nodiscard]] std::string_view without_name(std::string_view line)
{
    std::size_t const blank = line.find(' ');
    return blank == line.npos ? std::string_view{} : line.substr(blank + 1);
}

} // namespace

Status parse_multiboot2(Bytes bytes, BootInfo& info)
{
    std::uint32_t const total = get<std::uint32_t>(bytes, 0);
    if (total < header_size || total > bytes.size())
        return fail(Errno::einval);
    bytes = bytes.first(total);

    std::size_t at = header_size;
    for (bool more = true; more;) {
        std::uint32_t const size = get<std::uint32_t>(bytes, at + 4);
        if (at > bytes.size() || bytes.size() - at < header_size || size < header_size || size > bytes.size() - at)
            return fail(Errno::einval);
        Tag const type{get<std::uint32_t>(bytes, at)};
        if (type == Tag::end)
            more = false;
        else
            read_tag(type, bytes.subspan(at, size), info);
        at += (static_cast<std::size_t>(size) + 7) & ~7ull;
    }

    if (!info.loader_name.starts_with("GRUB")) {
        info.command_line = without_name(info.command_line);
        for (Module& module : std::span(info.module_list).first(info.module_count))
            module.command_line = without_name(module.command_line);
    }
    info.memory.sanitise();
    return info.memory.ram_bytes() ? Status{} : fail(Errno::enodata);
}

} // namespace rf::boot
