// SPDX-License-Identifier: MIT
#pragma once
/// The model of event channels and the random walk that compares it with the real tables, step by step.

#include "world.hpp"

#include <deque>
#include <map>
#include <random>
#include <set>

namespace rf::event_tests {

enum class Abi : std::uint8_t { two_level, fifo };

/// What one port of one domain is, said plainly.
struct ModelPort {
    std::uint32_t status = xen::EVTCHNSTAT_closed;
    unsigned far_domain = 0; ///< unbound, interdomain: index of the other domain
    std::uint32_t number = 0; ///< remote port or virq
    VcpuId vcpu = 0;
    unsigned priority = xen::EVTCHN_FIFO_PRIORITY_DEFAULT;
};

struct ModelDomain {
    std::map<Port, ModelPort> open;
    std::set<Port> pending, masked, linked;
    std::map<std::pair<VcpuId, unsigned>, std::deque<Port>> queues; ///< FIFO: by vCPU and priority
    std::map<VcpuId, std::set<Port>> selected;                      ///< two-level: what the upcall will find
};

/// Two domains, 1 and 2, at index 0 and 1.
class Walk {
public:
    static constexpr unsigned vcpu_count = 3;
    static constexpr Port max_port = 70;

    Walk(unsigned seed, Abi abi) : random_(seed), abi_(abi)
    {
        if (abi == Abi::fifo)
            for (auto& guest : guests_)
                guest->use_fifo();
    }

