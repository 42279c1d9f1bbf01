// SPDX-License-Identifier: MIT
#include "lifecycle/session.hpp"
#include "output.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

using Console = xen::SystemControl::Console;

Result<void> dmesg(const Invocation& invocation)
{
    auto privcmd = BUILD_TRY(lifecycle::open_hypervisor());
    xen::SystemControl system(privcmd);
    const std::string text = BUILD_TRY(system.read_console(invocation.has("clear") ? Console::clear : Console::keep));
    if (!invocation.wants_json()) {
        print(text.empty() || text.ends_with('\n') ? text : text + "\n");
        return {};
    }
    lifecycle::json::array lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        line.erase(line.find_last_not_of('\r') + 1);
        lines.emplace_back(line);
        at = end + 1;
    }
    print_json({{"lines", std::move(lines)}});
    return {};
}

}  // namespace

Verb dmesg_verb()
{
    return {"dmesg",
            {},
            "show the hypervisor's messages",
            {},
            {{"clear", 'c', "", "empty the hypervisor's buffer afterwards", {}}, output_option()},
            "  rf dmesg\n  rf dmesg -c > hypervisor.log\n  rf dmesg -o json",
            dmesg};
}

}  // namespace rf::cli
