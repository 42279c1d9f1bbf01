// SPDX-License-Identifier: MIT
/// Build step: writes the table of everything guest-abi declares, once in our words and once in
/// upstream's. The two tables are compiled against the two sets of headers and compared by
/// abi_test. A name that upstream does not know is a compile error there; a constant of upstream
/// that we lack and have not declared absent is an error here.
///
/// Usage: generate <exceptions> <upstream macros> <upstream enumerators> <guest-abi> <out> <header>...
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "exceptions.hpp"
#include "inventory.hpp"

namespace {

using abi::Item;
using abi::Kind;

std::string read_file(std::string const& path) {
    std::ifstream file(path);
    if (!file) abi::fail(path, "cannot be read");
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(std::string const& path, std::string const& text) {
    std::ofstream file(path);
    file << text;
    if (!file.flush()) abi::fail(path, "cannot be written");
}

std::string row(Item const& item, std::string const& values) {
    return "{\"" + item.header + "\", \"" + item.label() + "\", " + values + "},\n";
}

std::string number(std::string const& expression) { return "(uint64_t)(" + expression + "), 0, 0"; }

/// `place` is "type path", for example "struct start_info console.domU.mfn".
std::string member(std::string const& type, std::string const& path) {
    return "offsetof(" + type + ", " + path + "), sizeof(((" + type + "*)0)->" + path + "), 0";
}

/// Values of an item as its own headers have them.
std::string ours(Item const& item) {
    switch (item.kind) {
        case Kind::Size: return "sizeof(" + item.type + "), 0, 0";
        case Kind::Field: return member(item.type, item.name);
        case Kind::Text: return "0, 0, " + item.name;
        default: return number(item.name);
    }
}

/// Values of an item as upstream has them, or as the exceptions pin them.
std::string upstream(Item const& item, abi::Exceptions& exceptions) {
    std::string const label = item.label();
    if (std::string const* value = exceptions.own_value(label)) {
        auto const colon = value->find('/');
        if (colon == std::string::npos) return *value + ", 0, 0";
        return value->substr(0, colon) + ", " + value->substr(colon + 1) + ", 0";
    }
    auto const other = exceptions.upstream_of(label);
    if (!other) return ours(item);
    if (item.kind != Kind::Field) return number(*other);
    auto const path = other->rfind(' ');
    if (path == std::string::npos) abi::fail(label, "the other place must be 'type path'");
    return member(other->substr(0, path), other->substr(path + 1));
}

/// Every constant of upstream that belongs to one of our families must be ours or declared absent.
void require_complete(std::set<std::string> const& known, std::set<std::string> const& theirs, abi::Exceptions& exceptions) {
    int missing = 0;
    for (auto const& name : theirs) {
        if (!exceptions.in_family(name) || known.contains(name) || exceptions.absent(name)) continue;
        std::fprintf(stderr, "abi: upstream's %s is neither in guest-abi nor declared absent\n", name.c_str());
        ++missing;
    }
    if (missing > 0) abi::fail("guest-abi", std::to_string(missing) + " constants are missing");
}

/// Names of object-like macros in the output of `cc -dM -E`, and of listed enumerators.
std::set<std::string> upstream_names(std::string const& macros, std::string const& enumerators) {
    std::set<std::string> names;
    std::istringstream lines(macros);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string define, name, value;
        words >> define >> name >> value;
        if (name.find('(') == std::string::npos && !value.empty() && name[0] != '_') names.insert(name);
        if (name.starts_with("__HYPERVISOR_") && !value.empty()) names.insert(name);
    }
    std::istringstream words(enumerators);
    names.insert(std::istream_iterator<std::string>(words), {});
    return names;
}

struct Tables {
    std::string includes, headers, ours, upstream;
    std::set<std::string> known, functions;
};

void add_header(Tables& tables, std::string const& header, std::string const& text, abi::Exceptions& exceptions) {
    tables.includes += "#include \"" + header + "\"\n";
    tables.headers += "\"" + header + "\",\n";
    for (auto const& item : abi::read_header(header, text)) {
        if (item.kind == Kind::Function) {
            tables.functions.insert(item.name);
            continue;
        }
        tables.ours += row(item, ours(item));
        tables.upstream += row(item, upstream(item, exceptions));
        tables.known.insert(item.label());
        if (auto const other = exceptions.upstream_of(item.label())) tables.known.insert(*other);
    }
}

void add_checks(Tables& tables, abi::Exceptions const& exceptions) {
    std::set<std::string> untested = tables.functions;
    for (auto const& [header, expression] : exceptions.checks()) {
        Item const item{header, Kind::Constant, {}, expression};
        auto const equals = expression.find(" == ");
        tables.ours += row(item, number(expression.substr(0, equals)));
        tables.upstream += row(item, number(equals == std::string::npos ? expression : expression.substr(equals + 4)));
        untested.erase(expression.substr(0, expression.find('(')));
    }
    for (auto const& name : untested) abi::fail(name, "an inline function that no 'check' calls");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 7) abi::fail("generate", "too few arguments");
    abi::Exceptions exceptions(argv[1]);
    std::string const root = argv[4], out = argv[5];
    Tables tables;
    for (int index = 6; index < argc; ++index)
        add_header(tables, argv[index], read_file(root + "/" + argv[index]), exceptions);
    add_checks(tables, exceptions);
    require_complete(tables.known, upstream_names(read_file(argv[2]), read_file(argv[3])), exceptions);
    exceptions.require_all_used();
    write_file(out + "/includes.inc", tables.includes);
    write_file(out + "/headers.inc", tables.headers);
    write_file(out + "/rows_ours.inc", tables.ours);
    write_file(out + "/rows_upstream.inc", tables.upstream);
    return 0;
}
