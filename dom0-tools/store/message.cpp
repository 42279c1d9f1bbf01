// SPDX-License-Identifier: MIT
#include "store/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace rf::store {
namespace {

struct Header {
    std::uint32_t type, request, transaction, length;
};
static_assert(sizeof(Header) == header_bytes);

}  // namespace

void append(std::string& bytes, Type type, std::uint32_t request, std::uint32_t transaction,
            std::initializer_list<std::string_view> payload)
{
    Header header{static_cast<std::uint32_t>(type), request, transaction, 0};
    for (const std::string_view part : payload)
        header.length += static_cast<std::uint32_t>(part.size());
    bytes.reserve(bytes.size() + header_bytes + header.length);
    bytes.append(reinterpret_cast<const char*>(&header), header_bytes);
    for (const std::string_view part : payload)
        bytes.append(part);
}

std::string encode(const Message& message)
{
    std::string bytes;
    append(bytes, message.type, message.request, message.transaction, {message.payload});
    return bytes;
}

Result<std::optional<Message>> Assembler::next()
{
    const std::string_view rest = remainder();
    if (rest.size() < header_bytes)
        return std::nullopt;
    Header header;
    std::memcpy(&header, rest.data(), header_bytes);
    if (header.length > payload_max)
        return std::unexpected(Error::too_big);
    if (rest.size() < header_bytes + header.length)
        return std::nullopt;
    Message message{static_cast<Type>(header.type), header.request, header.transaction,
                    std::string(rest.substr(header_bytes, header.length))};
    start_ += header_bytes + header.length;
    if (start_ == pending_.size() || start_ > payload_max) {
        pending_.erase(0, start_);
        start_ = 0;
    }
    return message;
}

std::size_t Assembler::wanted() const
{
    const std::string_view rest = remainder();
    if (rest.size() < header_bytes)
        return header_bytes - rest.size();
    Header header;
    std::memcpy(&header, rest.data(), header_bytes);
    const std::size_t whole = header_bytes + std::min<std::size_t>(header.length, payload_max);
    return rest.size() < whole ? whole - rest.size() : 0;
}

Result<std::vector<std::string_view>> split_strings(std::string_view payload)
{
    if (payload.empty() || payload.back() != '\0')
        return std::unexpected(Error::invalid);
    std::vector<std::string_view> strings;
    while (!payload.empty()) {
        const std::size_t end = payload.find('\0');
        strings.push_back(payload.substr(0, end));
        payload.remove_prefix(end + 1);
    }
    return strings;
}

Result<std::string_view> first_string(std::string_view payload)
{
    const std::size_t end = payload.find('\0');
    if (end == std::string_view::npos)
        return std::unexpected(Error::invalid);
    return payload.substr(0, end);
}

Result<std::string_view> only_string(std::string_view payload)
{
    auto text = first_string(payload);
    if (text && text->size() + 1 != payload.size())
        return std::unexpected(Error::invalid);
    return text;
}

template <class T>
Result<T> parse_number(std::string_view text)
{
    T value{};
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size())
        return std::unexpected(Error::invalid);
    return value;
}

template Result<std::uint16_t> parse_number(std::string_view);
template Result<std::uint32_t> parse_number(std::string_view);
template Result<std::uint64_t> parse_number(std::string_view);

}  // namespace rf::store
