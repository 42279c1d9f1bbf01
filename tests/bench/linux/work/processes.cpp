// SPDX-License-Identifier: MIT
// What a kernel does all day, per operation.
#include <cstdlib>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "verbs.hpp"
#include "window.hpp"

namespace rf::bench {

namespace {

constexpr unsigned forks = 40, system_calls = 10'000, round_trips = 2'000, pages = 1024;
constexpr std::size_t page_bytes = 4096;

void measure_system_call()
{
    measure("M12.syscall", system_calls, [] {
        for (unsigned i = 0; i < system_calls; ++i)
            ::syscall(SYS_getppid);
    });
}

void fork_and_wait(bool exec)
{
    const pid_t child = ::fork();
    if (child == 0) {
        if (exec)
            ::execl("/proc/self/exe", "work", "nothing", static_cast<char*>(nullptr));
        ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
}

void measure_forks()
{
    for (const bool exec : {false, true})
        measure(exec ? "M12.exec" : "M12.fork", forks, [exec] {
            for (unsigned i = 0; i < forks; ++i)
                fork_and_wait(exec);
        });
}

void echo_until_closed(int from, int to)
{
    char byte;
    while (::read(from, &byte, 1) == 1)
        if (::write(to, &byte, 1) != 1)
            break;
}

void measure_pipe()
{
    int there[2], back[2];
    if (::pipe(there) != 0 || ::pipe(back) != 0)
        return refuse_call("M12.pipe", "pipe");
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(there[1]);
        echo_until_closed(there[0], back[1]);
        ::_exit(0);
    }
    bool good = true;
    measure("M12.pipe", round_trips, [&] {
        char byte = 0;
        for (unsigned i = 0; i < round_trips; ++i)
            good = ::write(there[1], &byte, 1) == 1 && ::read(back[0], &byte, 1) == 1 && good;
    });
    for (const int end : {there[0], there[1], back[0], back[1]})
        ::close(end);
    ::waitpid(child, nullptr, 0);
    if (!good)
        refuse("M12.pipe", "a byte was lost");
}

void measure_page_fault()
{
    measure("M12.page_fault", pages, [] {
        void* const area = ::mmap(nullptr, pages * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area == MAP_FAILED)
            return refuse_call("M12.page_fault", "mmap");
        ::madvise(area, pages * page_bytes, MADV_NOHUGEPAGE);
        for (unsigned i = 0; i < pages; ++i)
            static_cast<volatile char*>(area)[i * page_bytes] = 1;
        ::munmap(area, pages * page_bytes);
    });
}

}  // namespace

int measure_processes(Words)
{
    measure_system_call();
    measure_forks();
    measure_pipe();
    measure_page_fault();
    return 0;
}

}  // namespace rf::bench
