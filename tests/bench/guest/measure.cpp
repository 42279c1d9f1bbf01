// SPDX-License-Identifier: MIT
#include "measure.hpp"

#include "tell.hpp"

namespace rf::bench {

namespace {

using Line = front::ShortText<256>;

std::uint64_t overhead_ticks = 0;

}  // namespace

void Tally::print(std::string_view name, std::uint64_t units) const
{
    report(Line{"bench: figure ", name, " rounds ", rounds_, " units ", units, " total ", total_, " min ", least_, " max ", most_}.view());
}

void report(std::string_view line)
{
    if (is_initial_domain())
        runtime::print(line, "\n");
    else
        tell(line);
}

bool wanted(std::string_view name)
{
    auto list = runtime::command_line_value("only");
    if (list.empty())
        return true;
    const auto family = name.substr(0, name.find('.'));
    while (!list.empty()) {
        const auto word = list.substr(0, list.find('+'));
        if (word == family || word == name)
            return true;
        list.remove_prefix(std::min(list.size(), word.size() + 1));
    }
    return false;
}

void refuse(std::string_view name, std::string_view why, long error)
{
    if (wanted(name))
        report(Line{"bench: refused ", name, " ", why, ", error ", static_cast<std::uint64_t>(error < 0 ? -error : error)}.view());
}

std::uint64_t overhead()
{
    if (overhead_ticks == 0) {
        Tally tally;
        auto nothing = [] {};
        for (unsigned i = 0; i < 2 * warming_rounds; ++i)
            tally.add(gross(nothing));
        overhead_ticks = tally.least();
    }
    return overhead_ticks;
}

}  // namespace rf::bench
