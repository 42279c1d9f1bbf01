// SPDX-License-Identifier: MIT
#pragma once
/// Recomputes every reference and type count of the machine from its holders and compares. A second opinion on pvmmu/, mm/
/// and grant/: it shares no code with them but the layout of words, and it believes a frame's own word only about pins and
/// about how far a table is validated.
///
/// Nothing may change meanwhile. Time is linear in the frames and in the entries of tables; no recursion: tables are
/// walked one level after the other, top first, because uses of a level come only from the level above, roots and pins.

#include "audit/realm.hpp"
#include "pvmmu/entry.hpp"

namespace rf::audit {

class Auditor {
public:
    Auditor(std::span<Account> accounts, Realm& realm, Findings& findings)
        : ledger_(accounts), realm_(realm), findings_(findings)
    {
    }
    /// The whole audit. True when nothing was found.
    [[nodiscard]] bool run();
    /// Page tables seen, and present entries in them.
    [[nodiscard]] std::uint64_t tables() const { return tables_; }
    [[nodiscard]] std::uint64_t entries() const { return entries_; }

private:
    void enter_states();
    void walk_level(unsigned level);
    void walk_table(Mfn table, unsigned level);
    void enter_table_entry(Owner const& owner, Mfn table, unsigned level, pvmmu::Entry entry);
    void enter_leaf(Owner const& owner, Mfn table, pvmmu::Entry entry);
    void check_hypervisor_slots(Owner const& owner, Mfn table);
    void check_view(Realm::View const& view);
    void compare();
    void compare_counts(Mfn mfn, mm::Frame const& frame);
    void expect(std::string_view what, Mfn frame, std::uint64_t stored, std::uint64_t counted);
    void complain(std::string_view what, Mfn frame, std::uint64_t stored = 0, std::uint64_t counted = 0);

    Ledger ledger_;
    Realm& realm_;
    Findings& findings_;
    Realm::Totals seen_;
    Mfn first_{0}, end_{0}; ///< all frames in any use lie between
    std::uint64_t tables_ = 0;
    std::uint64_t entries_ = 0;
    bool clean_ = true;
};

} // namespace rf::audit
