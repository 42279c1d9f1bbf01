// SPDX-License-Identifier: MIT
#pragma once
/// The hypervisor's message ring: the last N bytes that were logged. Positions count bytes since the start, modulo 2^32,
/// so that a reader can go on where it stopped (XEN_SYSCTL_readconsole). Not locked.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace rf::dev {

template <std::uint32_t Bytes>
class LogRing {
    static_assert((Bytes & (Bytes - 1)) == 0);

public:
    void put(std::string_view text)
    {
        if (text.size() > Bytes) {
            produced_ += static_cast<std::uint32_t>(text.size() - Bytes);
            text = text.substr(text.size() - Bytes);
        }
        while (!text.empty()) {
            std::size_t const piece = std::min<std::size_t>(text.size(), Bytes - produced_ % Bytes);
            std::memcpy(&bytes_[produced_ % Bytes], text.data(), piece);
            produced_ += static_cast<std::uint32_t>(piece);
            text.remove_prefix(piece);
        }
        if (produced_ - kept_from_ > Bytes)
            kept_from_ = produced_ - Bytes;
    }
    /// First byte that is still there (and not cleared).
    [[nodiscard]] std::uint32_t oldest() const { return kept_from_; }
    [[nodiscard]] std::uint32_t newest() const { return produced_; }
    /// Copies from `position` on, or from the oldest byte if that is gone or was never there. Yields the count, and in
    /// `position` where the next reading goes on.
    [[nodiscard]] std::size_t read(std::uint32_t& position, std::span<char> to) const
    {
        if (position - kept_from_ > produced_ - kept_from_)
            position = kept_from_;
        std::size_t count = 0;
        while (position != produced_ && count < to.size()) {
            std::size_t const left = std::min<std::size_t>(produced_ - position, to.size() - count);
            std::size_t const piece = std::min<std::size_t>(left, Bytes - position % Bytes);
            std::memcpy(&to[count], &bytes_[position % Bytes], piece);
            position += static_cast<std::uint32_t>(piece);
            count += piece;
        }
        return count;
    }
    /// Forgets what lies before `position`; positions that are not in the ring change nothing.
    void clear_before(std::uint32_t position)
    {
        if (position - kept_from_ <= produced_ - kept_from_)
            kept_from_ = position;
    }

private:
    std::array<char, Bytes> bytes_{};
    std::uint32_t produced_ = 0;
    std::uint32_t kept_from_ = 0;
};

} // namespace rf::dev
