// SPDX-License-Identifier: MIT
#pragma once
/// The domains of the machine, for the audit. All of them stand still while it is used.

#include "audit/realm.hpp"

namespace rf::audit {

class Domains final : public Realm {
public:
    [[nodiscard]] Owner const* find(DomainId id) override;
    void enter_holders(Ledger& ledger) override;
    [[nodiscard]] Totals totals() override;
    void for_each_view(void (*see)(View const&, void* argument), void* argument) override;

private:
    DomainId found_id_; ///< of found_ once it is set; frames of one domain lie together
    Owner found_;
};

} // namespace rf::audit
