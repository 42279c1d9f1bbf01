// SPDX-License-Identifier: MIT
#pragma once
/// VGA text mode, 80x25, with scrolling. The screen's contents are kept in ordinary memory, because reading them back from
/// the adapter is slow. Not locked: the console's lock covers it.

#include <array>
#include <cstdint>
#include <string_view>

namespace rf::dev {

class TextScreen {
public:
    static constexpr unsigned columns = 80;
    static constexpr unsigned rows = 25;

    constexpr TextScreen() = default;
    /// Takes the screen over: `cells` is the adapter's memory at 0xb8000. Clears it.
    void open(std::uint16_t volatile* cells);
    void close() { cells_ = nullptr; }
    [[nodiscard]] bool is_open() const { return cells_ != nullptr; }
    void put(std::string_view text);
    [[nodiscard]] unsigned column() const { return column_; }
    [[nodiscard]] unsigned row() const { return row_; }

private:
    void put_character(char c);
    void next_line();
    void draw(unsigned row);
    void place_cursor() const;

    std::uint16_t volatile* cells_ = nullptr;
    using Line = std::array<std::uint16_t, columns>;
    [[nodiscard]] Line& line(unsigned row) { return shadow_[(top_ + row) % rows]; }

    std::array<Line, rows> shadow_{}; ///< of what is seen, beginning with the line `top_`
    unsigned top_ = 0;
    bool scrolled_ = false; ///< the screen is to be drawn anew, once for each text
    unsigned column_ = 0;
    unsigned row_ = 0;
};

} // namespace rf::dev
