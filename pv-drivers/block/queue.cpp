// SPDX-License-Identifier: MIT
#include "block/queue.hpp"

#include <cerrno>
#include <cstring>

#include "block/indirect_pages.hpp"

namespace rf::block {
namespace {

/// Interrupted or refused for the moment: so often an operation is tried again before it counts as failed.
constexpr std::uint8_t retry_limit = 16;

}  // namespace

Queue::Queue(Doors doors, xen::DomainId domain, int disk, const DiskFacts& facts, QueueConnection connection,
             QueueJournal journal)
    : doors_(doors), domain_(domain), disk_(disk), facts_(facts), connection_(std::move(connection)), journal_(journal),
      ring_(connection_.pages.bytes()), cache_(doors.grants, domain, cache_limit), copies_(doors.grants, domain),
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
    const auto pages = std::span(request.indirect_pages).first(request.indirect_page_count());
    std::array<RawSegment, max_indirect_segments> segments;
    const auto wanted = std::span(segments).first(request.indirect_segments);
    bool fetched;
    if (connection_.grants == Grants::persistent) {
        cache_.require(pages);
        fetched = read_mapped(cache_, pages, wanted);
    } else {
        fetched = read_copied(doors_.grants, domain_, pages, wanted);
    }
    if (!fetched)
        return std::unexpected(Refusal{::xen::BLKIF_RSP_ERROR, "an indirect page that is not granted"});
    return add_indirect(wanted, facts_, request);
}

bool Queue::try_start(std::uint32_t number)
{
    Job& job = jobs_[number];
    const bool barrier = job.request.action == Action::barrier;
    if (barrier_ || (barrier && started_ != 0) || !doors_.buffers.take(job.request.segments.size(), job.pages))
        return false;
    ++started_;
    job.started = true;
    barrier_ = barrier;
    job.offset = job.request.first_sector * protocol_sector;
    job.next_vector = 0;
    job.vectors.clear();
    for (std::size_t i = 0; i < job.pages.size(); ++i) {
        const Segment& segment = job.request.segments[i];
        std::byte* const at = doors_.buffers.bytes(job.pages[i]).data() + segment.offset;
        job.vectors.push_back({at, segment.bytes});
    }
    switch (job.request.action) {
    case Action::read: start_transfer(number); break;
    case Action::write: gather(number); break;
    case Action::barrier:
    case Action::flush:
        if (job.pages.empty()) {
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

void Queue::gather(std::uint32_t number)
{
    Job& job = jobs_[number];
    gathering_.push_back(number);
    const auto& segments = job.request.segments;
    if (connection_.grants == Grants::passing) {
        for (std::size_t i = 0; i < segments.size(); ++i)
            copies_.from_guest(segments[i].page, segments[i].offset,
                               {static_cast<std::byte*>(job.vectors[i].iov_base), segments[i].bytes}, number);
        return;
    }
    refs_.clear();
    for (const Segment& segment : segments)
        refs_.push_back(segment.page);
    cache_.require(refs_);
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const auto page = cache_.page(segments[i].page);
        if (page.empty())
            job.failed = true;
        else
            std::memcpy(job.vectors[i].iov_base, page.data() + segments[i].offset, segments[i].bytes);
    }
}

void Queue::scatter(std::uint32_t number)
{
    Job& job = jobs_[number];
    scattering_.push_back(number);
    const auto& segments = job.request.segments;
    const auto buffer = [&](std::size_t i) { return doors_.buffers.bytes(job.pages[i]).data() + segments[i].offset; };
    if (connection_.grants == Grants::passing) {
        for (std::size_t i = 0; i < segments.size(); ++i)
            copies_.to_guest(segments[i].page, segments[i].offset, {buffer(i), segments[i].bytes}, number);
        return;
    }
    refs_.clear();
    for (const Segment& segment : segments)
        refs_.push_back(segment.page);
    cache_.require(refs_);
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const auto page = cache_.page(segments[i].page);
        if (page.empty())
            job.failed = true;
        else
            std::memcpy(page.data() + segments[i].offset, buffer(i), segments[i].bytes);
    }
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
    operation.offset = job.offset;
    operation.vectors = job.vectors.data() + job.next_vector;
    operation.vector_count = static_cast<unsigned>(job.vectors.size() - job.next_vector);
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
    operation.offset = job.offset;
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
        finish(number, unsupported ? ::xen::BLKIF_RSP_EOPNOTSUPP : ::xen::BLKIF_RSP_ERROR);
        return;
    } else if (job.stage != Stage::transfer) {
        advance(number);
        return;
    }
    consume(job, static_cast<std::size_t>(result));
    if (job.stage != Stage::transfer)
        start_simple(number, job.request.action == Action::discard ? DiskOperation::Kind::discard : DiskOperation::Kind::sync);
    else if (job.next_vector < job.vectors.size())
        start_transfer(number);
    else
        advance(number);
}

void Queue::consume(Job& job, std::size_t bytes)
{
    job.offset += bytes;
    while (bytes > 0 && job.next_vector < job.vectors.size()) {
        iovec& vector = job.vectors[job.next_vector];
        const std::size_t part = std::min(bytes, vector.iov_len);
        vector.iov_base = static_cast<std::byte*>(vector.iov_base) + part;
        vector.iov_len -= part;
        bytes -= part;
        if (vector.iov_len == 0)
            ++job.next_vector;
    }
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
    doors_.buffers.give(job.pages);
    job.vectors.clear();
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
