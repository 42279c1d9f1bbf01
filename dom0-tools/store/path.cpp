// SPDX-License-Identifier: MIT
#include "store/path.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace rf::store {
namespace {

constexpr std::array<bool, 256> path_characters = [] {
    std::array<bool, 256> allowed{};
    for (unsigned c = 0; c < allowed.size(); ++c)
        allowed[c] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '/' || c == '_' || c == '@';
    return allowed;
}();

bool is_path_character(char c)
{
    return path_characters[static_cast<unsigned char>(c)];
}

bool is_valid_absolute(std::string_view text)
{
    if (text.empty() || text[0] != '/' || text.size() > absolute_path_max)
        return false;
    if (text.size() > 1 && text.back() == '/')
        return false;
    char before = ' ';
    for (const char c : text) {
        if (!is_path_character(c) || (c == '/' && before == '/'))
            return false;
        before = c;
    }
    return true;
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
    std::uint64_t key = 0;
    if (part.size() >= order_key_characters) {
        std::memcpy(&key, part.data(), sizeof key);
        return std::byteswap(key);
    }
    for (const char c : part)
        key = key << 8 | static_cast<unsigned char>(c);
    return part.empty() ? 0 : key << 8 * (order_key_characters - part.size());
}

std::string home_of(std::uint16_t domain)
{
    return "/local/domain/" + std::to_string(domain);
}

}  // namespace rf::store
