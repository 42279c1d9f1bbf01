// SPDX-License-Identifier: MIT
#include "inventory.hpp"

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>
#include <utility>

namespace abi {

void fail(std::string const& where, std::string const& what) {
    std::fprintf(stderr, "abi: %s: %s\n", where.c_str(), what.c_str());
    std::exit(1);
}

std::string Item::label() const {
    if (kind == Kind::Size) return type;
    if (kind == Kind::Field) return type.substr(type.find(' ') + 1) + "." + name;
    return name;
}

namespace {

bool is_word(std::string const& token) {
    return !token.empty() && (std::isalpha(static_cast<unsigned char>(token[0])) || token[0] == '_');
}

/// Takes comments away and splits the preprocessor's lines from the language's.
void split_source(std::string const& text, std::vector<std::string>& directives, std::string& code) {
    std::istringstream lines(text);
    bool continued = false;
    for (std::string line; std::getline(lines, line);) {
        if (auto const comment = line.find("//"); comment != std::string::npos) line.erase(comment);
        bool const directive = continued || (!line.empty() && line[0] == '#');
        continued = directive && !line.empty() && line.back() == '\\';
        if (directive) directives.push_back(line);
        else code += line + "\n";
    }
}

std::vector<std::string> split_tokens(std::string const& code) {
    std::vector<std::string> tokens;
    for (std::size_t at = 0; at < code.size();) {
        auto const character = static_cast<unsigned char>(code[at]);
        if (std::isspace(character)) {
            ++at;
        } else if (std::isalnum(character) || character == '_') {
            std::size_t end = at;
            while (end < code.size() && (std::isalnum(static_cast<unsigned char>(code[end])) || code[end] == '_')) ++end;
            tokens.push_back(code.substr(at, end - at));
            at = end;
        } else {
            tokens.push_back(std::string(1, code[at++]));
        }
    }
    return tokens;
}

class Reader {
public:
    Reader(std::string header, std::vector<std::string> tokens) : header_(std::move(header)), tokens_(std::move(tokens)) {}

    std::vector<Item> read() {
        expect("XEN_ABI_BEGIN");
        while (peek() != "XEN_ABI_END") declaration();
        expect("XEN_ABI_END");
        if (at_ != tokens_.size()) fail(header_, "text after XEN_ABI_END");
        return std::move(items_);
    }

private:
    std::string const& peek(std::size_t ahead = 0) const {
        if (at_ + ahead >= tokens_.size()) fail(header_, "unexpected end of file");
        return tokens_[at_ + ahead];
    }

    std::string next() {
        std::string token = peek();
        ++at_;
        return token;
    }

    void expect(std::string const& token) {
        std::string const got = next();
        if (got != token) fail(header_, "expected '" + token + "', found '" + got + "'");
    }

    std::string word() {
        std::string token = next();
        if (!is_word(token)) fail(header_, "expected a name, found '" + token + "'");
        return token;
    }

    /// Consumes a balanced group that starts here and returns its inner tokens.
    std::vector<std::string> group(std::string const& open, std::string const& close) {
        std::vector<std::string> inner;
        expect(open);
        for (int depth = 1; depth > 0;) {
            std::string token = next();
            if (token == open) ++depth;
            if (token == close) --depth;
            if (depth > 0) inner.push_back(std::move(token));
        }
        return inner;
    }

    void add(Kind kind, std::string type, std::string name) {
        items_.push_back({header_, kind, std::move(type), std::move(name)});
    }

    void declaration() {
        std::string const first = next();
        if (first == "XEN_ABI_ENUM") enumeration();
        else if (first == "XEN_ABI_CONSTANT") constant();
        else if (first == "XEN_ABI_SIZE" || first == "XEN_ABI_OFFSET") group("(", ")");
        else if (first == "XEN_ABI_INLINE") function();
        else if (first == "typedef") type_name();
        else if (first == "struct" || first == "union") structure(first);
        else fail(header_, "unknown declaration starting with '" + first + "'");
    }

