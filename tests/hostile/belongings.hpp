// SPDX-License-Identifier: MIT
#pragma once
/// Which frames of the machine may be the domain's, as the guest knows by itself: not by the machine-to-physical table, over whose
/// part of ours it scribbles, and not by what the hypervisor lets it map, which is what is being judged.
///
/// Every way to a frame tells this class of it: the list the guest was born with, and learn() for each one it got since. A frame
/// stays known after it was given up: while it was still mapped or pinned then, it is ours until that ends, and nobody says when.
/// Both vCPUs learn and ask at any time.

#include <array>
#include <atomic>
#include <cstdint>

namespace rf::hostile {

class Belongings {
public:
    /// 2^order frames from `frame` on are ours, or are about to be given up.
    void learn(std::uint64_t frame, unsigned order = 0);
    /// Between these, frames may be ours that nobody knows yet.
    void begin_trade() { trades_.fetch_add(1); }
    void end_trade() { trades_.fetch_sub(1); }

    /// Whether the domain owns the frame, owned it once, or uses one that the hypervisor lent it (shared_info, its grant table).
    /// Waits for the other vCPU's trade if it must.
    [[nodiscard]] bool hold(std::uint64_t frame) const;
    /// The same, without asking whether the other vCPU knows better.
    [[nodiscard]] bool know(std::uint64_t frame) const;

private:
    static constexpr std::uint64_t machine_frames = 1 << 20;  ///< as many as 4 GiB hold
    std::array<std::uint64_t, machine_frames / 64> learned_{};
    std::atomic<int> trades_{0};
};

extern Belongings belongings;

/// Offers every fourth frame of the machine to a mapping, for reading or for writing as it comes, and judges what was taken; the next
/// time those behind them. Each life begins elsewhere. The first vCPU calls it.
void survey();

}  // namespace rf::hostile
