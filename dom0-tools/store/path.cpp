// SPDX-License-Identifier: MIT
#include "store/path.hpp"

#include <algorithm>

namespace rf::store {
namespace {

bool is_path_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '/' || c == '_' || c == '@';
}

bool is_valid_absolute(std::string_view text)
{
    if (text.empty() || text[0] != '/' || text.size() > absolute_path_max)
        return false;
    if (text.size() > 1 && text.back() == '/')
        return false;
    return text.find("//") == std::string_view::npos && std::all_of(text.begin(), text.end(), is_path_character);
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

std::string_view PathParts::next()
{
    const std::size_t slash = rest_.find('/');
    const std::string_view part = rest_.substr(0, slash);
    rest_ = slash == std::string_view::npos ? std::string_view() : rest_.substr(slash + 1);
    return part;
}

std::string home_of(std::uint16_t domain)
{
    return "/local/domain/" + std::to_string(domain);
}

}  // namespace rf::store
