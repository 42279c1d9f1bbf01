// SPDX-License-Identifier: MIT
#pragma once
/// Pointers by domain identifier, in chunks that appear when first needed and stay. Readers take no lock: what keeps the
/// object alive while it is used is the user's business.

#include "base/atomic.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "cpu/insn.hpp"
#include "mm/heap.hpp"

#include <array>

namespace rf::mm {

template <class T>
class IdTable {
public:
    constexpr IdTable() = default;
    /// The entry of `id`, or null.
    [[nodiscard]] T* find(DomainId id) const
    {
        std::uint64_t index = id.value;
        if (!cpu::clamp_index(index, domid_first_reserved.value))
            return nullptr;
        Chunk* chunk = chunks_[index / per_chunk].load(acquire);
        return chunk ? (*chunk)[index % per_chunk].load(acquire) : nullptr;
    }
    /// Sets the entry of `id`. Concurrent setters must exclude each other. Errno::enomem.
    [[nodiscard]] Status set(DomainId id, T* object)
    {
        Atomic<Chunk*>& slot = chunks_[id.value / per_chunk];
        if (!slot.load(acquire)) {
            void* memory = heap_allocate(sizeof(Chunk));
            if (!memory)
                return fail(Errno::enomem);
            slot.store(static_cast<Chunk*>(memory), release);
        }
        (*slot.load(acquire))[id.value % per_chunk].store(object, release);
        return {};
    }
    /// Clears an entry that was set; cannot fail because its chunk exists.
    void clear(DomainId id)
    {
        if (Chunk* chunk = chunks_[id.value / per_chunk].load(acquire))
            (*chunk)[id.value % per_chunk].store(nullptr, release);
    }

private:
    static constexpr unsigned per_chunk = page_size / sizeof(void*);
    using Chunk = std::array<Atomic<T*>, per_chunk>;
    std::array<Atomic<Chunk*>, 0x8000 / per_chunk> chunks_{};
};

} // namespace rf::mm
