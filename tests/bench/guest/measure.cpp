// SPDX-License-Identifier: MIT
#include "measure.hpp"

namespace rf::bench {

using runtime::print;

namespace {

std::uint64_t overhead_ticks = 0;

}  // namespace

void Tally::print(std::string_view name, std::uint64_t units) const
{
    runtime::print("bench: figure ", name, " rounds ", rounds_, " units ", units, " total ", total_, " min ", least_, " max ", most_, "\n");
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
        print("bench: refused ", name, " ", why, ", error ", static_cast<std::uint64_t>(error < 0 ? -error : error), "\n");
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
