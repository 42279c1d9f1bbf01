// SPDX-License-Identifier: MIT
#pragma once
/// A domain: the composition of the rooms below. Members are built top to bottom and torn down bottom to top.
///
/// Life: created (holding one controller pause) -> running -> shut down and/or dying -> dead when its last frame is free
/// and the last DomainRef is gone. A Domain is found only through DomainTable and held only through DomainRef.

#include "base/cpu_mask.hpp"
#include "base/rights.hpp"
#include "base/spinlock.hpp"
#include "cpu/insn.hpp"
#include "dev/pirq.hpp"
#include "domain/descriptor_windows.hpp"
#include "domain/teardown.hpp"
#include "event/table.hpp"
#include "grant/table.hpp"
#include "mm/domain_memory.hpp"
#include "mm/heap.hpp"
#include "pvcpu/cpuid_policy.hpp"
#include "pvmmu/space.hpp"
#include "sched/group.hpp"
#include "time/vcpu_time.hpp"
#include "xen/memory.h"
#include "xen/shared_info.h"

namespace rf::domain {

class Vcpu;

enum class Role : std::uint8_t { guest, control };
/// Domain::shutdown_code while there is none.
inline constexpr std::uint32_t no_shutdown_code = ~0u;

enum class LifeState : std::uint8_t { alive, dying, dead };

/// What createdomain or the boot code decides.
struct Configuration {
    Role role = Role::guest;
    unsigned max_vcpus = 1;
    std::uint32_t max_event_port = 0x1ffff;
    std::uint32_t max_grant_frames = 64;
    std::uint32_t max_maptrack_frames = 1024;
    std::array<std::uint8_t, 16> handle{};
    std::uint32_t security_id = 0;
};

class Domain final : public event::Sink, public event::PirqControl, public dev::PirqSink {
public:
    [[nodiscard]] static Result<mm::Box<Domain>> create(DomainId id, Configuration const& configuration);
    ~Domain();

    [[nodiscard]] DomainId id() const { return id_; }
    [[nodiscard]] bool is_control() const { return role_ == Role::control; }
    [[nodiscard]] unsigned vcpu_limit() const { return max_vcpus_; }
    /// The vCPU, or null when it was not created.
    [[nodiscard]] Vcpu* vcpu(VcpuId id) const { return cpu::clamp_index(id, max_vcpus_) ? vcpus_[id].load(acquire) : nullptr; }
    /// Creates vCPU `id` (down, without context). Errno::einval, Errno::eexist, Errno::enomem.
    [[nodiscard]] Status create_vcpu(VcpuId id);
    template <class Function>
    void for_each_vcpu(Function function) const
    {
        for (VcpuId id = 0; id < max_vcpus_; ++id)
            if (Vcpu* vcpu = vcpus_[id].load(acquire))
                function(*vcpu);
    }

    // event::Sink
    void wake(VcpuId vcpu) override;
    // event::PirqControl: the domain's event channels over its interrupt table
    [[nodiscard]] Status bind(std::uint32_t pirq, event::Sharing sharing) override;
    void unbind(std::uint32_t pirq) override;
    void set_affinity(std::uint32_t pirq, VcpuId vcpu) override;
    // dev::PirqSink
    void pirq_fired(unsigned pirq) override;

    /// Counting pause by the controller; the pausing caller waits until no vCPU runs. Takes control_lock, and waits without.
    void pause();
    /// Undoes one pause. The caller holds control_lock.
    void unpause();
    /// The guest (or a crash) ended itself: vCPUs stop, the controller hears VIRQ_DOM_EXC. For Dom0: the machine ends.
    void shutdown(unsigned reason);
    /// Cancels a shutdown (XEN_DOMCTL_resumedomain).
    void resume();
    /// Ends the domain because of its own fault; logs `why` with the registers of the current vCPU.
    void crash(std::string_view why);

    /// How this domain wants its runstate areas written.
    [[nodiscard]] time::RunstateProtocol runstate_protocol() const;

    /// I/O ports, device memory, interrupts that it may touch.
    [[nodiscard]] Rights const& rights() const { return *space.rights.load(acquire); }
    /// The same to be changed; most domains have none, and no memory for them. Errno::enomem. Needs control_lock.
    [[nodiscard]] Result<Rights*> own_rights();
    /// What CPUID tells it: at first what its role is told.
    [[nodiscard]] pvcpu::CpuidPolicy const& cpuid_policy() const { return *cpuid_policy_; }
    /// While its vCPUs are paused; needs control_lock.
    void set_cpuid_policy(mm::Box<pvcpu::CpuidPolicy> policy);

    [[nodiscard]] xen::shared_info* shared_info() const { return shared_info_; }
    [[nodiscard]] Mfn shared_info_frame() const { return shared_info_frame_; }

    Spinlock control_lock{LockRank::domain_control};
    sched::Group group;           ///< scheduling parameters
    mm::DomainMemory memory;      ///< frames owned
    pvmmu::Space space;           ///< page tables and types
    event::EventTable events;
    grant::GrantTable grants;
    dev::PirqTable pirqs;

    std::array<std::uint8_t, 16> handle{};
    std::uint32_t security_id = 0;
    Atomic<std::uint64_t> assists{0};       ///< vm_assist bits
    Atomic<std::int32_t> controller_pauses{0};
    Atomic<LifeState> life{LifeState::alive};
    Atomic<bool> is_shut_down{false};
    Atomic<std::uint32_t> shutdown_code{no_shutdown_code}; ///< SHUTDOWN_*, or none noted yet
    Atomic<std::uint32_t> references{1};
    std::int64_t time_offset_seconds = 0;
    /// CPUs that have an address space of this domain loaded: only their TLBs may hold its entries.
    [[nodiscard]] CpuMask loaded_on() const { return CpuMask{loaded_on_.load(acquire)}; }
    void mark_loaded(CpuId cpu) { loaded_on_.fetch_or(1ull << cpu, acq_rel); }
    void mark_unloaded(CpuId cpu) { loaded_on_.fetch_and(~(1ull << cpu), acq_rel); }
    DescriptorWindows windows{memory.structures}; ///< the per-domain area: descriptor tables of each vCPU
    Teardown teardown;                      ///< how far destruction has come
    mm::Array<xen::e820entry> memory_map;   ///< given by XENMEM_set_memory_map
    static constexpr std::uint32_t most_map_entries = 128; ///< of memory_map
    std::uint32_t creation_number = 0;      ///< never reused, unlike the id

private:
    Atomic<std::uint64_t> loaded_on_{0};
    Domain(DomainId id, Configuration const& configuration);
    [[nodiscard]] Status build(Configuration const& configuration);
    template <class T>
    friend class mm::Box;

    DomainId id_;
    Role role_;
    unsigned max_vcpus_;
    std::array<Atomic<Vcpu*>, max_vcpus_per_domain> vcpus_{};
    pvcpu::CpuidPolicy const* cpuid_policy_;
    mm::Box<pvcpu::CpuidPolicy> own_policy_;
    mm::Box<Rights> own_rights_;
    Mfn shared_info_frame_;
    xen::shared_info* shared_info_ = nullptr;
};

} // namespace rf::domain
