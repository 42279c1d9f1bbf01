// SPDX-License-Identifier: MIT
#include "block/disk.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "xen/kernel.hpp"

namespace rf::block {
namespace {

/// What libxl puts before the path of a raw image.
constexpr std::string_view raw_prefixes[] = {"aio:", "raw:", "file:", "phy:"};

std::uint64_t sysfs_number(const struct stat& status, const char* name)
{
    std::ifstream file("/sys/dev/block/" + std::to_string(major(status.st_rdev)) + ":" + std::to_string(minor(status.st_rdev)) +
                       "/queue/" + name);
    std::uint64_t value = 0;
    file >> value;
    return value;
}

/// Whether the file's system lets 512-byte transfers bypass the page cache.
bool direct_possible(const std::string& path)
{
    struct statx facts {};
    if (::statx(AT_FDCWD, path.c_str(), AT_STATX_SYNC_AS_STAT, STATX_DIOALIGN, &facts) != 0 ||
        (facts.stx_mask & STATX_DIOALIGN) == 0)
        return false;
    return facts.stx_dio_offset_align != 0 && facts.stx_dio_offset_align <= protocol_sector &&
           facts.stx_dio_mem_align <= protocol_sector;
}

Result<void> measure_block_device(int disk, const struct stat& status, DiskFacts& facts)
{
    std::uint64_t bytes = 0;
    int logical = 0;
    unsigned physical = 0;
    if (::ioctl(disk, BLKGETSIZE64, &bytes) != 0 || ::ioctl(disk, BLKSSZGET, &logical) != 0 ||
        ::ioctl(disk, BLKPBSZGET, &physical) != 0)
        return xen::failure(errno, "cannot measure the block device");
    facts.block_device = 1;
    facts.sectors = bytes / protocol_sector;
    facts.sector_size = static_cast<std::uint32_t>(logical);
    facts.physical_sector_size = physical;
    if (sysfs_number(status, "discard_max_bytes") != 0)
        facts.discard_granularity = static_cast<std::uint32_t>(sysfs_number(status, "discard_granularity"));
    return {};
}

void measure_file(const struct stat& status, DiskFacts& facts)
{
    facts.sectors = static_cast<std::uint64_t>(status.st_size) / protocol_sector;
    facts.discard_granularity = static_cast<std::uint32_t>(status.st_blksize);
}

Result<DiskFacts> measure(const DiskOrder& order, int disk)
{
    struct stat status {};
    if (::fstat(disk, &status) != 0)
        return xen::failure(errno, "cannot examine " + order.path);
    DiskFacts facts;
    if (S_ISBLK(status.st_mode) && order.kind != DiskOrder::Kind::file) {
        if (auto measured = measure_block_device(disk, status, facts); !measured)
            return xen::failure(measured.error().code, measured.error().message + " " + order.path);
    } else if (S_ISREG(status.st_mode) && order.kind != DiskOrder::Kind::block_device) {
        measure_file(status, facts);
    } else {
        return xen::failure(EINVAL, order.path + " is not of the kind that the node 'type' says");
    }
    facts.read_only = order.access == xen::Access::read_only;
    if (order.discard == DiskOrder::Discard::no || facts.read_only)
        facts.discard_granularity = 0;
    if (facts.sectors == 0)
        return xen::failure(EINVAL, order.path + " is empty");
    return facts;
}

Result<void> lock(const DiskOrder& order, int disk)
{
    if (order.sharing == DiskOrder::Sharing::shared)
        return {};
    const int kind = order.access == xen::Access::read_only ? LOCK_SH : LOCK_EX;
    if (::flock(disk, kind | LOCK_NB) != 0)
        return xen::failure(errno, order.path + " is in use");
    return {};
}

}  // namespace

Result<DiskOrder> parse_order(std::string_view params, std::string_view type, std::string_view mode,
                              std::string_view discard_enable)
{
    DiskOrder order;
    for (const std::string_view prefix : raw_prefixes)
        if (params.starts_with(prefix)) {
            params.remove_prefix(prefix.size());
            break;
        }
    if (!params.starts_with('/'))
        return xen::failure(EINVAL, "the node 'params' must be an absolute path, not '" + std::string(params) + "'");
    order.path = params;
    if (type == "file")
        order.kind = DiskOrder::Kind::file;
    else if (type == "block" || type == "phy")
        order.kind = DiskOrder::Kind::block_device;
    if (mode.ends_with('!')) {
        order.sharing = DiskOrder::Sharing::shared;
        mode.remove_suffix(1);
    }
    if (mode == "r")
        order.access = xen::Access::read_only;
    else if (mode != "w")
        return xen::failure(EINVAL, "the node 'mode' must be r, w or w!, not '" + std::string(mode) + "'");
    if (discard_enable == "0")
        order.discard = DiskOrder::Discard::no;
    return order;
}

Result<Disk> open_disk(const DiskOrder& order)
{
    const int access = order.access == xen::Access::read_only ? O_RDONLY : O_RDWR;
    struct stat status {};
    if (::stat(order.path.c_str(), &status) != 0)
        return xen::failure(errno, "cannot open " + order.path);
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return xen::failure(EINVAL, order.path + " is neither a file nor a block device");
    const bool direct = S_ISBLK(status.st_mode) || direct_possible(order.path);
    int number = ::open(order.path.c_str(), access | O_CLOEXEC | (direct ? O_DIRECT : 0));
    const bool opened_direct = direct && number >= 0;
    if (number < 0 && errno == EINVAL)
        number = ::open(order.path.c_str(), access | O_CLOEXEC);
    if (number < 0)
        return xen::failure(errno, "cannot open " + order.path);
    xen::Descriptor descriptor(xen::Kernel::host(), number);
    if (auto locked = lock(order, number); !locked)
        return std::unexpected(locked.error());
    auto facts = measure(order, number);
    if (!facts)
        return std::unexpected(facts.error());
    facts->direct = opened_direct;
    return Disk{std::move(descriptor), *facts};
}

}  // namespace rf::block