    void run(unsigned steps)
    {
        for (unsigned step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            one_step();
            compare_port(pick(2), pick(max_port + 1));
            if (step % 64 == 0)
                compare_everything();
        }
        compare_everything();
    }

private:
    [[nodiscard]] unsigned pick(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
    [[nodiscard]] Port some_port() { return pick(max_port + 4); }
    [[nodiscard]] ModelPort* find(unsigned domain, Port port)
    {
        auto const found = model_[domain].open.find(port);
        return found == model_[domain].open.end() ? nullptr : &found->second;
    }

    void one_step()
    {
        unsigned const domain = pick(2);
        switch (pick(16)) {
        case 0: return alloc_unbound(domain);
        case 1: return bind_interdomain(domain);
        case 2: return bind_ipi(domain);
        case 3: return bind_virq(domain);
        case 4: return close(domain);
        case 5: return bind_vcpu(domain);
        case 6: return mask(domain);
        case 7: return unmask(domain);
        case 8: return raise(domain);
        case 9: return set_priority(domain);
        case 10:
        case 11: return take(domain, pick(vcpu_count));
        case 12: return pick(400) == 0 ? reset(domain) : send(domain);
        default: return send(domain);
        }
    }

    /// The port that a new channel gets, or an error.
    [[nodiscard]] Result<Port> expected_port(unsigned domain)
    {
        for (Port port = 1; port <= max_port; ++port)
            if (!find(domain, port) && !model_[domain].linked.contains(port))
                return port;
        return fail(Errno::enospc);
    }
    void opened(unsigned domain, Result<Port> const& got, Result<Port> const& expected, ModelPort const& as)
    {
        ASSERT_EQ(got, expected);
        if (got)
            model_[domain].open[*got] = as;
    }

    void alloc_unbound(unsigned domain)
    {
        unsigned const far = pick(2);
        auto const expected = expected_port(domain);
        opened(domain, table(domain).alloc_unbound(id(far)), expected, {xen::EVTCHNSTAT_unbound, far});
    }
    void bind_interdomain(unsigned domain)
    {
        unsigned const far = pick(2);
        Port const port = some_port();
        ModelPort* remote = find(far, port);
        bool const offered = remote && remote->status == xen::EVTCHNSTAT_unbound && remote->far_domain == domain;
        Result<Port> const expected = offered ? expected_port(domain) : Result<Port>(fail(Errno::einval));
        auto const got = table(domain).bind_interdomain(table(far), port);
        opened(domain, got, expected, {xen::EVTCHNSTAT_interdomain, far, port});
        if (!got)
            return;
        remote->status = xen::EVTCHNSTAT_interdomain;
        remote->number = *got;
        set_pending(domain, *got);
    }
    void bind_ipi(unsigned domain)
    {
        VcpuId const vcpu = pick(vcpu_count + 1);
        Result<Port> const expected = vcpu < vcpu_count ? expected_port(domain) : Result<Port>(fail(Errno::enoent));
        opened(domain, table(domain).bind_ipi(vcpu), expected, {xen::EVTCHNSTAT_ipi, 0, 0, vcpu});
    }
    void bind_virq(unsigned domain)
    {
        VcpuId const vcpu = pick(vcpu_count);
        std::uint32_t const virq = pick(4); // TIMER and DEBUG per vCPU, CONSOLE and DOM_EXC global
        Result<Port> expected = expected_port(domain);
        for (auto const& [port, channel] : model_[domain].open)
            if (channel.status == xen::EVTCHNSTAT_virq && channel.number == virq && (virq > 1 || channel.vcpu == vcpu))
                expected = fail(Errno::eexist);
        if (virq > 1 && vcpu != 0)
            expected = fail(Errno::einval);
        opened(domain, table(domain).bind_virq(virq, vcpu), expected, {xen::EVTCHNSTAT_virq, 0, virq, vcpu});
    }
    void close(unsigned domain)
    {
        Port const port = some_port();
        ASSERT_EQ(table(domain).close(port).has_value(), find(domain, port) != nullptr);
        model_close(domain, port);
    }
    void model_close(unsigned domain, Port port)
    {
        ModelPort* channel = find(domain, port);
        if (!channel)
            return;
        if (channel->status == xen::EVTCHNSTAT_interdomain) {
            ModelPort& far = model_[channel->far_domain].open[channel->number];
            far.status = xen::EVTCHNSTAT_unbound;
            far.far_domain = domain;
        }
        model_[domain].pending.erase(port);
        model_[domain].open.erase(port);
    }
    void reset(unsigned domain)
    {
        Budget budget(10000);
        ASSERT_EQ(table(domain).reset(budget), Progress::done);
        for (Port port = 1; port <= max_port; ++port)
            model_close(domain, port);
        model_[domain] = {};
        ASSERT_FALSE(table(domain).uses_fifo());
        for (VcpuId vcpu = 0; vcpu < vcpu_count; ++vcpu)
            shared(guest(domain).vcpus[vcpu]->info().evtchn_upcall_pending).store(0);
        std::memset(guest(domain).page, 0, page_size);
        if (abi_ == Abi::two_level)
            return;
        guest(domain).control.clear();
        guest(domain).words.clear();
        guest(domain).use_fifo();
    }
    void bind_vcpu(unsigned domain)
    {
        Port const port = some_port();
        VcpuId const vcpu = pick(vcpu_count);
        ModelPort* channel = find(domain, port);
        bool const movable = channel && channel->status != xen::EVTCHNSTAT_ipi &&
                             !(channel->status == xen::EVTCHNSTAT_virq && channel->number <= 1);
        ASSERT_EQ(table(domain).bind_vcpu(port, vcpu).has_value(), movable);
        if (movable)
            channel->vcpu = vcpu;
    }
    void set_priority(unsigned domain)
    {
        Port const port = some_port();
        unsigned const priority = pick(16);
        ModelPort* channel = find(domain, port);
        ASSERT_EQ(table(domain).set_priority(port, priority).has_value(), abi_ == Abi::fifo && channel);
        if (abi_ == Abi::fifo && channel)
            channel->priority = priority;
    }

    void mask(unsigned domain)
    {
        Port const port = some_port();
        model_[domain].masked.insert(port);
        if (abi_ == Abi::fifo)
            guest(domain).word(port).fetch_or(1u << xen::EVTCHN_FIFO_MASKED);
        else
            guest(domain).mask(port);
    }
    void unmask(unsigned domain)
    {
        Port const port = some_port();
        ModelPort* channel = find(domain, port);
        bool const unmasked = table(domain).unmask(port).has_value();
        ASSERT_TRUE(unmasked || is_not_made(domain, port, channel));
        bool const was_masked = model_[domain].masked.contains(port);
        if (!channel)
            return;
        model_[domain].masked.erase(port);
        // The FIFO links a pending event that is not linked; the bitmaps signal only what was masked.
        if (model_[domain].pending.contains(port) && (abi_ == Abi::fifo || was_masked))
            signal(domain, port, *channel);
    }

    void send(unsigned domain)
    {
        Port const port = some_port();
        ModelPort* channel = find(domain, port);
        bool const allowed = channel && channel->status != xen::EVTCHNSTAT_virq;
        ASSERT_EQ(table(domain).send(port).has_value(), allowed);
        if (!allowed)
            return;
        if (channel->status == xen::EVTCHNSTAT_ipi)
            set_pending(domain, port);
        if (channel->status == xen::EVTCHNSTAT_interdomain)
            set_pending(channel->far_domain, channel->number);
    }
    void raise(unsigned domain)
    {
        std::uint32_t const virq = pick(4);
        VcpuId const vcpu = pick(vcpu_count);
        table(domain).raise_virq(vcpu, virq);
        for (auto const& [port, channel] : model_[domain].open)
            if (channel.status == xen::EVTCHNSTAT_virq && channel.number == virq && (virq > 1 || channel.vcpu == vcpu))
                set_pending(domain, port);
    }

    void set_pending(unsigned domain, Port port)
    {
        bool const fresh = model_[domain].pending.insert(port).second;
        if (!model_[domain].masked.contains(port) && (fresh || abi_ == Abi::fifo))
            signal(domain, port, *find(domain, port));
    }
    void signal(unsigned domain, Port port, ModelPort const& channel)
    {
        ModelDomain& model = model_[domain];
        if (abi_ == Abi::two_level)
            model.selected[channel.vcpu].insert(port / 64);
        else if (model.linked.insert(port).second)
            model.queues[{channel.vcpu, channel.priority}].push_back(port);
    }

    void take(unsigned domain, VcpuId vcpu)
    {
        auto const got = abi_ == Abi::fifo ? guest(domain).take_fifo(vcpu) : guest(domain).take_two_level(vcpu);
        ASSERT_EQ(got, abi_ == Abi::fifo ? expected_fifo(domain, vcpu) : expected_two_level(domain, vcpu));
    }
    [[nodiscard]] std::vector<Port> expected_fifo(unsigned domain, VcpuId vcpu)
    {
        ModelDomain& model = model_[domain];
        std::vector<Port> taken;
        for (unsigned priority = 0; priority < 16; ++priority) {
            auto& queue = model.queues[{vcpu, priority}];
            for (Port port : queue) {
                model.linked.erase(port);
                if (model.pending.contains(port) && !model.masked.contains(port)) {
                    model.pending.erase(port);
                    taken.push_back(port);
                }
            }
            queue.clear();
        }
        return taken;
    }
    /// The bitmaps do not say which vCPU an event is for: an upcall takes all that its selected words hold.
    [[nodiscard]] std::vector<Port> expected_two_level(unsigned domain, VcpuId vcpu)
    {
        ModelDomain& model = model_[domain];
        std::vector<Port> taken;
        for (Port port : std::set<Port>(model.pending))
            if (model.selected[vcpu].contains(port / 64) && !model.masked.contains(port)) {
                model.pending.erase(port);
                taken.push_back(port);
            }
        model.selected[vcpu].clear();
        return taken;
    }

    void compare_everything()
    {
        for (unsigned domain = 0; domain < 2; ++domain) {
            ASSERT_EQ(table(domain).open_channels(), model_[domain].open.size());
            for (Port port = 0; port <= max_port; ++port)
                compare_port(domain, port);
        }
    }
    /// Ports are made in buckets, as they are needed, and stay.
    [[nodiscard]] bool is_not_made(unsigned domain, Port port, ModelPort const* known) const
    {
        return !known && port >= channels_per_bucket && port > made_[domain];
    }
    void compare_port(unsigned domain, Port port)
    {
        SCOPED_TRACE("domain " + std::to_string(domain) + " port " + std::to_string(port));
        auto const real = table(domain).status(port);
        ModelPort const* expected = find(domain, port);
        ASSERT_TRUE(real || is_not_made(domain, port, expected));
        if (!real)
            return;
        made_[domain] = std::max(made_[domain], port);
        ASSERT_EQ(real->status, expected ? expected->status : xen::EVTCHNSTAT_closed);
        Port const ports[] = {port};
        ASSERT_EQ(table(domain).any_pending(ports), model_[domain].pending.contains(port));
        compare_memory(domain, port);
        if (!expected)
            return;
        ASSERT_EQ(real->vcpu, expected->vcpu);
        if (expected->status == xen::EVTCHNSTAT_unbound) {
            ASSERT_EQ(real->u.unbound.dom, id(expected->far_domain).value);
        }
        if (expected->status == xen::EVTCHNSTAT_virq) {
            ASSERT_EQ(real->u.virq, expected->number);
        }
        if (expected->status == xen::EVTCHNSTAT_interdomain) {
            ASSERT_EQ(real->u.interdomain.dom, id(expected->far_domain).value);
            ASSERT_EQ(real->u.interdomain.port, expected->number);
        }
    }

    /// The same once more as the guest sees it, in the memory that it shares.
    void compare_memory(unsigned domain, Port port)
    {
        ModelDomain const& model = model_[domain];
        if (abi_ == Abi::two_level) {
            ASSERT_EQ(guest(domain).pending_bit(port), model.pending.contains(port));
            ASSERT_EQ(guest(domain).mask_bit(port), model.masked.contains(port));
            return;
        }
        xen::event_word_t const word = guest(domain).word(port).load();
        ASSERT_EQ(word >> xen::EVTCHN_FIFO_PENDING & 1, model.pending.contains(port));
        ASSERT_EQ(word >> xen::EVTCHN_FIFO_MASKED & 1, model.masked.contains(port));
        ASSERT_EQ(word >> xen::EVTCHN_FIFO_LINKED & 1, model.linked.contains(port));
    }

    [[nodiscard]] static DomainId id(unsigned domain) { return DomainId{static_cast<std::uint16_t>(domain + 1)}; }
    [[nodiscard]] Guest& guest(unsigned domain) { return *guests_[domain]; }
    [[nodiscard]] EventTable& table(unsigned domain) { return guests_[domain]->table; }

    std::mt19937 random_;
    Abi abi_;
    std::array<Port, 2> made_{}; ///< highest port that was seen to exist
    std::array<std::unique_ptr<Guest>, 2> guests_{std::make_unique<Guest>(1, vcpu_count, max_port),
                                                  std::make_unique<Guest>(2, vcpu_count, max_port)};
    std::array<ModelDomain, 2> model_;
};

} // namespace rf::event_tests
