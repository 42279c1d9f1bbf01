// SPDX-License-Identifier: MIT
#include "audit/machine_audit.hpp"

#include "audit/auditor.hpp"
#include "audit/domains.hpp"
#include "base/log.hpp"
#include "cpu/ipi.hpp"
#include "cpu/tlb.hpp"
#include "dev/command_line.hpp"
#include "dev/console.hpp"
#include "domain/teardown.hpp"
#include "mm/frame_table.hpp"
#include "mm/heap.hpp"

namespace rf::audit {
namespace {

constexpr unsigned most_lines = 32;

class Lines final : public Findings {
public:
    void add(Finding const& finding) override
    {
        if (++count_ > most_lines)
            return;
        log::Line about;
        if (finding.frame.valid())
            describe(about, finding.frame);
        log::error("audit: ", finding.what, about.text(), ": stored ", log::Hex{finding.stored}, ", counted ",
                   log::Hex{finding.counted});
    }
    [[nodiscard]] std::uint64_t count() const { return count_; }

private:
    static void describe(log::Line& line, Mfn mfn)
    {
        line.put(", frame ");
        line.put(mfn);
        if (mm::Frame const* frame = mm::frames.find(mfn)) {
            line.put(" of ");
            line.put(frame->owner_id());
            line.put(" in state ");
            line.put(log::Hex{frame->load().word()});
        }
    }
    std::uint64_t count_ = 0;
};

/// All CPUs meet here: one audits, the others wait. They come from guests, from idling or from waiting for a call, so they
/// hold nothing.
struct Meeting {
    CpuId auditor;
    unsigned expected;
    std::span<Account> accounts;
    Atomic<unsigned> arrived{0};
    Atomic<bool> over{false};
};

void audit(std::span<Account> accounts)
{
    Lines lines;
    Domains domains;
    Auditor auditor(accounts, domains, lines);
    if (auditor.run())
        log::info("audit: clean: ", accounts.size(), " frames, ", auditor.tables(), " page tables, ", auditor.entries(),
                  " entries");
    else
        log::error("audit: FAILED: ", lines.count(), " differences");
}

void meet(void* argument)
{
    auto& meeting = *static_cast<Meeting*>(argument);
    if (cpu::current_id() != meeting.auditor) {
        meeting.arrived.fetch_add(1, acq_rel);
        while (!meeting.over.load(acquire))
            cpu::relax();
        return;
    }
    while (meeting.arrived.load(acquire) != meeting.expected)
        cpu::relax();
    audit(meeting.accounts);
    meeting.over.store(true, release);
}

} // namespace

void run_on_machine()
{
    static constinit Atomic<bool> running{false};
    if (running.exchange(true, acq_rel))
        return; // another CPU's audit sees the same
    auto const accounts = mm::Array<Account>::make(mm::frames.limit().value);
    if (!accounts) {
        log::warning("audit: not enough free memory for it");
    } else {
        CpuMask const everybody = cpu::online();
        Meeting meeting{cpu::current_id(), everybody.count() - 1, {accounts->data(), accounts->size()}};
        cpu::call_on(everybody, meet, &meeting);
    }
    running.store(false, release);
}

void enable()
{
    dev::console::register_key('a', "audits the counts of all frames", run_on_machine);
    if (dev::options.audit)
        domain::set_after_reap(run_on_machine);
}

} // namespace rf::audit
