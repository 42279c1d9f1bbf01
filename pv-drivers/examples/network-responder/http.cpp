// SPDX-License-Identifier: MIT
#include "http.hpp"

#include <string_view>

#include "front/text.hpp"

namespace rf::responder {

namespace {

using front::ShortText;

[[nodiscard]] std::string_view status_of(Request::Kind kind)
{
    switch (kind) {
    case Request::Kind::get:
    case Request::Kind::head: return "200 OK";
    case Request::Kind::unknown_page: return "404 Not Found";
    case Request::Kind::unknown_method: return "501 Not Implemented";
    case Request::Kind::bad: break;
    }
    return "400 Bad Request";
}

}  // namespace

Request::Progress Request::feed(Bytes bytes)
{
    for (const std::byte byte : bytes) {
        if (complete_)
            break;
        const char character = static_cast<char>(byte);
        too_long_ = ++total_bytes_ == size_limit;
        complete_ = too_long_;
        if (character == '\n') {
            // an empty line ends the request; an empty first line is no request
            complete_ = complete_ || line_is_empty_;
            in_first_line_ = false;
            line_is_empty_ = true;
        } else if (character != '\r') {
            line_is_empty_ = false;
            if (in_first_line_ && line_bytes_ < line_.size())
                line_[line_bytes_++] = character;
        }
    }
    return complete_ ? Progress::complete : Progress::more;
}

Request::Kind Request::kind() const
{
    const std::string_view line{line_.data(), line_bytes_};
    const auto method_end = line.find(' ');
    if (too_long_ || !complete_ || method_end == std::string_view::npos)
        return Kind::bad;
    const auto method = line.substr(0, method_end);
    const auto rest = line.substr(method_end + 1);
    const auto target = rest.substr(0, rest.find(' '));
    if (method != "GET" && method != "HEAD")
        return Kind::unknown_method;
    if (target.empty())
        return Kind::bad;
    if (target != "/" && target != "/index.html")
        return Kind::unknown_page;
    return method == "GET" ? Kind::get : Kind::head;
}

std::size_t compose_answer(Request::Kind kind, const Facts& facts, std::span<char, answer_limit> room)
{
    const auto status = status_of(kind);
    ShortText<answer_limit / 2> page{"<!DOCTYPE html>\n<html><head><title>Ringfort</title></head><body>\n"};
    if (kind == Request::Kind::get || kind == Request::Kind::head) {
        page.write("<h1>Hello from a Ringfort guest</h1>\n<p>It is one ELF file on eight mebibytes, without an operating system.</p>\n<p>Answer ");
        write_piece(page, facts.answers);
        page.write(" after ");
        write_piece(page, facts.uptime_seconds);
        page.write(" seconds.</p>\n");
    } else {
        page.write("<h1>");
        page.write(status);
        page.write("</h1>\n");
    }
    page.write("</body></html>\n");

    const ShortText<answer_limit / 2> head{"HTTP/1.0 ", status, "\r\nServer: ringfort\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: ",
                                           page.view().size(), "\r\nConnection: close\r\n\r\n"};
    std::size_t size = head.view().copy(room.data(), room.size());
    if (kind != Request::Kind::head)
        size += page.view().copy(room.data() + size, room.size() - size);
    return size;
}

}  // namespace rf::responder