    void enumeration() {
        group("(", ")");
        std::vector<std::string> const body = group("{", "}");
        expect(";");
        bool want_name = true;
        int depth = 0;
        for (auto const& token : body) {
            if (want_name) {
                if (!is_word(token)) fail(header_, "expected an enumerator, found '" + token + "'");
                add(Kind::Constant, {}, token);
                want_name = false;
            }
            if (token == "(") ++depth;
            if (token == ")") --depth;
            if (token == "," && depth == 0) want_name = true;
        }
    }

    void constant() {
        std::vector<std::string> const inner = group("(", ")");
        if (inner.size() < 5 || inner[1] != "," || inner[3] != ",") fail(header_, "malformed XEN_ABI_CONSTANT");
        add(Kind::Constant, {}, inner[2]);
    }

    void function() {
        std::string name;
        while (peek() != "(") name = word();
        group("(", ")");
        group("{", "}");
        add(Kind::Function, {}, name);
    }

    void type_name() {
        std::string name;
        while (is_word(peek())) name = next();
        if (peek() == "[") group("[", "]");
        expect(";");
        add(Kind::Size, name, {});
    }

    void structure(std::string const& key) {
        std::string const type = key + " " + word();
        expect("{");
        std::vector<std::string> const paths = members();
        expect(";");
        add(Kind::Size, type, {});
        std::set<std::string> seen;
        for (auto const& path : paths) {
            if (!seen.insert(path).second) fail(header_, type + " names " + path + " twice");
            add(Kind::Field, type, path);
        }
    }

    /// Members up to and including the closing brace.
    std::vector<std::string> members() {
        std::vector<std::string> paths;
        while (peek() != "}") {
            std::vector<std::string> inner;
            bool const nested = (peek() == "struct" || peek() == "union") && peek(1) == "{";
            if (nested) {
                next();
                expect("{");
                inner = members();
            }
            for (auto const& name : declarators()) {
                paths.push_back(name);
                for (auto const& path : inner) paths.push_back(name + "." + path);
            }
        }
        expect("}");
        return paths;
    }

    /// Names declared up to and including the semicolon: the last word before each comma, array
    /// bound or end.
    std::vector<std::string> declarators() {
        std::vector<std::string> names;
        std::string last;
        for (;;) {
            if (is_word(peek())) {
                last = next();
            } else if (peek() == "(") {
                group("(", ")");
            } else if (peek() == "[") {
                group("[", "]");
            } else {
                std::string const token = next();
                if (token != "," && token != ";") fail(header_, "unexpected '" + token + "' in a member");
                if (last.empty()) fail(header_, "a member without a name");
                names.push_back(std::exchange(last, {}));
                if (token == ";") return names;
            }
        }
    }

    std::string header_;
    std::vector<std::string> tokens_;
    std::size_t at_ = 0;
    std::vector<Item> items_;
};

/// Directives may only include, say once, pack, or define a string.
void read_directives(std::string const& header, std::vector<std::string> const& lines, std::vector<Item>& items) {
    for (auto const& line : lines) {
        std::istringstream words(line);
        std::string directive, name, value;
        words >> directive >> name >> value;
        if (directive == "#include" || directive == "#pragma") continue;
        bool const text = directive == "#define" && (value[0] == '"' || value.starts_with("XEN_"));
        if (!text) fail(header, "unexpected directive: " + line);
        items.push_back({header, Kind::Text, {}, name});
    }
}

}  // namespace

std::vector<Item> read_header(std::string const& header, std::string const& text) {
    std::vector<std::string> directives;
    std::string code;
    split_source(text, directives, code);
    // abi.h defines the macros themselves; only what follows them is a list of declarations.
    bool const macros = header == "xen/abi.h";
    if (macros) code.erase(0, code.rfind("XEN_ABI_BEGIN"));
    std::vector<Item> items = Reader(header, split_tokens(code)).read();
    if (!macros) read_directives(header, directives, items);
    if (items.empty()) fail(header, "declares nothing");
    return items;
}

}  // namespace abi
