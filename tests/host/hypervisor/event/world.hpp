// SPDX-License-Identifier: MIT
#pragma once
/// A domain as room event sees it: shared page, vCPUs, a sink that notes who was woken; and the guest's own handling of
/// events, written as a guest kernel does it: atomically, against a host that runs at the same time.

#include "event/registry.hpp"
#include "machine.hpp"

#include <array>
#include <bit>
#include <memory>
#include <vector>

namespace rf::event_tests {

using namespace rf::event;
using testing_machine::Owner;

class RecordingSink final : public Sink {
public:
    void wake(VcpuId vcpu) override { woken[vcpu].fetch_add(1); }
    unsigned take(VcpuId vcpu) { return woken[vcpu].exchange(0); }
    std::array<std::atomic<unsigned>, max_vcpus_per_domain> woken{};
};

class RecordingPirqs final : public PirqControl {
public:
    Status bind(std::uint32_t pirq, Sharing) override
    {
        if (refusal != Errno{})
            return fail(refusal);
        bound.push_back(pirq);
        return {};
    }
    void unbind(std::uint32_t pirq) override { std::erase(bound, pirq); }
    void set_affinity(std::uint32_t pirq, VcpuId vcpu) override { affinity.emplace_back(pirq, vcpu); }

    Errno refusal{};
    std::vector<std::uint32_t> bound;
    std::vector<std::pair<std::uint32_t, VcpuId>> affinity;
};

class Guest {
public:
    explicit Guest(std::uint16_t id, unsigned vcpu_count = 2, Port max_port = 0x1ffff)
        : owner(DomainId{id}), table(DomainId{id}, sink, owner.memory.structures)
    {
        shared_frame = owner.memory.allocate_shared().value();
        page = direct_as<xen::shared_info>(shared_frame);
        Status const made = table.init(page, max_port, vcpu_count);
        EXPECT_TRUE(made) << "domain " << id;
        for (VcpuId vcpu = 0; vcpu < vcpu_count; ++vcpu) {
            vcpus.push_back(std::make_unique<VcpuEvents>());
            table.attach_vcpu(vcpu, *vcpus.back());
        }
    }
    ~Guest() { close_all(); }

    void close_all()
    {
        Budget budget(1u << 20);
        EXPECT_EQ(table.close_all(budget), Progress::done);
    }
    /// Gives the FIFO ABI its pages: a control block per vCPU and `array_pages` pages of words.
    void use_fifo(unsigned array_pages = 1)
    {
        for (VcpuId vcpu = 0; vcpu < vcpus.size(); ++vcpu) {
            Mfn const frame = owner.frame();
            control.push_back(direct_as<xen::evtchn_fifo_control_block>(frame));
            ASSERT_TRUE(table.init_control(frame, 0, vcpu));
        }
        for (unsigned index = 0; index < array_pages; ++index)
            add_words();
    }
    void add_words()
    {
        Mfn const frame = owner.frame();
        words.push_back(direct_as<xen::event_word_t>(frame));
        ASSERT_TRUE(table.expand_array(frame));
    }
    [[nodiscard]] std::atomic_ref<xen::event_word_t> word(Port port)
    {
        return std::atomic_ref(words[port / Fifo::words_per_page][port % Fifo::words_per_page]);
    }
    [[nodiscard]] bool pending_bit(Port port) { return shared(page->evtchn_pending[port / 64]).load() >> port % 64 & 1; }
    [[nodiscard]] bool mask_bit(Port port) { return shared(page->evtchn_mask[port / 64]).load() >> port % 64 & 1; }
    void mask(Port port) { shared(page->evtchn_mask[port / 64]).fetch_or(1ull << port % 64); }
    void clear(Port port) { shared(page->evtchn_pending[port / 64]).fetch_and(~(1ull << port % 64)); }

    /// Takes all events of a vCPU as a guest's two-level upcall does; yields the ports in the order taken.
    std::vector<Port> take_two_level(VcpuId id);
    /// The same for the FIFO ABI: highest priority first, each queue in order.
    std::vector<Port> take_fifo(VcpuId id);

    Owner owner;
    RecordingSink sink;
    EventTable table;
    Mfn shared_frame;
    xen::shared_info* page;
    std::vector<std::unique_ptr<VcpuEvents>> vcpus;
    std::vector<xen::evtchn_fifo_control_block*> control;
    std::vector<xen::event_word_t*> words;
};

inline std::vector<Port> Guest::take_two_level(VcpuId id)
{
    std::vector<Port> taken;
    xen::vcpu_info& info = vcpus[id]->info();
    while (shared(info.evtchn_upcall_pending).exchange(0)) {
        for (std::uint64_t left = shared(info.evtchn_pending_sel).exchange(0); left; left &= left - 1) {
            unsigned const index = static_cast<unsigned>(std::countr_zero(left));
            std::uint64_t bits =
                shared(page->evtchn_pending[index]).load() & ~shared(page->evtchn_mask[index]).load();
            for (; bits; bits &= bits - 1) {
                Port const port = index * 64 + static_cast<unsigned>(std::countr_zero(bits));
                clear(port);
                taken.push_back(port);
            }
        }
    }
    return taken;
}

inline std::vector<Port> Guest::take_fifo(VcpuId id)
{
    constexpr auto unlink_mask = 1u << xen::EVTCHN_FIFO_LINKED | xen::EVTCHN_FIFO_LINK_MASK;
    std::vector<Port> taken;
    xen::vcpu_info& info = vcpus[id]->info();
    std::array<std::uint32_t, xen::EVTCHN_FIFO_MAX_QUEUES> heads{};
    while (shared(info.evtchn_upcall_pending).exchange(0)) {
        std::uint32_t ready = shared(control[id]->ready).exchange(0);
        while (ready) {
            unsigned const queue = static_cast<unsigned>(std::countr_zero(ready));
            Port port = heads[queue];
            if (port == 0)
                port = shared(control[id]->head[queue]).load();
            auto event = word(port);
            std::uint32_t seen = event.load();
            while (!event.compare_exchange_weak(seen, seen & ~unlink_mask)) {
            }
            heads[queue] = seen & xen::EVTCHN_FIFO_LINK_MASK;
            if (heads[queue] == 0)
                ready &= ~(1u << queue);
            if ((seen = event.load()) >> xen::EVTCHN_FIFO_PENDING & 1 && !(seen >> xen::EVTCHN_FIFO_MASKED & 1)) {
                event.fetch_and(~(1u << xen::EVTCHN_FIFO_PENDING));
                taken.push_back(port);
            }
            ready |= shared(control[id]->ready).exchange(0);
        }
    }
    return taken;
}

/// Expects an error value.
template <class T>
[[nodiscard]] ::testing::AssertionResult fails_with(Result<T> const& result, Errno error)
{
    if (result)
        return ::testing::AssertionFailure() << "succeeded";
    if (result.error() != error)
        return ::testing::AssertionFailure() << "error " << static_cast<int>(result.error());
    return ::testing::AssertionSuccess();
}

/// Connects a new port of `a` with a new port of `b`.
struct Link {
    Port a;
    Port b;
};
inline Link connect(Guest& a, Guest& b)
{
    Port const far = b.table.alloc_unbound(a.table.owner()).value();
    Port const near = a.table.bind_interdomain(b.table, far).value();
    return {near, far};
}

} // namespace rf::event_tests
