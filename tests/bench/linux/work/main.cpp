// SPDX-License-Identifier: MIT
// work: what Dom0 and Linux guests do while the meter counts. One static program, so that it runs everywhere.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "verbs.hpp"
#include "window.hpp"

namespace rf::bench {

void refuse(std::string_view name, std::string_view why)
{
    tell("refused ", name, " ", why);
    std::printf("work: %.*s: %.*s\n", static_cast<int>(name.size()), name.data(), static_cast<int>(why.size()), why.data());
}

void refuse_call(std::string_view name, std::string_view call)
{
    const std::string reason = std::strerror(errno);
    refuse(name, std::string(call) + ": " + reason);
}

int tell_symbols(Words)
{
    std::FILE* const symbols = std::fopen("/proc/kallsyms", "r");
    char address[32], kind = 0, name[256], rest[512];
    while (symbols != nullptr && std::fscanf(symbols, "%31s %c %255s%511[^\n]", address, &kind, name, rest) >= 3)
        if (kind == 't' || kind == 'T')
            tell("symbol ", address, " ", name);
    return symbols != nullptr && std::fclose(symbols) == 0 ? 0 : 1;
}

int tell_line(Words words)
{
    std::string line;
    for (const char* word : words)
        line += (line.empty() ? "" : " ") + std::string(word);
    tell(line);
    return 0;
}

}  // namespace rf::bench

int main(int count, char** arguments)
{
    using namespace rf::bench;
    static constexpr std::pair<std::string_view, int (*)(Words)> verbs[] = {
        {"run", run_command},       {"tell", tell_line},         {"processes", measure_processes}, {"store", measure_store},
        {"disk", measure_disk},     {"serve", serve_network},    {"network", measure_network},     {"memory", tell_memory},
        {"events", measure_events}, {"wait", wait_for_domains}, {"symbols", tell_symbols},
        {"nothing", [](Words) { return 0; }},
    };
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    for (const auto& [name, verb] : verbs)
        if (count > 1 && name == arguments[1])
            return verb(Words(arguments + 2, static_cast<std::size_t>(count - 2)));
    std::fprintf(stderr, "work: unknown verb; see verbs.hpp\n");
    return 2;
}
