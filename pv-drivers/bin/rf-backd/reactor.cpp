// SPDX-License-Identifier: MIT
#include "bin/rf-backd/reactor.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace rf::backd {
namespace {

constexpr unsigned submission_entries = 256;
/// Completions that nobody waits for.
constexpr std::uint64_t nobody = ~0ull;
/// Completions of packets: this and the transfer's place in its batch.
constexpr std::uint64_t first_packet = 1ull << 62;
/// The result of a packet before it has one; no system call's.
constexpr long under_way = 1L << 40;
/// A packet of fewer bytes is not worth an entry of the ring, if it is alone.
constexpr std::size_t large_packet = 2048;
/// Completions handled in one round; the rest keeps.
constexpr unsigned round_limit = 512;

/// What a system call returned, or the negative error that it left.
long outcome(long result)
{
    return result < 0 ? -errno : result;
}

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
    io_uring_restriction allowed[] = {allow(IORING_OP_READ),       allow(IORING_OP_WRITE),       allow(IORING_OP_READ_FIXED),
                                      allow(IORING_OP_WRITE_FIXED), allow(IORING_OP_FSYNC),       allow(IORING_OP_FALLOCATE),
                                      allow(IORING_OP_POLL_ADD),    allow(IORING_OP_POLL_REMOVE), allow(IORING_OP_ASYNC_CANCEL), {}};
    allowed[std::size(allowed) - 1].opcode = IORING_RESTRICTION_REGISTER_OP;
    allowed[std::size(allowed) - 1].register_op = IORING_REGISTER_BUFFERS_UPDATE;
    // By the bare call: Debian 12's shared liburing declares these wrappers but does not export them.
    const auto descriptor = static_cast<unsigned>(ring_.ring_fd);
    io_uring_rsrc_register table{};
    table.nr = static_cast<unsigned>(areas_.size());
    table.flags = IORING_RSRC_REGISTER_SPARSE;
    if (!areas_.empty() && io_uring_register(descriptor, IORING_REGISTER_BUFFERS2, &table, sizeof table) < 0)
        areas_.clear();  // an older kernel
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

Reactor::Area* Reactor::area_of(std::span<const std::byte> buffer)
{
    const auto inside = [&](const Area& area) {
        return buffer.data() >= area.bytes.data() && buffer.data() < area.bytes.data() + area.bytes.size();
    };
    const auto area = std::ranges::find_if(areas_, inside);
    return area == areas_.end() ? nullptr : &*area;
}

std::optional<int> Reactor::pinned(Area* area, std::size_t bytes)
{
    if (area == nullptr)
        return std::nullopt;
    if (area->state == Area::State::usual && (area->passed += bytes) >= area->bytes.size())
        pin(*area);
    return area->state == Area::State::pinned ? std::optional(static_cast<int>(area - areas_.data())) : std::nullopt;
}

std::size_t Reactor::pinned_areas() const
{
    return static_cast<std::size_t>(std::ranges::count(areas_, Area::State::pinned, &Area::state));
}

void Reactor::pin(Area& area)
{
    iovec memory{area.bytes.data(), area.bytes.size()};
    io_uring_rsrc_update2 update{};
    update.offset = static_cast<unsigned>(&area - areas_.data());
    update.data = reinterpret_cast<std::uintptr_t>(&memory);
    update.nr = 1;
    const int result = io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof update);
    area.state = result == 1 ? Area::State::pinned : Area::State::refused;
}

