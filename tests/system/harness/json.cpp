// SPDX-License-Identifier: MIT
#include "harness/json.hpp"

#include <cctype>
#include <charconv>

namespace rf::system {

namespace {

constexpr unsigned most_depth = 16;

class Parser {
public:
    explicit Parser(std::string_view text) : rest_(text) {}

    bool whole(Json& into) {
        if (!value(into, 0)) return false;
        skip();
        return rest_.empty();
    }

private:
    void skip() {
        while (!rest_.empty() && std::string_view{" \t\r\n"}.contains(rest_.front())) rest_.remove_prefix(1);
    }
    bool take(char wanted) {
        skip();
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool word(std::string_view wanted) {
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(wanted.size());
        return true;
    }
    bool text(std::string& into) {
        if (!take('"')) return false;
        while (!rest_.empty()) {
            const char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"') return true;
            if (static_cast<unsigned char>(c) < 0x20) return false;
            if (c != '\\') {
                into += c;
                continue;
            }
            if (rest_.empty()) return false;
            const char escaped = rest_.front();
            rest_.remove_prefix(1);
            const auto at = std::string_view{"\"\\/bfnrt"}.find(escaped);
            if (at != std::string_view::npos) {
                into += "\"\\/\b\f\n\r\t"[at];
            } else {
                if (escaped != 'u' || rest_.size() < 4) return false;
                into += '?';  // no story looks at such a character
                rest_.remove_prefix(4);
            }
        }
        return false;
    }
    bool number(Json& into) {
        double ignored = 0;
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), ignored);
        if (error != std::errc{}) return false;
        into.kind = Json::Kind::number;
        into.scalar.assign(rest_.data(), end);
        rest_.remove_prefix(into.scalar.size());
        return into.scalar.front() == '-' || std::isdigit(static_cast<unsigned char>(into.scalar.front()));
    }
    bool array(Json& into, unsigned depth) {
        into.kind = Json::Kind::array;
        if (take(']')) return true;
        do
            if (!value(into.elements.emplace_back(), depth + 1)) return false;
        while (take(','));
        return take(']');
    }
    bool object(Json& into, unsigned depth) {
        into.kind = Json::Kind::object;
        if (take('}')) return true;
        do {
            std::string name;
            if (!text(name) || !take(':') || into.members.contains(name)) return false;
            if (!value(into.members[name], depth + 1)) return false;
        } while (take(','));
        return take('}');
    }
    bool value(Json& into, unsigned depth) {
        skip();
        if (rest_.empty() || depth > most_depth) return false;
        if (take('{')) return object(into, depth);
        if (take('[')) return array(into, depth);
        if (rest_.front() == '"') {
            into.kind = Json::Kind::text;
            return text(into.scalar);
        }
        for (const std::string_view name : {"true", "false", "null"})
            if (word(name)) {
                into.kind = name == "null" ? Json::Kind::null : Json::Kind::boolean;
                into.scalar = name;
                return true;
            }
        return number(into);
    }

    std::string_view rest_;
};

}  // namespace

std::optional<Json> Json::parse(std::string_view text) {
    Json value;
    if (!Parser{text}.whole(value)) return std::nullopt;
    return value;
}

const Json& Json::at(std::string_view path) const {
    static const Json nothing;
    const Json* here = this;
    while (!path.empty()) {
        const auto name = path.substr(0, path.find('.'));
        path.remove_prefix(std::min(path.size(), name.size() + 1));
        std::size_t index = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
        if (here->kind == Kind::array) {
            if (error != std::errc{} || index >= here->elements.size()) return nothing;
            here = &here->elements[index];
        } else {
            const auto found = here->members.find(std::string{name});
            if (found == here->members.end()) return nothing;
            here = &found->second;
        }
    }
    return *here;
}

}  // namespace rf::system
