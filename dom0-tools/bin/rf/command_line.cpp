// SPDX-License-Identifier: MIT
#include "command_line.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "documents.hpp"

namespace rf::cli {
namespace {

constexpr const char* version_text = "rf 0.1";
constexpr int most_values = 4096;  ///< of one argument

/// Where CLI11 puts what it has read, until it is handed over.
struct Slots {
    std::map<std::string, std::vector<std::string>> values;
    std::map<std::string, CLI::Option*> options;
};

/// The verb that a word means; a failure lists what it could have meant.
Result<const Verb*> find_verb(const std::string& word)
{
    std::vector<const Verb*> candidates;
    for (const Verb& verb : all_verbs()) {
        if (verb.name == word || std::ranges::find(verb.aliases, word) != verb.aliases.end())
            return &verb;
        if (verb.name.starts_with(word))
            candidates.push_back(&verb);
    }
    if (candidates.size() == 1)
        return candidates.front();
    if (candidates.empty())
        return fail(Kind::invalid, "there is no command '" + word + "': rf --help lists them");
    std::string text = "'" + word + "' is short for several commands:";
    for (const Verb* verb : candidates)
        text += " " + verb->name;
    return fail(Kind::invalid, text);
}

std::string flags_of(const Option& option)
{
    return (option.letter ? std::string("-") + option.letter + "," : "") + "--" + option.name;
}

void declare(CLI::App& app, const Verb& verb, Slots& slots)
{
    for (const Argument& argument : verb.arguments) {
        CLI::Option* const option = app.add_option(argument.name, slots.values[argument.name], argument.help);
        option->type_name("");
        using enum Argument::Count;
        option->expected(1, argument.count == some || argument.count == optional_some ? most_values : 1);
        if (argument.count == one || argument.count == some)
            option->required();
        slots.options[argument.name] = option;
    }
    for (const Option& wanted : verb.options) {
        CLI::Option* option;
        if (wanted.value.empty()) {
            option = app.add_flag(flags_of(wanted), wanted.help);
        } else {
            option = app.add_option(flags_of(wanted), slots.values[wanted.name], wanted.help)->expected(1)->allow_extra_args(false)->type_name(wanted.value);
            if (!wanted.words.empty())
                option->check(CLI::IsMember(wanted.words));
        }
        slots.options[wanted.name] = option;
    }
    app.footer(verb.examples.empty() ? "" : "Examples:\n" + verb.examples);
}

Answer overview()
{
    std::string text = "usage: rf COMMAND [OPTION]... [ARGUMENT]...\n\nCreates and manages the domains of this machine.\n\nCommands:\n";
    for (const Verb& verb : all_verbs())
        text += "  " + verb.name + std::string(14 - std::min<std::size_t>(13, verb.name.size()), ' ') + verb.summary + "\n";
    text += "\nrf COMMAND --help explains one; a command may be abbreviated as long as it is unique.\n"
            "rf --manual prints the manual page, rf --completion the completion script for bash.\n"
            "\nExit codes:\n" +
            exit_codes() +
            "\nExamples:\n"
            "  rf create /etc/ringfort/web.xml      create a domain from its definition\n"
            "  rf list -o json                      all domains, for a script\n"
            "  rf console web                       the domain's console; Ctrl-] leaves it\n"
            "  rf shutdown --wait web               ask it to power off, and wait until it has\n";
    return {text};
}

Result<std::variant<Call, Answer>> parse_verb(const Verb& verb, int count, char** arguments)
{
    CLI::App app(verb.summary, "rf " + verb.name);
    Slots slots;
    declare(app, verb, slots);
    try {
        app.parse(count, arguments);
    } catch (const CLI::CallForHelp&) {
        return Answer{app.help()};
    } catch (const CLI::ParseError& error) {
        return fail(Kind::invalid, std::string(error.what()) + " (rf " + verb.name + " --help)");
    }
    Call call{&verb, {}};
    for (const auto& [name, option] : slots.options)
        if (option->count() > 0)
            call.invocation.set(name, slots.values[name]);
    return call;
}

}  // namespace

Result<std::variant<Call, Answer>> parse_command_line(int count, char** arguments)
{
    const std::string word = count > 1 ? arguments[1] : "--help";
    if (word == "--help" || word == "-h" || (word == "help" && count == 2))
        return overview();
    if (word == "--version" || word == "version")
        return Answer{std::string(version_text) + "\n"};
    if (word == "--manual")
        return Answer{manual_page()};
    if (word == "--completion")
        return Answer{bash_completion()};
    if (word.starts_with('-'))
        return fail(Kind::invalid, "unknown option '" + word + "' before the command (rf --help)");
    const bool help = word == "help";
    const Verb* const verb = BUILD_TRY(find_verb(help ? arguments[2] : word));
    if (help) {
        std::string flag = "--help";
        char* words[] = {arguments[0], flag.data(), nullptr};
        return parse_verb(*verb, 2, words);
    }
    // The verb takes the place of the program's name.
    return parse_verb(*verb, count - 1, arguments + 1);
}

}  // namespace rf::cli
