// SPDX-License-Identifier: MIT
#pragma once
/// What a subcommand of rf is: data from which the command line, the help and the completion are made, and one function.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/failure.hpp"

namespace rf::cli {

using builder::Failure;
using builder::Kind;
using builder::Result;
using builder::fail;

/// What was given on the command line, by the names in the verb's tables.
class Invocation {
public:
    [[nodiscard]] bool has(const std::string& option) const { return values_.contains(option); }
    /// The value of an option or argument that was given; else `absent`.
    [[nodiscard]] std::string value(const std::string& name, const std::string& absent = {}) const
    {
        const auto found = values_.find(name);
        return found == values_.end() || found->second.empty() ? absent : found->second.front();
    }
    [[nodiscard]] std::vector<std::string> values(const std::string& name) const
    {
        const auto found = values_.find(name);
        return found == values_.end() ? std::vector<std::string>{} : found->second;
    }
    [[nodiscard]] bool wants_json() const { return value("output") == "json"; }

    void set(const std::string& name, std::vector<std::string> values) { values_[name] = std::move(values); }

private:
    std::map<std::string, std::vector<std::string>> values_;
};

/// A positional argument.
struct Argument {
    enum class Count { one, optional, some, optional_some };  ///< some: one or more
    std::string name;
    std::string help;
    Count count = Count::one;
};

/// An option; without `value` it is a flag.
struct Option {
    std::string name;               ///< as in "--name"; also the key in Invocation
    char letter = 0;                ///< as in "-n", or 0
    std::string value;              ///< name of the value for the help
    std::string help;
    std::vector<std::string> words; ///< the only values allowed; empty: any
};

struct Verb {
    std::string name;
    std::vector<std::string> aliases;
    std::string summary;    ///< one line
    std::vector<Argument> arguments;
    std::vector<Option> options;
    std::string examples;   ///< lines for the end of --help
    Result<void> (*run)(const Invocation&);
};

/// The option of every verb that prints data.
[[nodiscard]] inline Option output_option()
{
    return {"output", 'o', "FORMAT", "table or json", {"table", "json"}};
}

/// All verbs in the order of the help.
[[nodiscard]] const std::vector<Verb>& all_verbs();

Verb list_verb();
Verb create_verb();
Verb console_verb();
Verb shutdown_verb();
Verb reboot_verb();
Verb destroy_verb();
Verb pause_verb();
Verb unpause_verb();
Verb info_verb();
Verb dmesg_verb();
Verb vcpu_list_verb();
Verb domid_verb();
Verb domname_verb();
Verb debug_keys_verb();

}  // namespace rf::cli
