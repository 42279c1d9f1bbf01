// SPDX-License-Identifier: MIT
#include "exceptions.hpp"

#include <fnmatch.h>

#include <fstream>
#include <sstream>

#include "inventory.hpp"

namespace abi {

namespace {

/// Splits "left : right" and trims both; the right side may be empty.
std::pair<std::string, std::string> halves(std::string const& text) {
    auto const trim = [](std::string const& part) {
        auto const first = part.find_first_not_of(' ');
        return first == std::string::npos ? std::string() : part.substr(first, part.find_last_not_of(' ') - first + 1);
    };
    auto const at = text.find(" : ");
    if (at == std::string::npos) return {trim(text), {}};
    return {trim(text.substr(0, at)), trim(text.substr(at + 3))};
}

}  // namespace

Exceptions::Exceptions(std::string const& path) : path_(path) {
    std::ifstream file(path);
    if (!file) fail(path, "cannot be read");
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (line.empty() || line[0] == '#') continue;
        std::istringstream words(line);
        std::string verb, rest;
        words >> verb;
        std::getline(words, rest);
        auto const [left, right] = halves(rest);
        auto const where = path + ":" + std::to_string(number);
        if (right.empty()) fail(where, "needs 'verb left : right'");
        bool fresh = true;
        if (verb == "same") fresh = upstream_.emplace(left, Entry{right}).second;
        else if (verb == "own") fresh = own_.emplace(left, Entry{right.substr(0, right.find(' '))}).second;
        else if (verb == "prefix") fresh = prefixes_.emplace(left, Entry{right}).second;
        else if (verb == "absent") fresh = absent_.emplace(left, Entry{right}).second;
        else if (verb == "family") fresh = families_.emplace(left, Entry{right}).second;
        else if (verb == "check") checks_.emplace_back(left, right);
        else fail(where, "unknown verb '" + verb + "'");
        if (!fresh) fail(where, left + " is listed twice");
    }
}

std::string const* Exceptions::use(std::map<std::string, Entry>& entries, std::string const& key) {
    auto const found = entries.find(key);
    if (found == entries.end()) return nullptr;
    found->second.used = true;
    return &found->second.text;
}

bool Exceptions::match(std::map<std::string, Entry>& entries, std::string const& name) {
    bool matched = false;
    for (auto& [pattern, entry] : entries) {
        if (fnmatch(pattern.c_str(), name.c_str(), 0) != 0) continue;
        entry.used = true;
        matched = true;
    }
    return matched;
}

std::optional<std::string> Exceptions::upstream_of(std::string const& label) {
    if (std::string const* other = use(upstream_, label)) return *other;
    for (auto& [prefix, entry] : prefixes_) {
        if (!label.starts_with(prefix)) continue;
        entry.used = true;
        return entry.text + label.substr(prefix.size());
    }
    return std::nullopt;
}
std::string const* Exceptions::own_value(std::string const& label) { return use(own_, label); }
bool Exceptions::absent(std::string const& name) { return match(absent_, name); }
bool Exceptions::in_family(std::string const& name) { return match(families_, name); }

void Exceptions::require_all_used() const {
    for (auto const* entries : {&upstream_, &prefixes_, &own_, &absent_, &families_})
        for (auto const& [key, entry] : *entries)
            if (!entry.used) fail(path_, "nothing needs the entry for " + key + " (any more)");
}

}  // namespace abi
