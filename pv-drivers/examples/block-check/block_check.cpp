// SPDX-License-Identifier: MIT
// block-check: does the first disk keep what is written to it? The guest writes a pattern of its own to places spread over
// the disk, reads them back, and puts the old content back. A read-only disk is only read.
#include <cstring>

#include "front/block.hpp"
#include "runtime.hpp"

using namespace rf::runtime;
using rf::front::BlockDevice;

namespace {

constexpr unsigned places = 16;

/// A page that looks different for every sector and every word in it.
void fill(std::byte* page, std::uint64_t sector)
{
    for (std::size_t at = 0; at < page_size; at += sizeof sector) {
        const std::uint64_t word = (sector << 12 | at) * 0x9e3779b97f4a7c15;
        std::memcpy(page + at, &word, sizeof word);
    }
}

[[nodiscard]] std::byte* page_or_end()
{
    auto* page = memory.allocate();
    if (page == nullptr)
        panic("allocate a page", Error{xen::XEN_ENOMEM});
    return page;
}

}  // namespace

void guest_main()
{
    require(grants.initialise(), "set up the grant table");
    require(connect_store(start_info()), "find XenStore");
    require(control.initialise(), "watch for orders");
    BlockDevice disk{doors()};
    const auto number = require(BlockDevice::first_number(store), "find a disk");
    require(disk.connect(number), "connect to the block backend");
    print("block-check: disk ", number, " of ", disk.sectors(), " sectors, ", disk.read_only() ? "read-only" : "writable", "\n");
    if (disk.sectors() < places * BlockDevice::sectors_per_page)
        panic("spread the places over so small a disk", Error{xen::XEN_EINVAL});

    auto* const old_content = page_or_end();
    auto* const pattern = page_or_end();
    auto* const seen = page_or_end();
    unsigned wrong = 0;
    for (unsigned place = 0; place < places; ++place) {
        // between two places the disk is whole, so this is where an order to end is obeyed
        control.obey();
        const std::uint64_t sector = (disk.sectors() - BlockDevice::sectors_per_page) * place / (places - 1);
        require(disk.read(sector, old_content), "read");
        if (disk.read_only())
            continue;
        fill(pattern, sector);
        require(disk.write(sector, pattern), "write the pattern");
        require(disk.read(sector, seen), "read the pattern");
        require(disk.write(sector, old_content), "put the old content back");
        if (std::memcmp(pattern, seen, page_size) != 0) {
            ++wrong;
            print("block-check: sector ", sector, " did not keep its content\n");
        }
    }
    if (!disk.read_only())
        require(disk.flush(), "flush");
    require(disk.disconnect(), "take leave of the block backend");
    print("block-check: ", places, " places, ", wrong, " wrong\n");
    shutdown(wrong == 0 ? xen::SHUTDOWN_poweroff : xen::SHUTDOWN_crash);
}
