// SPDX-License-Identifier: MIT
#pragma once
/// Memory for the hypervisor's own objects: size classes carved out of frames, page multiples straight from the
/// allocator. Memory is zeroed. Allocation may fail and the caller must say what then.

#include "base/result.hpp"

#include <cstddef>
#include <new>
#include <utility>

namespace rf::mm {

/// `bytes` of zeroed memory, null when memory is short. Up to 2 KiB take the next power of two and are aligned to it, more
/// take whole pages.
[[nodiscard]] void* heap_allocate(std::size_t bytes);
void heap_release(void* memory, std::size_t bytes);

/// Owner of one heap object.
template <class T>
class Box {
public:
    Box() = default;
    Box(Box&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Box& operator=(Box&& other) noexcept
    {
        Box old{std::move(*this)};
        object_ = std::exchange(other.object_, nullptr);
        return *this;
    }
    ~Box()
    {
        if (object_) {
            object_->~T();
            heap_release(object_, sizeof(T));
        }
    }
    /// Builds a T in fresh memory. Errno::enomem.
    template <class... Arguments>
    [[nodiscard]] static Result<Box> make(Arguments&&... arguments)
    {
        void* memory = heap_allocate(sizeof(T));
        if (!memory)
            return fail(Errno::enomem);
        Box box;
        box.object_ = ::new (memory) T(std::forward<Arguments>(arguments)...);
        return box;
    }
    /// Takes over an object that release() gave away.
    [[nodiscard]] static Box adopt(T* object)
    {
        Box box;
        box.object_ = object;
        return box;
    }
    /// Gives ownership away.
    [[nodiscard]] T* release() { return std::exchange(object_, nullptr); }
    [[nodiscard]] T* get() const { return object_; }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }

private:
    T* object_ = nullptr;
};

/// Owner of an array of `count` zeroed objects of a trivial type.
template <class T>
class Array {
public:
    Array() = default;
    Array(Array&& other) noexcept
        : items_(std::exchange(other.items_, nullptr)), count_(std::exchange(other.count_, 0))
    {
    }
    Array& operator=(Array&& other) noexcept
    {
        std::swap(items_, other.items_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~Array()
    {
        if (items_)
            heap_release(items_, count_ * sizeof(T));
    }
    /// Errno::enomem.
    [[nodiscard]] static Result<Array> make(std::size_t count)
    {
        Array array;
        array.items_ = static_cast<T*>(heap_allocate(count * sizeof(T)));
        if (!array.items_)
            return fail(Errno::enomem);
        array.count_ = count;
        return array;
    }
    [[nodiscard]] std::size_t size() const { return count_; }
    T& operator[](std::size_t index) const { return items_[index]; }
    [[nodiscard]] T* data() const { return items_; }
    explicit operator bool() const { return items_ != nullptr; }

private:
    T* items_ = nullptr;
    std::size_t count_ = 0;
};

} // namespace rf::mm
