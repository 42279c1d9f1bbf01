// SPDX-License-Identifier: MIT
#include "domain/counts.hpp"

#include "base/log.hpp"
#include "dev/console.hpp"
#include "domain/table.hpp"
#include "mm/allocator.hpp"

namespace rf::domain {
namespace {

void log_counts()
{
    unsigned count = 0;
    for_each([&](Domain& shown) {
        log::info("counts: ", shown.id(), ": pages ", shown.memory.pages(), ", event channels ", shown.events.open_channels(),
                  ", grant frames ", shown.grants.frames(), ", grants mapped ", shown.grants.mappings());
        ++count;
    });
    log::info("counts: machine: domains ", count, ", free pages ", mm::allocator.free_frames(), ", claimed pages ",
              mm::allocator.claimed_frames());
}

} // namespace

void enable_counts() { dev::console::register_key('q', "counts what each domain holds", log_counts); }

} // namespace rf::domain
