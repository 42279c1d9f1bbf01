// SPDX-License-Identifier: MIT
#include "documents.hpp"

#include <algorithm>

#include "verb.hpp"

namespace rf::cli {
namespace {

constexpr std::pair<int, const char*> codes[] = {
    {0, "done"},
    {1, "internal failure"},
    {2, "usage, or a definition that is wrong"},
    {3, "no such domain, file or device"},
    {4, "conflict: a name is taken, a state does not allow it"},
    {5, "not permitted"},
    {6, "out of a resource, such as memory"},
    {7, "not done in time"},
    {8, "the guest refuses or does not answer"},
    {9, "a daemon, a backend or the hypervisor cannot be reached"},
};

/// Text in which roff finds nothing to obey.
std::string plain(const std::string& text)
{
    std::string result;
    for (const char c : text) {
        if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n'))
            result += "\\&";
        if (c == '\\')
            result += "\\e";
        else if (c == '-')
            result += "\\-";
        else
            result += c;
    }
    return result;
}

std::string synopsis(const Argument& argument)
{
    using enum Argument::Count;
    const std::string name = "\\fI" + plain(argument.name) + "\\fR" + (argument.count == some || argument.count == optional_some ? "..." : "");
    return argument.count == optional || argument.count == optional_some ? "[" + name + "]" : name;
}

std::string option_names(const Option& option)
{
    const std::string value = option.value.empty() ? "" : " \\fI" + plain(option.value) + "\\fR";
    const std::string letter = option.letter ? std::string("\\fB\\-") + option.letter + "\\fR" + value + ", " : "";
    return letter + "\\fB\\-\\-" + plain(option.name) + "\\fR" + value;
}

std::string verb_section(const Verb& verb)
{
    std::string text = ".SS rf " + plain(verb.name);
    text += "\n\\fBrf " + plain(verb.name) + "\\fR [\\fIOPTION\\fR]...";
    for (const Argument& argument : verb.arguments)
        text += " " + synopsis(argument);
    text += "\n.PP\n" + plain(verb.summary) + ".\n";
    for (const std::string& alias : verb.aliases)
        text += "Also called \\fB" + plain(alias) + "\\fR.\n";
    for (const Argument& argument : verb.arguments)
        text += ".TP\n" + synopsis(argument) + "\n" + plain(argument.help) + "\n";
    for (const Option& option : verb.options)
        text += ".TP\n" + option_names(option) + "\n" + plain(option.help) + "\n";
    return text + ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nexplain this command\n.PP\n.nf\n" + plain(verb.examples) + "\n.fi\n";
}

/// Whether domains are named behind the verb.
bool takes_domain(const Verb& verb)
{
    return std::ranges::any_of(verb.arguments, [](const Argument& argument) { return argument.name == "DOMAIN"; });
}

}  // namespace

std::string exit_codes()
{
    std::string text;
    for (const auto& [code, meaning] : codes)
        text += "  " + std::to_string(code) + "  " + meaning + "\n";
    return text;
}

std::string manual_page()
{
    std::string text = ".TH RF 1 \"\" Ringfort \"Ringfort\"\n.SH NAME\nrf \\- create and manage the domains of a Ringfort machine\n"
                       ".SH SYNOPSIS\n\\fBrf\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n"
                       ".br\n\\fBrf \\-\\-help\\fR | \\fB\\-\\-version\\fR | \\fB\\-\\-manual\\fR | \\fB\\-\\-completion\\fR\n"
                       ".SH DESCRIPTION\n\\fBrf\\fR runs in Domain\\-0. It builds domains (guests) from definitions, lists them, ends them and\n"
                       "connects a terminal with their consoles. What is to happen when a guest ends is carried out by \\fBrfd\\fR.\n"
                       "A command may be abbreviated as long as it is unique. A domain is meant by its name, its number or its uuid.\n"
                       "Data go to standard output, messages to standard error, each message on one line.\n"
                       ".SH OPTIONS\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nlist the commands; behind a command, explain it\n"
                       ".TP\n\\fB\\-\\-version\\fR\nshow the version\n.TP\n\\fB\\-\\-manual\\fR\nprint this page as roff\n"
                       ".TP\n\\fB\\-\\-completion\\fR\nprint the completion script for bash\n.SH COMMANDS\n";
    for (const Verb& verb : all_verbs())
        text += verb_section(verb);
    text += ".SH EXIT STATUS\n.nf\n" + plain(exit_codes()) +
            ".fi\n.SH FILES\n.TP\n/etc/ringfort/*.xml\ndefinitions of domains, by convention\n.TP\n/run/ringfort\n"
            "what is known of running domains, and locks\n.TP\n/var/cache/ringfort/kernels\nunpacked kernels; may be emptied at any time\n"
            ".TP\n/var/log/ringfort/console\nwhat guests wrote on their consoles\n.SH SEE ALSO\n.BR ringfort\\-domain (5)\n";
    return text;
}

std::string bash_completion()
{
    std::string verbs;
    std::string options;
    std::string domains;
    for (const Verb& verb : all_verbs()) {
        verbs += (verbs.empty() ? "" : " ") + verb.name;
        options += "    " + verb.name + ") words='--help";
        for (const Option& option : verb.options)
            options += " --" + option.name + (option.letter ? std::string(" -") + option.letter : "");
        options += "' ;;\n";
        if (takes_domain(verb))
            domains += (domains.empty() ? "" : "|") + verb.name;
    }
    return "# SPDX-License-Identifier: MIT\n# Completion of rf for bash; made by: rf --completion\n"
           "_rf()\n{\n    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=\n    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W '" + verbs +
           " --help --version --manual --completion' -- \"$current\"))\n        return\n    fi\n"
           "    case $previous in\n    -o|--output) COMPREPLY=($(compgen -W 'table json' -- \"$current\")); return ;;\n"
           "    --timeout) COMPREPLY=($(compgen -W '30s 60s 5m' -- \"$current\")); return ;;\n    esac\n"
           "    if [ \"${current#-}\" != \"$current\" ]; then\n    case ${COMP_WORDS[1]} in\n" + options +
           "    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n    return\n    fi\n"
           "    case ${COMP_WORDS[1]} in\n    " + domains +
           ")\n        COMPREPLY=($(compgen -W \"$(rf list 2> /dev/null | awk 'NR > 1 { print $1 }')\" -- \"$current\")) ;;\n"
           "    create) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n    esac\n}\ncomplete -o filenames -F _rf rf\n";
}

}  // namespace rf::cli
