// SPDX-License-Identifier: MIT
#pragma once
/// Whether packets come one at a time. If they do, asking the tap for another after each is a system call for nothing: it can
/// be taken to be empty, and says so itself if it is not. Pure.

#include <cstddef>
#include <utility>

namespace rf::net {

class SoloGuess {
public:
    /// A turn has passed without a look at the tap.
    void rest() { rested_ = true; }
    /// A look at the tap begins.
    void look() { fresh_ = std::exchange(rested_, false); }
    /// After the first packet of a look: whether to take it for the last. Not twice without a rest: then there was more.
    [[nodiscard]] bool is_last() const { return solo_ && fresh_; }
    /// The tap was asked until it had nothing: so many packets.
    void counted(std::size_t packets) { solo_ = packets <= 1; }

private:
    bool solo_ = false, rested_ = false, fresh_ = false;
};

}  // namespace rf::net
