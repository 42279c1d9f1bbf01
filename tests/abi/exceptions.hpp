// SPDX-License-Identifier: MIT
/// The hand-written list of places where our names and upstream's differ (exceptions.txt).
/// Every entry must be used, so that the list cannot rot.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace abi {

class Exceptions {
public:
    explicit Exceptions(std::string const& path);

    /// The C expression that upstream has for a label of ours, or nothing if the names agree.
    [[nodiscard]] std::optional<std::string> upstream_of(std::string const& label);
    /// The pinned value of something only we have, or nothing.
    [[nodiscard]] std::string const* own_value(std::string const& label);
    /// Expressions evaluated on both sides, by header.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> const& checks() const { return checks_; }
    /// Whether a constant of upstream is left out on purpose.
    [[nodiscard]] bool absent(std::string const& name);
    /// Families of upstream constants that must be complete.
    [[nodiscard]] bool in_family(std::string const& name);
    /// Ends the program if some entry was never used.
    void require_all_used() const;

private:
    struct Entry {
        std::string text;
        bool used = false;
    };
    static std::string const* use(std::map<std::string, Entry>& entries, std::string const& key);
    static bool match(std::map<std::string, Entry>& entries, std::string const& name);

    std::string path_;
    std::map<std::string, Entry> upstream_;
    std::map<std::string, Entry> prefixes_;
    std::map<std::string, Entry> own_;
    std::map<std::string, Entry> absent_;
    std::map<std::string, Entry> families_;
    std::vector<std::pair<std::string, std::string>> checks_;
};

}  // namespace abi
