// SPDX-License-Identifier: MIT
/// rf: creates and manages the domains of this machine. One file for each subcommand.

#include <csignal>
#include <cstdio>

#include "command_line.hpp"
#include "output.hpp"

int main(int count, char** arguments)
{
    using namespace rf::cli;
    std::signal(SIGPIPE, SIG_IGN);
    const auto parsed = parse_command_line(count, arguments);
    Result<void> done;
    if (!parsed) {
        done = std::unexpected(parsed.error());
    } else if (const auto* answer = std::get_if<Answer>(&*parsed)) {
        print(answer->text);
    } else {
        const Call& call = std::get<Call>(*parsed);
        done = call.verb->run(call.invocation);
    }
    if (done && std::fflush(stdout) != 0)
        done = fail(Kind::internal, "cannot write to standard output");
    if (done)
        return 0;
    say("error: " + done.error().what);
    return static_cast<int>(done.error().kind);
}
