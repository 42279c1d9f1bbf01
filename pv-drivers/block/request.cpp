// SPDX-License-Identifier: MIT
#include "block/request.hpp"

#include <cstring>

namespace rf::block {
namespace {

constexpr unsigned sectors_per_page = xen::page_size / protocol_sector;

std::unexpected<Refusal> refuse(const char* reason, std::int16_t status = ::xen::BLKIF_RSP_ERROR)
{
    return std::unexpected(Refusal{status, reason});
}

/// The copy of a slot, seen as another layout of the protocol.
template <class T>
T as(const RawRequest& raw)
{
    static_assert(sizeof(T) <= sizeof(RawRequest));
    T value;
    std::memcpy(&value, &raw, sizeof value);
    return value;
}

Verdict check_range(const Request& request, const DiskFacts& disk)
{
    if (request.first_sector > disk.sectors || request.sectors > disk.sectors - request.first_sector)
        return refuse("beyond the end of the disk");
    const std::uint64_t per_disk_sector = disk.sector_size / protocol_sector;
    if (request.first_sector % per_disk_sector != 0 || request.sectors % per_disk_sector != 0)
        return refuse("not a multiple of the disk's sector size");
    return {};
}

Verdict add_segment(const RawSegment& raw, const DiskFacts& disk, Request& request)
{
    if (raw.first_sect > raw.last_sect || raw.last_sect >= sectors_per_page)
        return refuse("a segment that is empty or leaves its page");
    const unsigned sectors = raw.last_sect - raw.first_sect + 1u;
    const std::uint32_t bytes = sectors * protocol_sector;
    const std::uint32_t offset = raw.first_sect * protocol_sector;
    if (offset % disk.sector_size != 0 || bytes % disk.sector_size != 0)
        return refuse("a segment that is not a multiple of the disk's sector size");
    request.segments.push_back(
        {xen::GrantRef(raw.gref), static_cast<std::uint16_t>(offset), static_cast<std::uint16_t>(bytes)});
    request.sectors += sectors;
    return {};
}

/// The action of a request that carries data, or flushes.
Verdict set_action(std::uint8_t operation, const DiskFacts& disk, Request& request)
{
    switch (operation) {
    case ::xen::BLKIF_OP_READ: request.action = Action::read; return {};
    case ::xen::BLKIF_OP_WRITE: request.action = Action::write; break;
    case ::xen::BLKIF_OP_WRITE_BARRIER: request.action = Action::barrier; break;
    case ::xen::BLKIF_OP_FLUSH_DISKCACHE: request.action = Action::flush; break;
    default: return refuse("an unknown operation", ::xen::BLKIF_RSP_EOPNOTSUPP);
    }
    if (disk.read_only)
        return refuse("a write to a read-only disk");
    return {};
}

/// Nothing can be unwritten on a read-only disk, so flushing it has succeeded already; guests do flush what they only read.
bool is_empty_flush(const RawRequest& raw)
{
    return raw.operation == ::xen::BLKIF_OP_FLUSH_DISKCACHE && raw.nr_segments == 0;
}

Verdict parse_direct(const RawRequest& raw, const DiskFacts& disk, Request& request)
{
    if (is_empty_flush(raw)) {
        request.action = Action::flush;
        return {};
    }
    if (auto known = set_action(raw.operation, disk, request); !known)
        return known;
    if (raw.nr_segments > ::xen::BLKIF_MAX_SEGMENTS_PER_REQUEST)
        return refuse("too many segments");
    const bool flushes = request.action == Action::flush || request.action == Action::barrier;
    if (raw.nr_segments == 0 && !flushes)
        return refuse("no segments");
    for (unsigned i = 0; i < raw.nr_segments; ++i)
        if (auto added = add_segment(raw.seg[i], disk, request); !added)
            return added;
    // A flush without data names no sectors; what stands there is not looked at.
    if (raw.nr_segments == 0)
        return {};
    request.first_sector = raw.sector_number;
    return check_range(request, disk);
}

Verdict parse_discard(const RawRequest& raw, const DiskFacts& disk, Request& request)
{
    const auto discard = as<::xen::blkif_request_discard>(raw);
    request.action = Action::discard;
    if (disk.discard_granularity == 0 || (discard.flag & ::xen::BLKIF_DISCARD_SECURE) != 0)
        return refuse("a kind of discard that was not offered", ::xen::BLKIF_RSP_EOPNOTSUPP);
    if (discard.nr_sectors == 0)
        return refuse("an empty discard");
    request.first_sector = discard.sector_number;
    request.sectors = discard.nr_sectors;
    return check_range(request, disk);
}

Verdict parse_indirect(const RawRequest& raw, const DiskFacts& disk, Request& request)
{
    const auto indirect = as<::xen::blkif_request_indirect>(raw);
    request.operation = indirect.indirect_op;
    if (indirect.indirect_op != ::xen::BLKIF_OP_READ && indirect.indirect_op != ::xen::BLKIF_OP_WRITE)
        return refuse("an indirect operation other than read and write");
    if (auto known = set_action(indirect.indirect_op, disk, request); !known)
        return known;
    if (indirect.nr_segments == 0 || indirect.nr_segments > max_indirect_segments)
        return refuse("no segments, or more than were offered");
    request.first_sector = indirect.sector_number;
    request.indirect_segments = indirect.nr_segments;
    for (std::size_t i = 0; i < request.indirect_page_count(); ++i)
        request.indirect_pages[i] = xen::GrantRef(indirect.indirect_grefs[i]);
    return {};
}

}  // namespace

Verdict parse(const RawRequest& raw, const DiskFacts& disk, Request& request)
{
    request.id = raw.id;
    request.operation = raw.operation;
    request.first_sector = 0;
    request.sectors = 0;
    request.segments.clear();
    request.indirect_segments = 0;
    if (raw.operation == ::xen::BLKIF_OP_DISCARD)
        return parse_discard(raw, disk, request);
    if (raw.operation == ::xen::BLKIF_OP_INDIRECT)
        return parse_indirect(raw, disk, request);
    return parse_direct(raw, disk, request);
}

Verdict add_indirect(std::span<const RawSegment> segments, const DiskFacts& disk, Request& request)
{
    for (const RawSegment& segment : segments)
        if (auto added = add_segment(segment, disk, request); !added)
            return added;
    return check_range(request, disk);
}

}  // namespace rf::block
