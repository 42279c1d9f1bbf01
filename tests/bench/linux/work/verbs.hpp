// SPDX-License-Identifier: MIT
#pragma once
/// What the program can do. Each verb gets its words and yields the exit status.

#include <span>
#include <string_view>

namespace rf::bench {

using Words = std::span<char*>;

int run_command(Words words);      ///< run NAME SETTLE_MS COMMAND...: measures a command, and what goes on for a while after it
int tell_line(Words words);        ///< tell WORD...: one line for the meter
int tell_symbols(Words words);     ///< symbols: this kernel's functions, `symbol ADDRESS NAME`, for profiles
int measure_processes(Words words);///< processes: fork, exec, pipe, page fault, system call
int measure_store(Words words);    ///< store [SUFFIX]: the store's operations
int measure_disk(Words words);     ///< disk NAME DEVICE: random and sequential reads
int serve_network(Words words);    ///< serve: answers `network` for good
int measure_network(Words words);  ///< network NAME ADDRESS: packets and streams to and from `serve`
int tell_memory(Words words);      ///< memory NAME: what the hypervisor has free, in KiB, and what Dom0 holds
int measure_events(Words words);   ///< events NAME: sending and receiving an event
int wait_for_domains(Words words); ///< wait COUNT SECONDS: until at most so many domains exist beside Dom0

}  // namespace rf::bench
