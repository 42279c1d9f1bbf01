// SPDX-License-Identifier: MIT
#pragma once
/// Console output of ordinary domains: gathered to whole lines, made printable, limited per domain. Not locked.

#include "base/types.hpp"

#include <array>
#include <string_view>

namespace rf::dev {

class GuestLines {
public:
    static constexpr std::size_t line_bytes = 120;
    static constexpr unsigned lines_per_second = 64;

    /// Adds output and calls emit(DomainId, std::string_view line) for each line that became complete. `now` in
    /// nanoseconds. Lines above the limit are counted, and the count is told once the domain may speak again.
    template <class Emit>
    void put(DomainId id, std::string_view text, Nanoseconds now, Emit emit)
    {
        Speaker& speaker = speaker_of(id, now);
        if (now - speaker.second_began >= 1'000'000'000) {
            speaker.second_began = now;
            speaker.lines = 0;
            if (speaker.dropped)
                emit(id, std::string_view("(lines were dropped: the domain writes too much)"));
            speaker.dropped = 0;
        }
        for (char const c : text) {
            bool const ends = c == '\n';
            if (!ends && c != '\r')
                speaker.line[speaker.used++] = c >= ' ' && c < 0x7f ? c : (c == '\t' ? ' ' : '?');
            if (!ends && speaker.used < line_bytes)
                continue;
            if (speaker.lines++ < lines_per_second)
                emit(id, std::string_view(speaker.line.data(), speaker.used));
            else
                ++speaker.dropped;
            speaker.used = 0;
        }
    }

private:
    struct Speaker {
        bool in_use = false;
        DomainId id{};
        Nanoseconds last_heard = 0;
        Nanoseconds second_began = 0;
        unsigned lines = 0;
        unsigned dropped = 0;
        std::size_t used = 0;
        std::array<char, line_bytes> line{};
    };

    /// The domain's buffer; a new domain takes a free one, or that of whoever was silent longest.
    Speaker& speaker_of(DomainId id, Nanoseconds now)
    {
        Speaker* choice = &speakers_[0];
        for (Speaker& speaker : speakers_) {
            if (speaker.in_use && speaker.id == id) {
                speaker.last_heard = now;
                return speaker;
            }
            bool const better = !speaker.in_use ? choice->in_use
                                                : choice->in_use && speaker.last_heard < choice->last_heard;
            if (better)
                choice = &speaker;
        }
        *choice = Speaker{};
        choice->in_use = true;
        choice->id = id;
        choice->last_heard = now;
        choice->second_began = now;
        return *choice;
    }

    std::array<Speaker, 16> speakers_{};
};

} // namespace rf::dev
