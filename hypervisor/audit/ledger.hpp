// SPDX-License-Identifier: MIT
#pragma once
/// What the counts of each frame should be, as far as the audit has found holders.

#include "mm/frame.hpp"

#include <cstdint>
#include <span>

namespace rf::audit {

/// One frame's account.
struct Account {
    std::uint32_t references = 0;   ///< holders found
    std::uint32_t uses = 0;         ///< of them, uses as `kind`
    std::uint32_t grants = 0;       ///< of them, grants that some domain has mapped
    mm::FrameType kind = mm::FrameType::none;
    bool mixed = false;             ///< found in use as two kinds at once
};

/// Something that is not as it must be. `what` is a constant text.
struct Finding {
    std::string_view what;
    Mfn frame;
    std::uint64_t stored = 0;  ///< as the frame, the table or the domain says
    std::uint64_t counted = 0; ///< as the audit finds
};

/// Receives findings.
class Findings {
public:
    virtual void add(Finding const& finding) = 0;

protected:
    ~Findings() = default;
};

/// The accounts of all frames, by frame number.
class Ledger {
public:
    /// `accounts` are zeroed and reach to the end of RAM.
    explicit Ledger(std::span<Account> accounts) : accounts_(accounts) {}

    /// Somebody holds a reference only (read-only mappings).
    void reference(Mfn mfn)
    {
        if (mfn.value < accounts_.size())
            ++accounts_[mfn.value].references;
    }
    /// Somebody uses the frame as `kind`, which includes a reference.
    void use(Mfn mfn, mm::FrameType kind)
    {
        if (mfn.value >= accounts_.size())
            return;
        Account& account = accounts_[mfn.value];
        ++account.references;
        account.mixed = account.mixed || (account.uses && account.kind != kind);
        account.kind = kind;
        ++account.uses;
    }
    /// A mapped grant: a reference, and a writable use unless it is read-only.
    void grant(Mfn mfn, bool writable)
    {
        if (writable)
            use(mfn, mm::FrameType::writable);
        else
            reference(mfn);
        if (mfn.value < accounts_.size())
            ++accounts_[mfn.value].grants;
    }
    [[nodiscard]] Account const& operator[](Mfn mfn) const { return accounts_[mfn.value]; }
    [[nodiscard]] std::uint64_t size() const { return accounts_.size(); }

private:
    std::span<Account> accounts_;
};

} // namespace rf::audit
