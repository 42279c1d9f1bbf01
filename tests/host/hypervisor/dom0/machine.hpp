// SPDX-License-Identifier: MIT
#pragma once
/// A machine without processors: memory in one array, a frame table over it, the real allocator. It takes the place of
/// whatever machine was there before and puts that back at its end.

#include "base/address_map.hpp"
#include "base/log.hpp"
#include "mm/allocator.hpp"
#include "mm/m2p.hpp"

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <vector>

namespace rf::dom0::test {

struct Ram {
    std::uint64_t start; ///< bytes; whole pages
    std::uint64_t size;
};

class Machine {
public:
    explicit Machine(std::vector<Ram> const& ram)
    {
        std::memcpy(former_allocator_, &mm::allocator, sizeof mm::allocator);
        std::uint64_t end = 0;
        for (Ram const& range : ram)
            end = std::max(end, range.start + range.size);
        frame_count_ = end >> page_shift;
        memory_bytes_ = end;
        memory_ = static_cast<std::byte*>(reserve(memory_bytes_));
        frames_ = static_cast<mm::Frame*>(reserve(frame_count_ * sizeof(mm::Frame)));
        m2p_ = static_cast<std::uint64_t*>(reserve(frame_count_ * sizeof(std::uint64_t)));
        owners_.resize(frame_count_, domid_invalid.value);
        constexpr unsigned group_shift = mm::FrameTable::group_shift;
        present_.resize((frame_count_ >> (group_shift + 6)) + 1, 0);
        address_map::fake_memory = memory_;
        address_map::m2p_writable = reinterpret_cast<std::uint64_t>(m2p_);
        mm::frames.attach(frames_, owners_.data(), Mfn{frame_count_}, present_.data());
        mm::m2p_limit = Mfn{frame_count_};
        std::destroy_at(&mm::allocator);
        std::construct_at(&mm::allocator);
        free_blocks_.resize(mm::FrameAllocator::words(Mfn{frame_count_}), 0);
        mm::allocator.attach(free_blocks_.data(), Mfn{frame_count_});
        for (std::uint64_t i = 0; i < frame_count_; ++i)
            frames_[i].state = mm::FrameState::hole;
        for (Ram const& range : ram)
            for (std::uint64_t i = range.start >> page_shift; i < (range.start + range.size) >> page_shift; ++i) {
                frames_[i].state = 0;
                present_[i >> (group_shift + 6)] |= 1ull << (i >> group_shift & 63);
            }
        lines().clear();
        log::set_sink([](log::Level level, std::string_view line) {
            if (level == log::Level::error)
                lines().emplace_back(line);
        });
    }
    ~Machine()
    {
        log::set_sink(nullptr);
        // Frames of the hypervisor stay: its heap keeps pieces of them for ever. The domain's many ones go.
        for (std::uint64_t first = 0, end = 0; first < frame_count_; first = end + 1) {
            for (end = first; end < frame_count_ && owners_[end] != domid_xen.value; ++end) {
            }
            if (end > first)
                madvise(direct(Mfn{first}), (end - first) << page_shift, MADV_DONTNEED);
        }
        munmap(frames_, frame_count_ * sizeof(mm::Frame));
        munmap(m2p_, frame_count_ * sizeof(std::uint64_t));
        std::memcpy(static_cast<void*>(&mm::allocator), former_allocator_, sizeof mm::allocator);
        mm::frames = former_frames_;
        mm::m2p_limit = former_m2p_limit_;
        address_map::fake_memory = former_memory_;
        address_map::m2p_writable = former_m2p_;
    }
    Machine(Machine const&) = delete;
    Machine& operator=(Machine const&) = delete;

    /// Error lines of the log so far.
    static std::vector<std::string>& lines()
    {
        static std::vector<std::string> lines;
        return lines;
    }
    /// Gives memory to the allocator; what is not given stays set aside, as boot does with modules.
    static void free(std::uint64_t start, std::uint64_t size) { mm::allocator.add(Mfn{start >> page_shift}, size >> page_shift); }
    [[nodiscard]] std::uint64_t frame_count() const { return frame_count_; }

private:
    static void* reserve(std::uint64_t bytes)
    {
        void* const memory =
            mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED)
            throw std::runtime_error("no address space for the fake machine");
        return memory;
    }
    alignas(mm::FrameAllocator) std::byte former_allocator_[sizeof(mm::FrameAllocator)];
    mm::FrameTable former_frames_ = mm::frames;
    Mfn former_m2p_limit_ = mm::m2p_limit;
    std::byte* former_memory_ = address_map::fake_memory;
    std::uint64_t former_m2p_ = address_map::m2p_writable;

    std::byte* memory_;
    std::uint64_t memory_bytes_;
    mm::Frame* frames_;
    std::uint64_t* m2p_;
    std::uint64_t frame_count_;
    std::vector<std::uint64_t> present_, free_blocks_;
    std::vector<std::uint16_t> owners_;
};

} // namespace rf::dom0::test
