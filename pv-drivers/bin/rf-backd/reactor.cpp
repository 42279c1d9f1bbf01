// SPDX-License-Identifier: MIT
#include "bin/rf-backd/reactor.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>

namespace rf::backd {
namespace {

constexpr unsigned submission_entries = 256;
/// Completions that nobody waits for.
constexpr std::uint64_t nobody = ~0ull;
/// Completions handled in one round; the rest keeps.
constexpr unsigned round_limit = 512;

io_uring_restriction allow(std::uint8_t operation)
{
    io_uring_restriction entry{};
    entry.opcode = IORING_RESTRICTION_SQE_OP;
    entry.sqe_op = operation;
    return entry;
}

}  // namespace

Reactor::~Reactor()
{
    if (open_)
        io_uring_queue_exit(&ring_);
}

Result<void> Reactor::open()
{
    io_uring_params parameters{};
    parameters.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE;
    parameters.cq_entries = submission_entries * 8;
    const int result = io_uring_queue_init_params(submission_entries, &ring_, &parameters);
    if (result < 0)
        return xen::failure(result, "cannot create an io_uring");
    open_ = true;
    return {};
}

Result<void> Reactor::restrict()
{
    io_uring_restriction allowed[] = {allow(IORING_OP_READV),     allow(IORING_OP_WRITEV),   allow(IORING_OP_FSYNC),
                                      allow(IORING_OP_FALLOCATE), allow(IORING_OP_POLL_ADD), allow(IORING_OP_POLL_REMOVE)};
    // By the bare call: Debian 12's shared liburing declares the two wrappers but does not export them.
    const auto descriptor = static_cast<unsigned>(ring_.ring_fd);
    int result = io_uring_register(descriptor, IORING_REGISTER_RESTRICTIONS, allowed, std::size(allowed));
    if (result == 0)
        result = io_uring_register(descriptor, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    if (result < 0)
        return xen::failure(result, "cannot restrict the io_uring");
    return {};
}

io_uring_sqe& Reactor::next_entry()
{
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    while (entry == nullptr) {
        (void)io_uring_submit(&ring_);  // EBUSY: the kernel makes room when completions are taken; try again
        entry = io_uring_get_sqe(&ring_);
    }
    return *entry;
}

std::uint64_t Reactor::add(const Pending& pending)
{
    if (free_.empty()) {
        pending_.push_back(pending);
        return pending_.size() - 1;
    }
    const std::uint64_t number = free_.back();
    free_.pop_back();
    pending_[number] = pending;
    return number;
}

void Reactor::start(const block::DiskOperation& operation)
{
    io_uring_sqe& entry = next_entry();
    switch (operation.kind) {
    case block::DiskOperation::Kind::read:
        io_uring_prep_readv(&entry, operation.descriptor, operation.vectors, operation.vector_count, operation.offset);
        break;
    case block::DiskOperation::Kind::write:
        io_uring_prep_writev(&entry, operation.descriptor, operation.vectors, operation.vector_count, operation.offset);
        break;
    case block::DiskOperation::Kind::sync:
        io_uring_prep_fsync(&entry, operation.descriptor, IORING_FSYNC_DATASYNC);
        break;
    case block::DiskOperation::Kind::discard:
        io_uring_prep_fallocate(&entry, operation.descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                static_cast<off_t>(operation.offset), static_cast<off_t>(operation.length));
        break;
    }
    io_uring_sqe_set_data64(&entry, add({operation.client, operation.cookie, -1}));
}

void Reactor::arm(int descriptor, Fires fires)
{
    if (std::ranges::find(armed_, descriptor, &Armed::descriptor) != armed_.end())
        return;
    io_uring_sqe& entry = next_entry();
    const std::uint64_t number = add({nullptr, 0, descriptor});
    if (fires == Fires::always)
        io_uring_prep_poll_multishot(&entry, descriptor, POLLIN);
    else
        io_uring_prep_poll_add(&entry, descriptor, POLLIN);
    io_uring_sqe_set_data64(&entry, number);
    armed_.push_back({descriptor, number});
}

void Reactor::forget(int descriptor)
{
    const auto armed = std::ranges::find(armed_, descriptor, &Armed::descriptor);
    if (armed == armed_.end())
        return;
    io_uring_sqe& entry = next_entry();
    io_uring_prep_poll_remove(&entry, armed->number);
    io_uring_sqe_set_data64(&entry, nobody);
    // The number is given back when the cancelled poll completes.
    pending_[armed->number].descriptor = -1;
    armed_.erase(armed);
    (void)io_uring_submit(&ring_);  // what is left over goes with the next round
}

Result<std::vector<int>> Reactor::wait(std::chrono::microseconds timeout)
{
    int result;
    if (timeout.count() == 0) {
        result = io_uring_submit_and_get_events(&ring_);
    } else {
        __kernel_timespec limit{};
        limit.tv_sec = timeout.count() / 1'000'000;
        limit.tv_nsec = timeout.count() % 1'000'000 * 1'000;
        io_uring_cqe* first = nullptr;
        result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
    }
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN && result != -EBUSY)
        return xen::failure(result, "cannot wait on the io_uring");
    std::vector<int> readable;
    for (unsigned i = 0; i < round_limit; ++i) {
        io_uring_cqe* first = nullptr;
        if (io_uring_peek_cqe(&ring_, &first) != 0 || first == nullptr)
            break;
        const io_uring_cqe completion = *first;
        io_uring_cqe_seen(&ring_, first);
        dispatch(completion, readable);
    }
    return readable;
}

void Reactor::dispatch(const io_uring_cqe& completion, std::vector<int>& readable)
{
    const std::uint64_t number = completion.user_data;
    if (number >= pending_.size())
        return;  // `nobody`, or an internal time-out
    const Pending done = pending_[number];
    if ((completion.flags & IORING_CQE_F_MORE) == 0) {
        free_.push_back(number);
        if (done.client == nullptr && done.descriptor >= 0)
            std::erase_if(armed_, [&](const Armed& armed) { return armed.number == number; });
    }
    if (done.client != nullptr)
        done.client->completed(done.cookie, completion.res);
    else if (done.descriptor >= 0)
        readable.push_back(done.descriptor);
}

}  // namespace rf::backd
