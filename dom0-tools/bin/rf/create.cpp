// SPDX-License-Identifier: MIT
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include "console_terminal.hpp"
#include "definition.hpp"
#include "lifecycle/create.hpp"
#include "output.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

namespace json = lifecycle::json;

void print_timings(const lifecycle::Created& created)
{
    for (const auto& [step, time] : created.timings) {
        char line[80];
        std::snprintf(line, sizeof line, "%-10s %9.3f ms", step.c_str(), static_cast<double>(time.count()) / 1000);
        say(line);
    }
}

void print_created(const Invocation& invocation, const config::DomainSpec& spec, const lifecycle::Created& created)
{
    if (!invocation.wants_json()) {
        print("domain " + std::to_string(created.id.value) + " '" + spec.name + "' created\n");
        return;
    }
    json::object steps;
    for (const auto& [step, time] : created.timings)
        steps[step] = time.count();
    print_json({{"domid", created.id.value}, {"name", spec.name}, {"uuid", config::to_text(spec.uuid)}, {"timings_us", std::move(steps)}});
}

/// Puts a kernel that was unpacked into the cache: in a process of its own, so that nobody waits for the disk.
void keep_kernel(const builder::KernelImage& kernel)
{
    if (!kernel.was_unpacked())
        return;
    std::fflush(nullptr);
    if (const pid_t child = ::fork(); child != 0)
        return;  // a cache that is not filled costs time at the next creation, nothing else
    ::setsid();
    // Whoever reads our output shall not wait for this process.
    const int nothing = ::open("/dev/null", O_RDWR);
    for (int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(nothing, descriptor);
    kernel.keep(builder::KernelCache());
    ::_exit(0);
}

Result<void> create(const Invocation& invocation)
{
    const std::string file = invocation.value("FILE");
    const auto spec =
        BUILD_TRY(read_definition(file, invocation.has("strict") ? config::Unknown::refuse : config::Unknown::warn));
    if (invocation.has("dry-run")) {
        print("definition of '" + spec.name + "' is valid\n");
        return {};
    }
    auto session = BUILD_TRY(lifecycle::Session::open());
    const lifecycle::StateDirectory state;
    const bool attach = invocation.has("console");
    // With a console the domain starts when somebody watches, so that its first words are seen.
    const auto start = attach || invocation.has("paused") ? lifecycle::Start::paused : lifecycle::Start::running;
    const auto created = BUILD_TRY(lifecycle::create_domain(session, state, {spec, file, start, 0}));
    if (invocation.has("timing"))
        print_timings(created);
    print_created(invocation, spec, created);
    keep_kernel(created.kernel);
    if (!lifecycle::manager_is_running(state))
        say("warning: rfd does not run: nobody will act when the domain powers off, reboots or crashes");
    if (!attach)
        return {};
    std::fflush(stdout);
    auto terminal = BUILD_TRY(ConsoleTerminal::attach(session, created.id));
    if (!invocation.has("paused"))
        BUILD_CHECK(session.control().unpause(created.id));
    return terminal.run();
}

}  // namespace

Verb create_verb()
{
    return {"create",
            {},
            "create a domain from its definition, a libvirt <domain type='xen'> file",
            {{"FILE", "the definition; - reads standard input"}},
            {
                {"console", 'c', "", "attach to the domain's console at once", {}},
                {"paused", 'p', "", "leave the domain paused", {}},
                {"dry-run", 'N', "", "only check the definition", {}},
                {"strict", 0, "", "refuse elements that are not known instead of warning", {}},
                {"timing", 0, "", "say how long each step took", {}},
                output_option(),
            },
            "  rf create /etc/ringfort/web.xml\n  rf create -c web.xml          and watch it boot; Ctrl-] leaves the console\n"
            "  rf create -p -o json web.xml  paused; its number as JSON\n  rf create -N web.xml          check the file, create nothing",
            create};
}

}  // namespace rf::cli
