// SPDX-License-Identifier: MIT
/// HYPERVISOR_console_io and what the control domain is told about the screen.
/// The ring of an ordinary domain's console is in io/console.h. Source: xen.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Sub-operations; arguments (cmd, count, buffer).
XEN_ABI_ENUM(consoleio, uint32_t) {
    /// Write count bytes to the hypervisor's console.
    CONSOLEIO_write = 0,
    /// Read at most count bytes of input; returns their number.
    CONSOLEIO_read = 1
};

/// Values of dom0_vga_console_info.video_type.
XEN_ABI_ENUM(vga_type, uint8_t) {
    XEN_VGATYPE_TEXT_MODE_3 = 0x03,
    XEN_VGATYPE_VESA_LFB = 0x23,
    XEN_VGATYPE_EFI_LFB = 0x70
};

/// State of the screen at the start of the control domain. It may be cut short: check
/// start_info.console.dom0.info_size before reading a member. 40 bytes.
struct dom0_vga_console_info {
    /// XEN_VGATYPE_*.
    uint8_t video_type;
    union {
        struct {
            /// Pixels.
            uint16_t font_height;
            /// Characters.
            uint16_t cursor_x, cursor_y;
            uint16_t rows, columns;
        } text_mode_3;
        struct {
            /// Pixels.
            uint16_t width, height;
            uint16_t bytes_per_line;
            uint16_t bits_per_pixel;
            /// Physical address, low 32 bits.
            uint32_t lfb_base;
            /// Units of 64 KiB.
            uint32_t lfb_size;
            /// Position and width in bits of each colour in a pixel.
            uint8_t red_pos, red_size;
            uint8_t green_pos, green_size;
            uint8_t blue_pos, blue_size;
            uint8_t rsvd_pos, rsvd_size;
            /// VESA controller capabilities.
            uint32_t gbl_caps;
            /// VESA mode attributes.
            uint16_t mode_attrs;
            uint16_t pad;
            /// Physical address, high 32 bits.
            uint32_t ext_lfb_base;
        } vesa_lfb;
    } u;
};

XEN_ABI_SIZE(struct dom0_vga_console_info, 40)
XEN_ABI_OFFSET(struct dom0_vga_console_info, u, 4)

XEN_ABI_END
