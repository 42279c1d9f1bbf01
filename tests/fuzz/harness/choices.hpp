// SPDX-License-Identifier: MIT
#pragma once
/// An input read as a list of choices. Small choices take one byte, so that a changed byte changes one decision; when the
/// bytes are used up, every choice is 0 and `done` says so.

#include "target.hpp"

#include <algorithm>

namespace rf::fuzz {

class Choices {
public:
    explicit Choices(Bytes bytes) : rest_(bytes) {}

    [[nodiscard]] bool done() const { return rest_.empty(); }
    /// A number below `limit`, which is not 0.
    [[nodiscard]] std::uint64_t below(std::uint64_t limit)
    {
        return limit <= 1 ? 0 : take(limit <= 0x100 ? 1 : limit <= 0x1'0000 ? 2 : 8) % limit;
    }
    [[nodiscard]] std::uint64_t bits() { return take(8); }
    [[nodiscard]] bool one_in(std::uint64_t chances) { return below(chances) == 0; }
    /// The next `count` bytes, or fewer.
    [[nodiscard]] Bytes bytes(std::size_t count)
    {
        Bytes const taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

private:
    std::uint64_t take(unsigned count)
    {
        std::uint64_t value = 0;
        for (std::uint8_t byte : bytes(count))
            value = value << 8 | byte;
        return value;
    }

    Bytes rest_;
};

} // namespace rf::fuzz