void Reactor::start(const block::DiskOperation& operation)
{
    const auto size = static_cast<unsigned>(operation.buffer.size());
    std::byte* const at = operation.buffer.data();
    const auto memory = pinned(area_of(operation.buffer), size);
    io_uring_sqe& entry = next_entry();
    switch (operation.kind) {
    case block::DiskOperation::Kind::read:
        if (memory)
            io_uring_prep_read_fixed(&entry, operation.descriptor, at, size, operation.offset, *memory);
        else
            io_uring_prep_read(&entry, operation.descriptor, at, size, operation.offset);
        break;
    case block::DiskOperation::Kind::write:
        if (memory)
            io_uring_prep_write_fixed(&entry, operation.descriptor, at, size, operation.offset, *memory);
        else
            io_uring_prep_write(&entry, operation.descriptor, at, size, operation.offset);
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

void Reactor::read(int descriptor, std::span<net::Transfer> transfers, net::ExpectedPackets expected)
{
    for (net::Transfer& transfer : transfers)
        transfer.result = -EAGAIN;
    Area* const area = area_of(transfers[0].framed);
    const auto memory = expected != net::small_packets ? pinned(area, 0) : std::nullopt;
    if (!memory) {
        for (net::Transfer& transfer : transfers) {
            transfer.result = outcome(::read(descriptor, transfer.framed.data(), transfer.framed.size()));
            if (transfer.result < 0)
                return;
            (void)pinned(area, static_cast<std::size_t>(transfer.result));
        }
        return;
    }
    // The ring waits for a packet although the descriptor does not block, and what waits must be cancelled, which is dear: behind
    // those that are expected it is asked first.
    std::size_t done = std::min(expected, transfers.size());
    read_pinned(descriptor, transfers.first(done), *memory);
    pollfd state{descriptor, POLLIN, 0};
    for (; done < transfers.size() && transfers[done - 1].result >= 0 && ::poll(&state, 1, 0) > 0; ++done)
        read_pinned(descriptor, transfers.subspan(done, 1), *memory);
}

void Reactor::read_pinned(int descriptor, std::span<net::Transfer> transfers, int memory)
{
    carry(descriptor, transfers, memory, [](io_uring_sqe* entry, int from, std::span<std::byte> buffer, int number) {
        io_uring_prep_read_fixed(entry, from, buffer.data(), static_cast<unsigned>(buffer.size()), 0, number);
    });
    // A packet may come while the one before it is being cancelled.
    std::ranges::stable_partition(transfers, [](const net::Transfer& transfer) { return transfer.result >= 0; });
}

void Reactor::write(int descriptor, std::span<net::Transfer> transfers)
{
    std::size_t bytes = 0;
    for (const net::Transfer& transfer : transfers)
        bytes += transfer.framed.size();
    const auto memory = pinned(area_of(transfers[0].framed), bytes);
    if (memory && bytes >= large_packet) {
        carry(descriptor, transfers, *memory, [](io_uring_sqe* entry, int to, std::span<std::byte> buffer, int number) {
            io_uring_prep_write_fixed(entry, to, buffer.data(), static_cast<unsigned>(buffer.size()), 0, number);
        });
        return;
    }
    for (net::Transfer& transfer : transfers)
        transfer.result = outcome(::write(descriptor, transfer.framed.data(), transfer.framed.size()));
}

void Reactor::carry(int descriptor, std::span<net::Transfer> transfers, int memory, Prepare prepare)
{
    for (std::size_t i = 0; i < transfers.size(); ++i) {
        io_uring_sqe& entry = next_entry();
        prepare(&entry, descriptor, transfers[i].framed, memory);
        io_uring_sqe_set_data64(&entry, first_packet + i);
        transfers[i].result = under_way;
    }
    int result = io_uring_submit(&ring_);
    for (std::size_t left = transfers.size(); left > 0;) {
        io_uring_cqe* first = nullptr;
        if (io_uring_peek_cqe(&ring_, &first) != 0 || first == nullptr) {
            if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY) {
                // A broken ring, as the next `wait` will tell.
                for (net::Transfer& transfer : transfers)
                    transfer.result = transfer.result == under_way ? result : transfer.result;
                return;
            }
            // Again until it has an effect: a packet that is just being tried cannot be cancelled. A cancellation always completes,
            // so this does not wait for packets.
            cancel(transfers);
            result = io_uring_submit_and_wait(&ring_, 1);
            continue;
        }
        const std::uint64_t number = first->user_data - first_packet;
        if (number < transfers.size()) {
            transfers[number].result = first->res == -ECANCELED ? -EAGAIN : first->res;
            --left;
        } else if (first->user_data != nobody) {
            late_.push_back(*first);
        }
        io_uring_cqe_seen(&ring_, first);
    }
}

void Reactor::cancel(std::span<const net::Transfer> transfers)
{
    for (std::size_t i = 0; i < transfers.size(); ++i) {
        if (transfers[i].result != under_way)
            continue;
        io_uring_sqe& entry = next_entry();
        io_uring_prep_cancel64(&entry, first_packet + i, 0);
        io_uring_sqe_set_data64(&entry, nobody);
    }
}

void Reactor::arm(int descriptor)
{
    if (std::ranges::find(armed_, descriptor, &Armed::descriptor) != armed_.end())
        return;
    io_uring_sqe& entry = next_entry();
    const std::uint64_t number = add({nullptr, 0, descriptor});
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

Result<std::span<const int>> Reactor::wait(std::chrono::microseconds timeout)
{
    int result;
    if (timeout.count() == 0 || !late_.empty()) {
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
    readable_.clear();
    for (const io_uring_cqe& completion : late_)
        dispatch(completion);
    late_.clear();
    for (unsigned i = 0; i < round_limit; ++i) {
        io_uring_cqe* first = nullptr;
        if (io_uring_peek_cqe(&ring_, &first) != 0 || first == nullptr)
            break;
        const io_uring_cqe completion = *first;
        io_uring_cqe_seen(&ring_, first);
        dispatch(completion);
    }
    return readable_;
}

void Reactor::dispatch(const io_uring_cqe& completion)
{
    const std::uint64_t number = completion.user_data;
    if (number >= pending_.size())
        return;  // `nobody`, or an internal time-out
    const Pending done = pending_[number];
    free_.push_back(number);
    if (done.client == nullptr && done.descriptor >= 0)
        std::erase_if(armed_, [&](const Armed& armed) { return armed.number == number; });
    if (done.client != nullptr)
        done.client->completed(done.cookie, completion.res);
    else if (done.descriptor >= 0)
        readable_.push_back(done.descriptor);
}

}  // namespace rf::backd
