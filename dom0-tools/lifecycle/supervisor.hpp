// SPDX-License-Identifier: MIT
#pragma once
/// rfd's judgement and its deeds. `look` compares the domains there are with the records and says what is to be done;
/// `carry_out` does one such thing and may take seconds, so rfd runs it on a worker thread with a session of its own.
/// Both may be repeated at will: what is already done is not found to be needed.

#include <set>
#include <string>
#include <vector>

#include "lifecycle/domain_list.hpp"
#include "lifecycle/record_cache.hpp"
#include "lifecycle/state_directory.hpp"

namespace rf::lifecycle {

struct Task {
    enum class Kind {
        handle_end,     ///< the domain has shut down: do what its definition says
        finish_destroy, ///< it is being destroyed, or its builder died: remove it
        remove_traces,  ///< it is gone: remove what it left
        forget,         ///< the record is of a domain whose number another one has now
        start_backend,  ///< its devices want a backend process
        restart,        ///< it was to be created anew, and whoever did that died
    };
    Kind kind{};
    xen::DomainId domain;      ///< not for restart
    config::Uuid uuid{};       ///< for restart and handle_end
    friend bool operator==(const Task&, const Task&) = default;
    friend auto operator<=>(const Task&, const Task&) = default;
};

/// Whether one must wait for the other. Handling an end may create the domain anew, as does `restart`.
[[nodiscard]] bool exclude_each_other(const Task& one, const Task& other);

class Supervisor {
public:
    Supervisor(StateDirectory state, std::string backend_program)
        : state_(std::move(state)), backend_program_(std::move(backend_program))
    {
    }

    /// `changes`: only at domains of which the hypervisor says something else than at the last look, and at those that were not in
    /// order then. What it cannot see (a dead builder, a backend that ended, what the dead have left) waits for a look at `all`.
    enum class Extent { changes, all };
    /// Only one thread looks; it may while others carry out.
    [[nodiscard]] Result<std::vector<Task>> look(Session& session, Extent extent);
    [[nodiscard]] Result<void> carry_out(Session& session, const Task& task) const;

    /// The part of `look` that is a pure comparison. `is_locked` tells whether somebody works on the domain, `has_backend`
    /// whether its process runs.
    struct Sight {
        DomainRecord record;
        bool exists = false;
        bool same_uuid = false;
        bool dying = false;
        bool shut_down = false;
        bool locked = false;
        bool wants_backend = false;
        bool has_backend = false;
    };
    [[nodiscard]] static std::optional<Task> judge(const Sight& sight);
    /// Whether a domain that was to be created anew has been: what noted that is a leftover.
    [[nodiscard]] static bool restart_is_over(const Sight& sight);

private:
    [[nodiscard]] Result<std::optional<Sight>> sight_of(Session& session, xen::DomainId id) const;
    [[nodiscard]] Result<void> handle_end(Session& session, xen::DomainId id) const;
    [[nodiscard]] Result<void> restart(Session& session, DomainRecord record) const;
    [[nodiscard]] Result<void> set_aside(Session& session, DomainRecord record) const;

    using Info = ::xen::xen_domctl_getdomaininfo;

    [[nodiscard]] bool is_settled(const Sight& seen, const DomainRecord& record) const;
    [[nodiscard]] std::vector<xen::DomainId> changed_since(const std::vector<Info>& domains) const;
    [[nodiscard]] std::optional<Task> judge_now(xen::DomainId id, const Info* info);
    void look_at_restarts(const std::vector<Info>& domains, std::vector<Task>& tasks);

    StateDirectory state_;
    std::string backend_program_;
    // Only for `look`:
    RecordCache records_;
    std::vector<Info> seen_;             ///< at the last look; numbers rise
    std::set<xen::DomainId> unsettled_;  ///< with a record, and not in order at the last look
};

}  // namespace rf::lifecycle
