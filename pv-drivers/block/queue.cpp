// SPDX-License-Identifier: MIT
#include "block/queue.hpp"

#include <cerrno>
#include <cstring>

namespace rf::block {
namespace {

/// Interrupted or refused for the moment: so often an operation is tried again before it counts as failed.
constexpr std::uint8_t retry_limit = 16;

}  // namespace

Queue::Queue(Doors doors, xen::DomainId domain, int disk, const DiskFacts& facts, QueueConnection connection,
             QueueJournal journal)
    : doors_(doors), domain_(domain), disk_(disk), facts_(facts), connection_(std::move(connection)), journal_(journal),
      ring_(connection_.pages.bytes()), copies_(doors.grants, domain),
      jobs_(ring_.entries())
{
    for (std::uint32_t number = ring_.entries(); number > 0; --number)
        free_jobs_.push_back(number - 1);
}

void Queue::start_fresh()
{
    journal_.reset(ring_.entries(), ring_.req_cons());
}

Result<void> Queue::check_journal() const
{
    const auto found = journal_.recover(ring_.entries());
    if (!found)
        return std::unexpected(found.error());
    return {};
}

void Queue::resume()
{
    const auto found = journal_.recover(ring_.entries());
    if (!found)
        return;  // cannot be: the journal was checked
    ring_ = Ring(connection_.pages.bytes(), found->req_cons, found->rsp_prod);
    std::vector<bool> taken(ring_.entries());
    for (const QueueJournal::Unanswered& saved : found->requests)
        taken[saved.entry] = true;
    std::erase_if(free_jobs_, [&](std::uint32_t number) { return taken[number]; });
    // What counts for nothing today could count tomorrow, when the indices have moved on: a request whose taking was cut off.
    for (const std::uint32_t number : free_jobs_)
        journal_.release(number);
    for (const QueueJournal::Unanswered& saved : found->requests)
        journal_.reopen(saved.entry);
    for (const QueueJournal::Unanswered& saved : found->requests)
        begin(saved.entry, saved.raw);
    // Answers may have been written but never shown, and the frontend may have sent an event to nobody.
    journal_.publish(ring_.rsp_prod());
    (void)ring_.publish();
    (void)doors_.events.notify(connection_.port);  // can only fail for a port that is not ours
}

Queue::More Queue::turn()
{
    run_copies();
    while (!waiting_.empty() && try_start(waiting_.front()))
        waiting_.pop_front();
    // One round of the ring per turn, so that one busy queue does not starve the others.
    for (std::uint32_t budget = ring_.entries(); budget > 0 && can_take() && ring_.waiting() != 0; --budget) {
        const auto raw = ring_.take<RawRequest>();
        const std::uint32_t number = free_jobs_.back();
        free_jobs_.pop_back();
        journal_.take(number, ring_.req_cons() - 1, raw);
        begin(number, raw);
        worked_ = true;
    }
    run_copies();
    gave_back_ = !answered_.empty();
    publish();
    return can_take() && !ring_.may_sleep() ? More::yes : More::no;
}

bool Queue::can_take() const
{
    return !stopped_ && waiting_.empty() && !barrier_ && !free_jobs_.empty();
}

void Queue::begin(std::uint32_t number, const RawRequest& raw)
{
    Job& job = jobs_[number];
    ++under_way_;
    job.stage = Stage::waiting;
    job.started = false;
    job.failed = false;
    job.retries = 0;
    Verdict verdict = parse(raw, facts_, job.request);
    if (verdict && job.request.indirect_segments != 0)
        verdict = fetch_indirect(job.request);
    if (!verdict) {
        finish(number, verdict.error().status);
        return;
    }
    if (!waiting_.empty() || !try_start(number))
        waiting_.push_back(number);
}

Verdict Queue::fetch_indirect(Request& request)
{
    constexpr std::size_t per_page = ::xen::BLKIF_SEGMENTS_PER_INDIRECT_PAGE;
    const auto pages = std::span(request.indirect_pages).first(request.indirect_page_count());
    std::array<RawSegment, max_indirect_segments> segments;
    const auto wanted = std::span(segments).first(request.indirect_segments);
    xenbus::GuestCopy copy(doors_.grants, domain_);
    for (std::size_t i = 0; i < pages.size(); ++i) {
        const auto rest = wanted.subspan(i * per_page);
        copy.from_guest(pages[i], 0, std::as_writable_bytes(rest.first(std::min(rest.size(), per_page))), 0);
    }
    bool fetched = true;
    copy.run([&](std::uint32_t) { fetched = false; });
    if (!fetched)
        return std::unexpected(Refusal{::xen::BLKIF_RSP_ERROR, "an indirect page that is not granted"});
    return add_indirect(wanted, facts_, request);
}

bool Queue::place(Job& job)
{
    const auto& segments = job.request.segments;
    std::size_t bytes = 0;
    for (const Segment& segment : segments)
        bytes += segment.bytes;
    // At the first segment's own offset, so that whole pages of the guest are whole pages here, too: a copy between places of
    // different offsets is two.
    const std::size_t offset = segments.empty() ? 0 : segments[0].offset;
    const auto run = doors_.buffers.take(static_cast<std::uint32_t>((offset + bytes + xen::page_size - 1) / xen::page_size));
    if (!run)
        return false;
    job.run = *run;
    job.data = bytes == 0 ? std::span<std::byte>() : doors_.buffers.bytes(*run).subspan(offset, bytes);
    job.done = 0;
    return true;
}

bool Queue::try_start(std::uint32_t number)
{
    Job& job = jobs_[number];
    const bool barrier = job.request.action == Action::barrier;
    if (barrier_ || (barrier && started_ != 0) || !place(job))
        return false;
    ++started_;
    job.started = true;
    barrier_ = barrier;
    switch (job.request.action) {
    case Action::read: start_transfer(number); break;
    case Action::write: gather(number); break;
    case Action::barrier:
    case Action::flush:
        if (job.data.empty()) {
            job.stage = Stage::postflush;
            start_simple(number, DiskOperation::Kind::sync);
        } else {
            gather(number);
        }
        break;
    case Action::discard:
        job.stage = Stage::postflush;
        start_simple(number, DiskOperation::Kind::discard);
        break;
    }
    return true;
}

template <class Copy>
void Queue::for_segments(const Job& job, Copy&& copy)
{
    std::size_t at = 0;
    for (const Segment& segment : job.request.segments) {
        copy(segment, job.data.subspan(at, segment.bytes));
        at += segment.bytes;
    }
}

void Queue::gather(std::uint32_t number)
{
    for_segments(jobs_[number], [&](const Segment& segment, std::span<std::byte> part) {
        copies_.from_guest(segment.page, segment.offset, part, number);
    });
    gathering_.push_back(number);
}

void Queue::scatter(std::uint32_t number)
{
    for_segments(jobs_[number], [&](const Segment& segment, std::span<std::byte> part) {
        copies_.to_guest(segment.page, segment.offset, part, number);
    });
    scattering_.push_back(number);
}

void Queue::run_copies()
{
    copies_.run([this](std::uint32_t number) { jobs_[number].failed = true; });
    for (const std::uint32_t number : std::exchange(gathering_, {})) {
        if (jobs_[number].failed) {
            finish(number, ::xen::BLKIF_RSP_ERROR);
        } else if (jobs_[number].request.action == Action::write) {
            start_transfer(number);
        } else {
            jobs_[number].stage = Stage::preflush;
            start_simple(number, DiskOperation::Kind::sync);
        }
    }
    for (const std::uint32_t number : std::exchange(scattering_, {}))
        finish(number, jobs_[number].failed ? ::xen::BLKIF_RSP_ERROR : ::xen::BLKIF_RSP_OKAY);
}

void Queue::start_transfer(std::uint32_t number)
{
    Job& job = jobs_[number];
    job.stage = Stage::transfer;
    DiskOperation operation;
    operation.kind = job.request.action == Action::read ? DiskOperation::Kind::read : DiskOperation::Kind::write;
    operation.descriptor = disk_;
    operation.offset = job.request.first_sector * protocol_sector + job.done;
    operation.buffer = job.data.subspan(job.done);
    operation.client = this;
    operation.cookie = number;
    doors_.disk.start(operation);
}

void Queue::start_simple(std::uint32_t number, DiskOperation::Kind kind)
{
    const Job& job = jobs_[number];
    DiskOperation operation;
    operation.kind = kind;
    operation.descriptor = disk_;
    operation.offset = job.request.first_sector * protocol_sector;
    operation.length = job.request.sectors * protocol_sector;
    operation.client = this;
    operation.cookie = number;
    doors_.disk.start(operation);
}

void Queue::completed(std::uint32_t number, long result)
{
    Job& job = jobs_[number];
    if ((result == -EINTR || result == -EAGAIN) && job.retries < retry_limit) {
        ++job.retries;
        result = 0;
    } else if (result < 0 || (job.stage == Stage::transfer && result == 0)) {
        const bool unsupported = job.request.action == Action::discard && result == -EOPNOTSUPP;
        if (!unsupported)
            remember_failure(job, result);
        finish(number, unsupported ? ::xen::BLKIF_RSP_EOPNOTSUPP : ::xen::BLKIF_RSP_ERROR);
        return;
    } else if (job.stage != Stage::transfer) {
        advance(number);
        return;
    }
    job.done += static_cast<std::size_t>(result);
    if (job.stage != Stage::transfer)
        start_simple(number, job.request.action == Action::discard ? DiskOperation::Kind::discard : DiskOperation::Kind::sync);
    else if (job.done < job.data.size())
        start_transfer(number);
    else
        advance(number);
}

void Queue::remember_failure(const Job& job, long result)
{
    using Kind = DiskOperation::Kind;
    if (failure_)
        return;
    Kind kind = Kind::sync;
    if (job.stage == Stage::transfer)
        kind = job.request.action == Action::read ? Kind::read : Kind::write;
    else if (job.request.action == Action::discard)
        kind = Kind::discard;
    failure_ = {kind, job.request.first_sector * protocol_sector + job.done, static_cast<int>(-result)};
}

void Queue::advance(std::uint32_t number)
{
    Job& job = jobs_[number];
    switch (job.stage) {
    case Stage::preflush: start_transfer(number); return;
    case Stage::transfer:
        if (job.request.action == Action::read) {
            scatter(number);
            return;
        }
        if (job.request.action == Action::barrier) {
            job.stage = Stage::postflush;
            start_simple(number, DiskOperation::Kind::sync);
            return;
        }
        break;
    case Stage::waiting:
    case Stage::postflush: break;
    }
    finish(number, ::xen::BLKIF_RSP_OKAY);
}

void Queue::finish(std::uint32_t number, std::int16_t status)
{
    Job& job = jobs_[number];
    if (job.started) {
        --started_;
        barrier_ = barrier_ && job.request.action != Action::barrier;
    }
    doors_.buffers.give(std::exchange(job.run, {}));
    job.data = {};
    --under_way_;
    journal_.answer(number, ring_.rsp_prod());
    answered_.push_back(number);
    ::xen::blkif_response response;
    std::memset(&response, 0, sizeof response);
    response.id = job.request.id;
    response.operation = job.request.operation;
    response.status = status;
    ring_.put(response);
}

void Queue::publish()
{
    if (answered_.empty())
        return;
    journal_.publish(ring_.rsp_prod());
    if (ring_.publish() == ring::Notify::yes)
        (void)doors_.events.notify(connection_.port);  // can only fail for a port that is not ours
    for (const std::uint32_t number : answered_)
        journal_.release(number);
    free_jobs_.insert(free_jobs_.end(), answered_.begin(), answered_.end());
    answered_.clear();
}

}  // namespace rf::block
