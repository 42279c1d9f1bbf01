// SPDX-License-Identifier: MIT
#pragma once
/// Memory for the hypervisor's own objects: size classes carved out of frames, page multiples straight from the
/// allocator. Memory is zeroed. Allocation may fail and the caller must say what then.

#include "base/result.hpp"
#include "mm/account.hpp"

#include <cstddef>
#include <new>
#include <utility>

namespace rf::mm {

/// `bytes` of zeroed memory, null when memory is short. Up to 2 KiB take the next power of two and are aligned to it, more
/// take whole pages.
[[nodiscard]] void* heap_allocate(std::size_t bytes);
void heap_release(void* memory, std::size_t bytes);
/// Bytes that an object of `bytes` takes of the machine's memory.
[[nodiscard]] std::uint64_t heap_footprint(std::size_t bytes);

/// For the owners below: from an account, or charged to nobody.
[[nodiscard]] inline void* heap_allocate_for(Account* account, std::size_t bytes)
{
    return account ? account->allocate(bytes) : heap_allocate(bytes);
}
inline void heap_release_for(Account* account, void* memory, std::size_t bytes)
{
    account ? account->release(memory, bytes) : heap_release(memory, bytes);
}

/// Owner of one heap object. The account that it is charged to, if any, outlives it.
template <class T>
class Box {
public:
    Box() = default;
    Box(Box&& other) noexcept : object_(std::exchange(other.object_, nullptr)), account_(other.account_) {}
    Box& operator=(Box&& other) noexcept
    {
        Box old{std::move(*this)};
        object_ = std::exchange(other.object_, nullptr);
        account_ = other.account_;
        return *this;
    }
    ~Box()
    {
        if (object_) {
            object_->~T();
            heap_release_for(account_, object_, sizeof(T));
        }
    }
    /// Builds a T in fresh memory. Errno::enomem.
    template <class... Arguments>
    [[nodiscard]] static Result<Box> make(Arguments&&... arguments)
    {
        return build(nullptr, std::forward<Arguments>(arguments)...);
    }
    /// The same, charged to `account`. Errno::enomem: it has no room either.
    template <class... Arguments>
    [[nodiscard]] static Result<Box> make_for(Account& account, Arguments&&... arguments)
    {
        return build(&account, std::forward<Arguments>(arguments)...);
    }
    /// Takes over an object that release() gave away, and that was charged to `account`.
    [[nodiscard]] static Box adopt(T* object, Account* account = nullptr)
    {
        Box box;
        box.object_ = object;
        box.account_ = account;
        return box;
    }
    /// Gives ownership away.
    [[nodiscard]] T* release() { return std::exchange(object_, nullptr); }
    [[nodiscard]] T* get() const { return object_; }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }

private:
    template <class... Arguments>
    [[nodiscard]] static Result<Box> build(Account* account, Arguments&&... arguments)
    {
        void* memory = heap_allocate_for(account, sizeof(T));
        if (!memory)
            return fail(Errno::enomem);
        return adopt(::new (memory) T(std::forward<Arguments>(arguments)...), account);
    }
    T* object_ = nullptr;
    Account* account_ = nullptr;
};

/// Owner of an array of `count` zeroed objects of a trivial type.
template <class T>
class Array {
public:
    Array() = default;
    Array(Array&& other) noexcept
        : items_(std::exchange(other.items_, nullptr)), count_(std::exchange(other.count_, 0)), account_(other.account_)
    {
    }
    Array& operator=(Array&& other) noexcept
    {
        std::swap(items_, other.items_);
        std::swap(count_, other.count_);
        std::swap(account_, other.account_);
        return *this;
    }
    ~Array()
    {
        if (items_)
            heap_release_for(account_, items_, count_ * sizeof(T));
    }
    /// Charged to `account`, which outlives it, or to nobody. Errno::enomem.
    [[nodiscard]] static Result<Array> make(std::size_t count, Account* account = nullptr)
    {
        Array array;
        array.items_ = static_cast<T*>(heap_allocate_for(account, count * sizeof(T)));
        array.account_ = account;
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
    Account* account_ = nullptr;
};

} // namespace rf::mm
