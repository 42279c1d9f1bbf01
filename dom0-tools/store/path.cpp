// SPDX-License-Identifier: MIT
#include "store/path.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace rf::store {
namespace {

/// What a character is in a path, as bits, so that a path is looked at without a branch for each character.
constexpr unsigned slash_bit = 1;
constexpr unsigned foreign_bit = 2;
constexpr std::array<std::uint8_t, 256> characters = [] {
    std::array<std::uint8_t, 256> kinds{};
    for (unsigned c = 0; c < kinds.size(); ++c) {
        const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '/' || c == '_' || c == '@';
        kinds[c] = c == '/' ? slash_bit : allowed ? 0 : foreign_bit;
    }
    return kinds;
}();

bool is_path_character(char c)
{
    return characters[static_cast<unsigned char>(c)] != foreign_bit;
}

bool is_valid_absolute(std::string_view text)
{
    if (text.empty() || text[0] != '/' || text.size() > absolute_path_max)
        return false;
    if (text.size() > 1 && text.back() == '/')
        return false;
    unsigned before = 0;
    unsigned wrong = 0;
    for (const char c : text) {
        const unsigned kind = characters[static_cast<unsigned char>(c)];
        wrong |= (kind & foreign_bit) | (kind & before);
        before = kind;
    }
    return wrong == 0;
}

}  // namespace

Result<Path> Path::parse(std::string_view text, std::string_view home)
{
    if (!text.empty() && text[0] != '/' && text[0] != '@') {
        std::string absolute = std::string(home) + "/" + std::string(text);
        if (text.size() > relative_path_max || !is_valid_absolute(absolute))
            return std::unexpected(Error::invalid);
        return Path(std::move(absolute));
    }
    if (!is_valid_absolute(text))
        return std::unexpected(Error::invalid);
    return Path(std::string(text));
}

Result<Path> Path::parse_special(std::string_view text, std::string_view home)
{
    if (text.empty() || text[0] != '@')
        return parse(text, home);
    if (text.size() > relative_path_max || !std::all_of(text.begin(), text.end(), is_path_character))
        return std::unexpected(Error::invalid);
    return Path(std::string(text));
}

Path Path::parent() const
{
    const std::size_t slash = text_.rfind('/');
    return slash == 0 || slash == std::string::npos ? Path() : Path(text_.substr(0, slash));
}

std::string_view Path::name() const
{
    return std::string_view(text_).substr(text_.rfind('/') + 1);
}

Path Path::child(std::string_view name) const
{
    return Path((is_root() ? std::string() : text_) + "/" + std::string(name));
}

bool Path::is_within(std::string_view ancestor) const
{
    if (ancestor == "/")
        return !is_special();
    return text_.starts_with(ancestor) && (text_.size() == ancestor.size() || text_[ancestor.size()] == '/');
}

std::uint64_t order_key(std::string_view part)
{
    const auto load = [&]<class Word>(Word word, std::size_t at) {
        std::memcpy(&word, part.data() + at, sizeof word);
        return std::uint64_t{std::byteswap(word)};
    };
    const std::size_t size = part.size();
    if (size >= order_key_characters)
        return load(std::uint64_t{}, 0);
    // Two words that overlap make up the sizes between: what both have is the same in both.
    if (size >= sizeof(std::uint32_t))
        return load(std::uint32_t{}, 0) << 32 | load(std::uint32_t{}, size - 4) << 8 * (order_key_characters - size);
    if (size >= sizeof(std::uint16_t))
        return load(std::uint16_t{}, 0) << 48 | load(std::uint16_t{}, size - 2) << 8 * (order_key_characters - size);
    return size == 0 ? 0 : std::uint64_t{static_cast<unsigned char>(part[0])} << 56;
}

std::string home_of(std::uint16_t domain)
{
    return "/local/domain/" + std::to_string(domain);
}

}  // namespace rf::store
