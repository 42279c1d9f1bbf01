// SPDX-License-Identifier: MIT
#pragma once
/// The hypervisor's options, in Xen's spelling: separated by blanks, `name`, `no-name` or `name=value`.
///
/// Booleans take on/off, yes/no, true/false, enable/disable, 1/0. Sizes are decimal or 0x.. with a suffix B K M G T; without
/// one they count KiB, as in Xen. What we do not know or cannot read is collected, and boot names it in the log; it never
/// stops the boot.

#include "base/log.hpp"
#include "cpu/guards.hpp"
#include "dev/fixed_vector.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace rf::dev {

/// One UART as `com1=115200,8n1,0x3f8,4` gives it.
struct SerialSettings {
    bool enabled = false;
    std::uint32_t baud = 115200;  ///< 0: leave as the firmware set it (`auto`)
    std::uint8_t data_bits = 8;
    char parity = 'n';            ///< n o e m s
    std::uint8_t stop_bits = 1;
    std::uint16_t port = 0;
    std::uint8_t irq = 0;         ///< ISA interrupt; 0: poll
};

/// One of the sizes of `dom0_mem=`; a negative one means "all memory except".
struct MemoryAmount {
    bool given = false;
    bool all_except = false;
    std::uint64_t bytes = 0;
    /// The amount in bytes on a machine with `total` bytes; `otherwise` when it was not given.
    [[nodiscard]] constexpr std::uint64_t resolve(std::uint64_t total, std::uint64_t otherwise) const
    {
        if (!given)
            return otherwise;
        if (!all_except)
            return bytes;
        return total > bytes ? total - bytes : 0;
    }
};

/// Where log lines go (`console=`).
struct ConsoleSelection {
    bool com1 = false;
    bool com2 = false;
    bool vga = true;
    bool none = false;
};

struct Options {
    MemoryAmount dom0_memory, dom0_memory_minimum, dom0_memory_maximum;
    unsigned dom0_max_vcpus = 0;  ///< 0: one per processor
    unsigned max_cpus = 0;        ///< 0: all
    SerialSettings com1, com2;
    ConsoleSelection console;
    bool vga_keep = false;
    bool sync_console = false;    ///< `sync_console`: who writes to a serial line waits for it
    bool timestamps = true;
    log::Level log_level = log::Level::info;
    bool log_nothing = false;
    log::Level guest_log_level = log::Level::warning;
    bool guest_log_nothing = false;
    bool reboot = true;           ///< false after `noreboot`: stop where we are
    bool use_hpet = true;
    bool use_acpi = true;
    char conswitch = 'a';         ///< control character that switches serial input
    bool conswitch_to_dom0 = true;
    bool tsc_deadline = true;     ///< `tsc_deadline`
    cpu::GuardWishes guards;      ///< `xpti`, `spec-ctrl`
    cpu::Setting smap = cpu::Setting::automatic;
    bool audit = false;           ///< `audit`: recount all references after each destroyed domain

    /// Options that were not understood, as written; they point into the command line.
    struct Complaint {
        std::string_view text;
        bool bad_value; ///< the name is known, its value is not readable
    };
    FixedVector<Complaint, 24> complaints;
    unsigned complaints_lost = 0;
};

/// Reads a command line (which must outlive the options). Never fails: see Options::complaints.
void parse_command_line(std::string_view text, Options& options);
/// Writes one log line for each complaint.
void report_complaints(Options const& options);

/// A size such as 1024M; nothing when it is malformed or does not fit.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// The machine's options; filled once by boot, constant afterwards.
extern Options options;

} // namespace rf::dev
