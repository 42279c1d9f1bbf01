// SPDX-License-Identifier: MIT
#include "dev/command_line.hpp"

#include "dev/option_values.hpp"

#include <iterator>

namespace rf::dev {
namespace {

/// One word of the command line, taken apart.
struct Word {
    std::string_view name;
    std::string_view value;
    bool has_value;
    bool negated; ///< written no-<name>
};

using Apply = bool (*)(Options&, Word const&);

std::optional<bool> boolean(Word const& word)
{
    std::optional<bool> const value = word.has_value ? option_values::boolean(word.value) : true;
    if (!value)
        return std::nullopt;
    return *value != word.negated;
}

template <bool Options::*Member, bool Meaning = true>
bool apply_boolean(Options& options, Word const& word)
{
    auto const value = boolean(word);
    if (value)
        options.*Member = *value == Meaning;
    return value.has_value();
}

template <unsigned Options::*Member>
bool apply_number(Options& options, Word const& word)
{
    auto const value = option_values::number(word.value);
    if (word.negated || !value || *value > 1'000'000)
        return false;
    options.*Member = static_cast<unsigned>(*value);
    return true;
}

bool apply_dom0_memory(Options& options, Word const& word)
{
    return !word.negated && option_values::dom0_memory(word.value, options);
}

template <SerialSettings Options::*Member, std::uint16_t DefaultPort, std::uint8_t DefaultIrq>
bool apply_serial(Options& options, Word const& word)
{
    SerialSettings settings;
    settings.port = DefaultPort;
    settings.irq = DefaultIrq;
    if (word.negated || !option_values::serial(word.value, settings))
        return false;
    options.*Member = settings;
    return true;
}

bool apply_console(Options& options, Word const& word)
{
    auto const selection = option_values::console(word.value);
    if (word.negated || !selection)
        return false;
    options.console = *selection;
    return true;
}

template <log::Level Options::*Level, bool Options::*Nothing>
bool apply_log_level(Options& options, Word const& word)
{
    auto const level = option_values::log_level(word.value);
    if (word.negated || !level)
        return false;
    options.*Level = level->level;
    options.*Nothing = level->nothing;
    return true;
}

bool apply_vga(Options& options, Word const& word)
{
    option_values::Pieces pieces(word.value, ',');
    while (auto const piece = pieces.next())
        if (*piece == "keep")
            options.vga_keep = true;
    return !word.negated && word.has_value;
}

bool apply_reboot(Options& options, Word const& word)
{
    if (!word.has_value) {
        options.reboot = !word.negated;
        return true;
    }
    if (word.value == "no" || word.value == "n")
        options.reboot = false;
    else if (word.value.empty())
        return false;
    return !word.negated; // reboot=<method>: we always try all methods in order
}

bool apply_conswitch(Options& options, Word const& word)
{
    if (word.negated || word.value.empty() || word.value[0] < 'a' || word.value[0] > 'z')
        return false;
    options.conswitch = word.value[0];
    options.conswitch_to_dom0 = word.value.size() < 2 || word.value[1] != 'x';
    return true;
}

bool apply_timestamps(Options& options, Word const& word)
{
    auto const value = boolean(word);
    options.timestamps = value.value_or(!word.negated && word.value != "none");
    return true;
}

bool apply_nosmp(Options& options, Word const& word)
{
    auto const value = boolean(word);
    if (value && *value)
        options.max_cpus = 1;
    return value.has_value();
}

/// Measures against speculative execution; Xen's words (xen-command-line, `xpti`, `pv-l1tf` and `spec-ctrl`).
template <bool (*Read)(std::string_view, cpu::GuardWishes&)>
bool apply_guards(Options& options, Word const& word)
{
    return Read(word.has_value ? word.value : word.negated ? "no" : "yes", options.guards);
}

bool apply_smap(Options& options, Word const& word)
{
    auto const value = boolean(word);
    if (value)
        options.smap = *value ? cpu::Setting::on : cpu::Setting::off;
    return value.has_value();
}

/// Options that change nothing here: most concern BIOS calls, which we never make.
bool accept(Options&, Word const&) { return true; }

struct Known {
    std::string_view name;
    Apply apply;
};

constexpr Known known_options[] = {
    {"acpi", apply_boolean<&Options::use_acpi>},
    {"audit", apply_boolean<&Options::audit>},
    {"com1", apply_serial<&Options::com1, 0x3f8, 4>},
    {"com2", apply_serial<&Options::com2, 0x2f8, 3>},
    {"console", apply_console},
    {"console_timestamps", apply_timestamps},
    {"conswitch", apply_conswitch},
    {"dom0_max_vcpus", apply_number<&Options::dom0_max_vcpus>},
    {"dom0_mem", apply_dom0_memory},
    {"edd", accept},
    {"guest_loglvl", apply_log_level<&Options::guest_log_level, &Options::guest_log_nothing>},
    {"hpet", apply_boolean<&Options::use_hpet>},
    {"loglvl", apply_log_level<&Options::log_level, &Options::log_nothing>},
    {"maxcpus", apply_number<&Options::max_cpus>},
    {"noreboot", apply_boolean<&Options::reboot, false>},
    {"nosmp", apply_nosmp},
    {"pv-l1tf", apply_guards<option_values::absent_entries>},
    {"placeholder", accept}, // GRUB's scripts write this word
    {"real-mode", accept},
    {"reboot", apply_reboot},
    {"smap", apply_smap},
    {"spec-ctrl", apply_guards<option_values::speculation_control>},
    {"sync_console", apply_boolean<&Options::sync_console>},
    {"tsc_deadline", apply_boolean<&Options::tsc_deadline>},
    {"vga", apply_vga},
    {"xpti", apply_guards<option_values::page_table_isolation>},
};

Known const* find(std::string_view name)
{
    for (Known const& known : known_options)
        if (known.name == name)
            return &known;
    return nullptr;
}

void complain(Options& options, std::string_view text, bool bad_value)
{
    if (!options.complaints.push_back({text, bad_value}))
        ++options.complaints_lost;
}

void apply_word(Options& options, std::string_view text)
{
    auto const equals = text.find('=');
    Word word{.name = text.substr(0, equals),
              .value = equals == text.npos ? std::string_view{} : text.substr(equals + 1),
              .has_value = equals != text.npos,
              .negated = false};
    Known const* known = find(word.name);
    if (!known && word.name.starts_with("no-")) {
        word.name.remove_prefix(3);
        word.negated = true;
        known = find(word.name);
    }
    if (!known)
        complain(options, text, false);
    else if (!known->apply(options, word))
        complain(options, text, true);
}

} // namespace

constinit Options options{};

void parse_command_line(std::string_view text, Options& options)
{
    option_values::Pieces words(text, ' ');
    bool first = true;
    while (auto const word = words.next()) {
        // Some boot loaders put the path of the image first.
        bool const is_image = first && word->starts_with('/');
        if (!word->empty() && !is_image)
            apply_word(options, *word);
        first = first && word->empty();
    }
}

void report_complaints(Options const& options)
{
    for (auto const& complaint : options.complaints) {
        if (complaint.bad_value)
            log::warning("command line: the value in '", complaint.text, "' is not readable; the option is ignored");
        else
            log::warning("command line: option '", complaint.text, "' is not known; it is ignored");
    }
    if (options.complaints_lost)
        log::warning("command line: ", options.complaints_lost, " more options were ignored");
}

} // namespace rf::dev
