// SPDX-License-Identifier: MIT
#include "dev/text_screen.hpp"

#include "cpu/insn.hpp"

#include <algorithm>
#include <utility>

namespace rf::dev {
namespace {

constexpr std::uint16_t grey_on_black = 0x0700;
constexpr std::uint16_t blank = grey_on_black | ' ';
constexpr std::uint16_t controller_index = 0x3d4;
constexpr std::uint16_t controller_data = 0x3d5;
constexpr std::uint8_t cursor_high = 0x0e;
constexpr std::uint8_t cursor_low = 0x0f;

} // namespace

void TextScreen::open(std::uint16_t volatile* cells)
{
    cells_ = cells;
    column_ = row_ = 0;
    for (unsigned row = 0; row < rows; ++row) {
        line(row).fill(blank);
        draw(row);
    }
    place_cursor();
}

void TextScreen::draw(unsigned row)
{
    for (unsigned column = 0; column < columns; ++column)
        cells_[row * columns + column] = line(row)[column];
}

void TextScreen::next_line()
{
    column_ = 0;
    if (++row_ < rows)
        return;
    row_ = rows - 1;
    top_ = (top_ + 1) % rows;
    line(row_).fill(blank);
    scrolled_ = true;
}

void TextScreen::put_character(char c)
{
    if (c == '\n')
        return next_line();
    if (c == '\r') {
        column_ = 0;
        return;
    }
    if (c < ' ')
        return;
    if (column_ == columns)
        next_line();
    line(row_)[column_] = static_cast<std::uint16_t>(grey_on_black | static_cast<std::uint8_t>(c));
    if (!scrolled_)
        cells_[row_ * columns + column_] = line(row_)[column_];
    ++column_;
}

void TextScreen::put(std::string_view text)
{
    if (!is_open())
        return;
    for (char const c : text)
        put_character(c);
    if (std::exchange(scrolled_, false))
        for (unsigned row = 0; row < rows; ++row)
            draw(row);
    place_cursor();
}

void TextScreen::place_cursor() const
{
    unsigned const place = row_ * columns + std::min(column_, columns - 1);
    cpu::out8(controller_index, cursor_high);
    cpu::out8(controller_data, static_cast<std::uint8_t>(place >> 8));
    cpu::out8(controller_index, cursor_low);
    cpu::out8(controller_data, static_cast<std::uint8_t>(place));
}

} // namespace rf::dev
