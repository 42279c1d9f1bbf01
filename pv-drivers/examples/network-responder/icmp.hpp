// SPDX-License-Identifier: MIT
#pragma once
/// Answers to echo requests (ping). Source: RFC 792. Pure.

#include "packet.hpp"

namespace rf::responder {

/// Sends the echo of `packet` to `to`, if it is a whole and intact echo request.
void answer_echo(Sender& sender, const Peer& to, const Packet& packet);

}  // namespace rf::responder
