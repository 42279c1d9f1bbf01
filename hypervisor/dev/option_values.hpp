// SPDX-License-Identifier: MIT
#pragma once
/// Readers for the values of command line options. Each yields nothing when the text is malformed.

#include "dev/command_line.hpp"

namespace rf::dev::option_values {

/// Splits text at a separator, without memory.
class Pieces {
public:
    constexpr Pieces(std::string_view text, char separator) : rest_(text), separator_(separator) {}
    /// The next piece (possibly empty); nothing at the end.
    [[nodiscard]] std::optional<std::string_view> next();

private:
    std::string_view rest_;
    char separator_;
    bool ended_ = false;
};

[[nodiscard]] std::optional<bool> boolean(std::string_view text);
/// Decimal, or hexadecimal after 0x.
[[nodiscard]] std::optional<std::uint64_t> number(std::string_view text);
/// `<size>`, `min:<size>`, `max:<size>`, separated by commas. False leaves the options as they were.
[[nodiscard]] bool dom0_memory(std::string_view text, Options& options);
/// `<baud>[,<data bits><parity><stop bits>[,<port>[,<irq>]]]`. False leaves the settings as they were.
[[nodiscard]] bool serial(std::string_view text, SerialSettings& settings);
[[nodiscard]] std::optional<ConsoleSelection> console(std::string_view text);

struct LogLevel {
    log::Level level;
    bool nothing;
};
/// `none`, `error`, `warning`, `info`, `debug` or `all`; what follows a slash (Xen's rate-limited level) is not used.
[[nodiscard]] std::optional<LogLevel> log_level(std::string_view text);

/// `xpti=`: a boolean for all, `default`, or a list of `dom0[=<bool>]` and `domu[=<bool>]`, each also as `no-<name>`.
/// False leaves the wishes as they were.
[[nodiscard]] bool page_table_isolation(std::string_view text, cpu::GuardWishes& wishes);
/// `pv-l1tf=`: as `xpti=`.
[[nodiscard]] bool absent_entries(std::string_view text, cpu::GuardWishes& wishes);
/// `spec-ctrl=`: a boolean for all measures, `no-xen` or `xen` for those in the hypervisor, or a list of `rsb`, `md-clear`,
/// `verw`, `ibrs`, `ibpb` and `bhb`, each `[=<bool>]` or `no-<name>`, and `bti-thunk=retpoline|lfence|jmp`. False leaves the wishes
/// as they were.
[[nodiscard]] bool speculation_control(std::string_view text, cpu::GuardWishes& wishes);

} // namespace rf::dev::option_values
