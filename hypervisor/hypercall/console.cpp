// SPDX-License-Identifier: MIT
/// console_io (public header xen.h): the control domain's line to the machine's console. Arguments: command, count, buffer.
///
/// A long write is carried out in segments, and what a serial line has no room for comes again: other work must not wait for it.
#include "dev/command_line.hpp"
#include "dev/console.hpp"
#include "domain/domain.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"
#include "xen/console.h"

#include <algorithm>
#include <array>

namespace rf::hypercall {
namespace {

constexpr std::size_t bytes_per_segment = 256;
constexpr std::uint32_t most_bytes = 0x7fff'ffff; // the ABI's count is a signed int

/// Ordinary domains write only when somebody asked for their early messages (`guest_loglvl=debug` or `all`).
bool may_write(domain::Domain const& domain)
{
    return domain.is_control() || (dev::options.guest_log_level >= log::Level::debug && !dev::options.guest_log_nothing);
}

/// What an ordinary domain writes in one segment: the first few lines of it.
std::string_view first_lines(std::string_view text)
{
    constexpr unsigned lines_per_segment = 4;
    std::size_t end = 0;
    for (unsigned i = 0; i < lines_per_segment && end < text.size(); ++i)
        end = std::min(text.find('\n', end), text.size() - 1) + 1;
    return text.substr(0, end);
}

Outcome write(Call& call)
{
    if (!may_write(call.domain))
        return fail(Errno::eperm);
    std::uint32_t const count = call.narrow(1);
    if (count > most_bytes)
        return fail(Errno::einval);
    if (count == 0)
        return Outcome::ok();
    std::array<char, bytes_per_segment> segment;
    std::size_t now = std::min<std::size_t>(count, segment.size());
    TRY(guest::copy_bytes_in(segment.data(), GuestVirtual{call[2]}, now));
    std::string_view text(segment.data(), now);
    if (call.domain.is_control()) {
        now = dev::console::write_control(text);
    } else {
        text = first_lines(text);
        dev::console::write_guest(call.domain.id(), text);
        now = text.size();
    }
    if (now == count)
        return Outcome::ok();
    Arguments rest = call.arguments();
    rest[1] = count - now;
    rest[2] = call[2] + now;
    return Outcome::again(call, rest);
}

Outcome read(Call& call)
{
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    std::uint32_t const wanted = call.narrow(1);
    if (wanted > most_bytes)
        return fail(Errno::einval);
    // A short answer is allowed: Linux asks again until there is nothing left.
    std::array<char, bytes_per_segment> segment;
    std::size_t const room = std::min<std::size_t>(wanted, segment.size());
    std::size_t const count = dev::console::read_input(std::span(segment).first(room));
    TRY(guest::copy_bytes_out(GuestVirtual{call[2]}, segment.data(), count));
    return Outcome::value(static_cast<std::int64_t>(count));
}

} // namespace

Outcome console_io(Call& call)
{
    switch (call.narrow(0)) {
    case xen::CONSOLEIO_write: return write(call);
    case xen::CONSOLEIO_read: return read(call);
    default: return fail(Errno::enosys);
    }
}

} // namespace rf::hypercall
