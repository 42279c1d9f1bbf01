// SPDX-License-Identifier: MIT
#pragma once
/// Intrusive doubly linked list: objects carry their own links, so insertion cannot fail. The list owns nothing.

namespace rf {

struct ListLink {
    ListLink* next = nullptr;
    ListLink* previous = nullptr;
    [[nodiscard]] bool linked() const { return next != nullptr; }
};

/// List of T through the member `Member` (a ListLink).
template <class T, ListLink T::*Member>
class List {
public:
    List() { head_.next = head_.previous = &head_; }
    List(List const&) = delete;
    List& operator=(List const&) = delete;

    [[nodiscard]] bool empty() const { return head_.next == &head_; }
    [[nodiscard]] T* front() { return empty() ? nullptr : object(head_.next); }
    /// The element after `item`, or null at the end.
    [[nodiscard]] T* after(T& item)
    {
        ListLink* next = (item.*Member).next;
        return next == &head_ ? nullptr : object(next);
    }
    void push_back(T& item) { insert_between(item.*Member, *head_.previous, head_); }
    void push_front(T& item) { insert_between(item.*Member, head_, *head_.next); }
    void insert_before(T& place, T& item) { insert_between(item.*Member, *(place.*Member).previous, place.*Member); }
    static void remove(T& item)
    {
        ListLink& link = item.*Member;
        link.previous->next = link.next;
        link.next->previous = link.previous;
        link = {};
    }
    T* pop_front()
    {
        T* item = front();
        if (item)
            remove(*item);
        return item;
    }

private:
    static void insert_between(ListLink& link, ListLink& before, ListLink& after)
    {
        link.previous = &before;
        link.next = &after;
        before.next = &link;
        after.previous = &link;
    }
    static T* object(ListLink* link)
    {
        auto const offset = reinterpret_cast<unsigned long>(&(static_cast<T*>(nullptr)->*Member));
        return reinterpret_cast<T*>(reinterpret_cast<unsigned long>(link) - offset);
    }
    ListLink head_;
};

} // namespace rf
