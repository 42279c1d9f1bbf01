// SPDX-License-Identifier: MIT
#include "boot/multiboot1.hpp"

#include "boot/multiboot2.hpp"

#include <cstring>

namespace rf::boot {
namespace {

using Bytes = std::span<std::byte const>;

/// Bits of the information's first word: which fields are valid.
constexpr std::uint32_t has_command_line = 1u << 2;
constexpr std::uint32_t has_modules = 1u << 3;
constexpr std::uint32_t has_memory_map = 1u << 6;
constexpr std::uint32_t has_loader_name = 1u << 9;

constexpr std::size_t string_limit = 4096;

[[nodiscard]] Result<Bytes> slice(Bytes physical, std::uint64_t address, std::uint64_t size)
{
    if (address > physical.size() || size > physical.size() - address)
        return fail(Errno::efault);
    return physical.subspan(address, size);
}

[[nodiscard]] Result<std::uint32_t> word(Bytes physical, std::uint64_t address)
{
    Bytes const bytes = TRY(slice(physical, address, 4));
    std::uint32_t value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

/// A string with its terminating zero.
[[nodiscard]] Result<Bytes> string_at(Bytes physical, std::uint64_t address)
{
    for (std::size_t length = 0; length < string_limit; ++length) {
        Bytes const so_far = TRY(slice(physical, address, length + 1));
        if (so_far.back() == std::byte{0})
            return so_far;
    }
    return fail(Errno::efault);
}

/// Appends tags to a buffer.
class Writer {
public:
    explicit Writer(std::span<std::byte> to) : to_(to) {}
    [[nodiscard]] Status words(std::initializer_list<std::uint32_t> values)
    {
        return bytes(std::as_bytes(std::span(values.begin(), values.size())));
    }
    [[nodiscard]] Status bytes(Bytes data)
    {
        if (data.size() > to_.size() - used_)
            return fail(Errno::enospc);
        if (data.empty())
            return {};
        std::memcpy(to_.data() + used_, data.data(), data.size());
        used_ += data.size();
        return {};
    }
    [[nodiscard]] Status align()
    {
        static constexpr std::byte zeros[8]{};
        return bytes(std::span(zeros).first(-used_ & 7));
    }
    [[nodiscard]] Status tag(Tag type, std::initializer_list<std::uint32_t> values, Bytes data)
    {
        std::size_t const size = 8 + values.size() * 4 + data.size();
        TRY(words({static_cast<std::uint32_t>(type), static_cast<std::uint32_t>(size)}));
        TRY(words(values));
        TRY(bytes(data));
        return align();
    }
    [[nodiscard]] std::size_t used() const { return used_; }

private:
    std::span<std::byte> to_;
    std::size_t used_ = 0;
};

[[nodiscard]] Status convert_modules(Bytes physical, std::uint32_t information, Writer& writer)
{
    std::uint32_t const count = TRY(word(physical, information + 20ull));
    std::uint32_t const list = TRY(word(physical, information + 24ull));
    for (std::uint64_t i = 0; i < count && i < modules_max; ++i) {
        std::uint64_t const entry = list + i * 16;
        std::uint32_t const start = TRY(word(physical, entry));
        std::uint32_t const end = TRY(word(physical, entry + 4));
        std::uint32_t const text = TRY(word(physical, entry + 8));
        TRY(writer.tag(Tag::module, {start, end}, text ? TRY(string_at(physical, text)) : Bytes{}));
    }
    return {};
}

/// Entries carry their own size in front of them.
[[nodiscard]] Status convert_memory_map(Bytes physical, std::uint32_t information, Writer& writer)
{
    std::uint64_t const length = TRY(word(physical, information + 44ull));
    std::uint64_t const start = TRY(word(physical, information + 48ull));
    for (std::uint64_t at = start; at + 24 <= start + length;) {
        std::uint32_t const size = TRY(word(physical, at));
        Bytes const entry = TRY(slice(physical, at + 4, 20));
        TRY(writer.tag(Tag::memory_map, {20, 0}, entry));
        at += size + 4ull;
        if (size < 20)
            return fail(Errno::efault);
    }
    return {};
}

} // namespace

Result<std::size_t> convert_multiboot1(Bytes physical, std::uint32_t information, std::span<std::byte> to)
{
    std::uint32_t const flags = TRY(word(physical, information));
    if (!(flags & has_memory_map))
        return fail(Errno::enodata);
    Writer writer(to);
    TRY(writer.words({0, 0}));
    if (flags & has_command_line)
        TRY(writer.tag(Tag::command_line, {}, TRY(string_at(physical, TRY(word(physical, information + 16ull))))));
    if (flags & has_loader_name)
        TRY(writer.tag(Tag::loader_name, {}, TRY(string_at(physical, TRY(word(physical, information + 64ull))))));
    if (flags & has_modules)
        TRY(convert_modules(physical, information, writer));
    TRY(convert_memory_map(physical, information, writer));
    TRY(writer.tag(Tag::end, {}, {}));
    std::uint32_t const total = static_cast<std::uint32_t>(writer.used());
    std::memcpy(to.data(), &total, sizeof total);
    return writer.used();
}

} // namespace rf::boot
