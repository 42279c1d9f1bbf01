// SPDX-License-Identifier: MIT
#pragma once
/// From the 112 bytes of a ring slot to a request that may be carried out. Pure: works on a private copy, touches nothing.
/// A `Request` that passed has: every segment within its page and not empty, all sectors within the disk, an action the disk
/// allows. Whoever carries it out needs no further check.

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "block/disk.hpp"
#include "io/blkif.h"

namespace rf::block {

/// A ring slot as it was copied, read as a direct request (::xen::blkif_request) until `parse` looks closer. Every byte has a
/// name: a copy of a structure may leave out its padding, and what pads a segment is part of an indirect request's reference.
struct RawSegment {
    RawSegment() = default;
    constexpr RawSegment(std::uint32_t ref, std::uint8_t first, std::uint8_t last) : gref(ref), first_sect(first), last_sect(last), unused(0) {}

    std::uint32_t gref;
    std::uint8_t first_sect;
    std::uint8_t last_sect;
    std::uint16_t unused;
};
struct RawRequest {
    std::uint8_t operation;
    std::uint8_t nr_segments;
    std::uint16_t handle;
    std::uint32_t unused;
    std::uint64_t id;
    std::uint64_t sector_number;
    RawSegment seg[::xen::BLKIF_MAX_SEGMENTS_PER_REQUEST];
};
static_assert(sizeof(RawSegment) == sizeof(::xen::blkif_request_segment) && sizeof(RawRequest) == sizeof(::xen::blkif_request));
static_assert(offsetof(RawSegment, last_sect) == offsetof(::xen::blkif_request_segment, last_sect));
static_assert(offsetof(RawRequest, id) == offsetof(::xen::blkif_request, id) &&
              offsetof(RawRequest, sector_number) == offsetof(::xen::blkif_request, sector_number) &&
              offsetof(RawRequest, seg) == offsetof(::xen::blkif_request, seg));

/// Most segments of a request by way of indirect pages; told to the frontend.
inline constexpr std::uint32_t max_indirect_segments = 256;

enum class Action : std::uint8_t { read, write, barrier, flush, discard };

/// Part of one granted page.
struct Segment {
    xen::GrantRef page;
    std::uint16_t offset = 0;  ///< bytes
    std::uint16_t bytes = 0;
};

struct Request {
    std::uint64_t id = 0;           ///< to be repeated in the response
    std::uint8_t operation = 0;     ///< to be repeated in the response
    Action action = Action::read;
    std::uint64_t first_sector = 0; ///< of 512 bytes
    std::uint64_t sectors = 0;
    std::vector<Segment> segments;
    /// Pages that hold the segments of an indirect request, and how many segments those are; 0 for a direct one.
    std::array<xen::GrantRef, ::xen::BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST> indirect_pages{};
    std::uint32_t indirect_segments = 0;

    [[nodiscard]] std::size_t indirect_page_count() const
    {
        return (indirect_segments + ::xen::BLKIF_SEGMENTS_PER_INDIRECT_PAGE - 1) / ::xen::BLKIF_SEGMENTS_PER_INDIRECT_PAGE;
    }
};

/// Why a request is answered without being carried out.
struct Refusal {
    std::int16_t status = ::xen::BLKIF_RSP_ERROR;  ///< BLKIF_RSP_*
    const char* reason = "";
};

using Verdict = std::expected<void, Refusal>;

/// Checks a slot's copy. `request` is overwritten (its vector is reused); id and operation are set in any case. An indirect
/// request is complete only after `add_indirect`.
[[nodiscard]] Verdict parse(const RawRequest& raw, const DiskFacts& disk, Request& request);
/// Checks and adds the segments that were copied from the indirect pages, `indirect_segments` of them.
[[nodiscard]] Verdict add_indirect(std::span<const RawSegment> segments, const DiskFacts& disk, Request& request);

}  // namespace rf::block
