// SPDX-License-Identifier: MIT
#pragma once
/// The kernel's event-channel device between two processes, as Linux keeps it: a queue of ports that fired. Whoever polls is
/// woken when a port comes into a queue that the device takes for empty; a read that is still copying out has not emptied it yet.
/// A port that fired is masked until it is written to the device.

#include <array>
#include <atomic>
#include <cstring>
#include <new>
#include <span>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

namespace rf::test {

class EventDevice {
public:
    static constexpr std::uint32_t ports = 128, no_port = ports;

    EventDevice()
        : shared_(new(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared{})
    {
    }
    EventDevice(const EventDevice&) = delete;
    EventDevice& operator=(const EventDevice&) = delete;
    ~EventDevice()
    {
        ::close(descriptor);
        ::munmap(shared_, sizeof(Shared));
    }

    /// To be polled; the device's own reads and writes go by the functions below.
    const int descriptor = ::eventfd(0, EFD_NONBLOCK);

    void raise(std::uint32_t port)
    {
        const Held held(shared_->lock);
        fire(port);
    }
    /// `port` fires in the midst of the next read.
    void raise_during_read(std::uint32_t port) { shared_->during_read = port; }

    [[nodiscard]] long read(std::span<std::byte> to)
    {
        const std::uint32_t end = shared_->put.load();
        std::uint32_t next = shared_->taken.load();
        if (next == end)
            return -EAGAIN;
        std::size_t bytes = 0;
        for (; next != end && bytes + sizeof next <= to.size(); ++next, bytes += sizeof next)
            std::memcpy(to.data() + bytes, &shared_->queue[next % ports], sizeof next);
        if (const std::uint32_t port = shared_->during_read.exchange(no_port); port != no_port)
            raise(port);
        const Held held(shared_->lock);
        shared_->taken = next;
        std::uint64_t wakes = 0;
        if (next == shared_->put.load())
            (void)!::read(descriptor, &wakes, sizeof wakes);
        return static_cast<long>(bytes);
    }
    [[nodiscard]] long write(std::span<const std::byte> from)
    {
        const Held held(shared_->lock);
        for (std::uint32_t port = 0, at = 0; at + sizeof port <= from.size(); at += sizeof port) {
            std::memcpy(&port, from.data() + at, sizeof port);
            shared_->masked[port] = false;
            if (std::exchange(shared_->latched[port], false))
                fire(port);
        }
        return static_cast<long>(from.size());
    }

private:
    struct Shared {
        std::atomic_flag lock;  ///< the fields from `masked` on, and whoever puts
        std::atomic<std::uint32_t> put = 0, taken = 0, during_read = no_port;
        std::array<std::uint32_t, ports> queue{};
        std::array<bool, ports> masked{}, latched{};
    };
    struct Held {
        std::atomic_flag& lock;
        explicit Held(std::atomic_flag& flag) : lock(flag)
        {
            while (lock.test_and_set())
                ;
        }
        ~Held() { lock.clear(); }
    };

    void fire(std::uint32_t port)
    {
        if (std::exchange(shared_->masked[port], true)) {
            shared_->latched[port] = true;
            return;
        }
        shared_->queue[shared_->put % ports] = port;
        const std::uint64_t wake = 1;
        if (shared_->put++ == shared_->taken.load())
            (void)!::write(descriptor, &wake, sizeof wake);
    }

    Shared* shared_;
};

}  // namespace rf::test
