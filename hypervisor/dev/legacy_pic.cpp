// SPDX-License-Identifier: MIT
/// Source: Intel 8259A data sheet, initialisation command words.
#include "dev/legacy_pic.hpp"

#include "cpu/insn.hpp"

namespace rf::dev {
namespace {

struct Controller {
    std::uint16_t command;
    std::uint16_t data;
};
constexpr Controller first{0x20, 0x21};
constexpr Controller second{0xa0, 0xa1};

constexpr std::uint8_t begin_cascaded = 0x11; // ICW1: edge, cascade, ICW4 follows
constexpr std::uint8_t mode_8086 = 0x01;      // ICW4

void initialise(Controller controller, std::uint8_t vector, std::uint8_t cascade)
{
    cpu::out8(controller.command, begin_cascaded);
    cpu::out8(controller.data, vector);
    cpu::out8(controller.data, cascade);
    cpu::out8(controller.data, mode_8086);
    cpu::out8(controller.data, 0xff);
}

} // namespace

void park_legacy_pic(std::uint8_t first_vector)
{
    cpu::out8(first.data, 0xff);
    cpu::out8(second.data, 0xff);
    initialise(first, first_vector, 1u << 2); // the second one hangs on line 2
    initialise(second, static_cast<std::uint8_t>(first_vector + 8), 2);
}

} // namespace rf::dev
