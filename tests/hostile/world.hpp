// SPDX-License-Identifier: MIT
#pragma once
/// What a hostile guest plays with: chance, pages it can afford to lose, and numbers that have hurt hypervisors before.
///
/// The guest keeps its own code, stack and page tables out of most games, so that it lives long enough to do harm; what it
/// changes of itself it puts back. Nothing here is checked by the guest for the hypervisor's sake. Two vCPUs walk over the same
/// pages, without any locks: what they do to each other is the hypervisor's to survive.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime.hpp"
#include "xen/domid.h"
#include "xen/mmu.h"

/// Where an attempt goes on after an exception (attempt.S).
extern "C" const char attempt_recover[];

namespace rf::hostile {

/// SplitMix64: one word of state, good enough to be nasty, and repeatable from its seed.
class Random {
public:
    explicit constexpr Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next();
    /// A number below `bound`, which is not 0.
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }
    /// True once in `times`.
    bool once_in(std::uint64_t times) { return below(times) == 0; }

private:
    std::uint64_t state_;
};

/// What both vCPUs play with: the pages, and the tables that the guest lives by.
class Ground {
public:
    static constexpr unsigned scratch_pages = 48;

    /// Takes the scratch pages. Call once.
    void initialise();

    [[nodiscard]] std::byte* scratch(unsigned number) const { return pages_[number]; }
    [[nodiscard]] std::uint64_t scratch_frame(unsigned number) const { return __atomic_load_n(&frames_[number], __ATOMIC_ACQUIRE); }
    /// ~0: none for now.
    void set_scratch_frame(unsigned number, std::uint64_t frame);

    /// The frame of one of the tables that the guest was born with; 0 is the top one.
    [[nodiscard]] static std::uint64_t table_frame(std::uint64_t number);
    /// Whether the frame is one of those.
    [[nodiscard]] static bool is_live_table(std::uint64_t frame);
    /// The level-1 entry that maps an address of the builder's window, as it is now.
    [[nodiscard]] static const volatile std::uint64_t* live_entry(const void* address);
    /// Where that entry lies in the machine.
    [[nodiscard]] static std::uint64_t live_entry_address(const void* address);

    /// Says on the console that the hypervisor allowed what it must not; another vCPU than the first has it said.
    void breach(std::string_view what, std::uint64_t detail);
    /// The first vCPU says what others have found.
    void tell_breaches();

private:
    void say_breach(std::string_view what, std::uint64_t detail);

    std::array<std::byte*, scratch_pages> pages_{};
    std::array<std::uint64_t, scratch_pages> frames_{};
    std::atomic<bool> found_{false};  ///< what_ and detail_ wait for the first vCPU
    std::string_view what_;
    std::uint64_t detail_ = 0;
};

extern Ground ground;

/// One vCPU's walk: its chance, its arguments, what became of its attempts.
class World {
public:
    static constexpr unsigned argument_words = 1024;

    /// Call once.
    void initialise(std::uint64_t seed);

    Random random{0};
    std::uint64_t operations = 0;
    std::uint64_t faults = 0;         ///< attempts that ended in an exception
    std::uint64_t accepted = 0;       ///< hypercalls that did not answer with an error
    std::uint64_t races = 0;          ///< hypercalls whose arguments the other vCPU changed meanwhile
    std::uint64_t attempt_stack = 0;  ///< stack pointer to go on with after an exception; 0 outside attempts

    /// A number out of those that are most often forgotten.
    std::uint64_t value();
    /// A frame number: of a scratch page, of a live table, of somebody else, or no frame at all.
    std::uint64_t frame();
    /// A frame that is neither ours nor nobody's.
    std::uint64_t foreign_frame();
    /// A page-table entry with such a frame.
    std::uint64_t entry();
    /// An address to hand to a hypercall: mostly the argument page, filled with such numbers.
    std::uint64_t arguments();

    unsigned scratch_number() { return static_cast<unsigned>(random.below(Ground::scratch_pages)); }
    [[nodiscard]] static std::byte* scratch(unsigned number) { return ground.scratch(number); }
    [[nodiscard]] static std::uint64_t scratch_frame(unsigned number) { return ground.scratch_frame(number); }
    [[nodiscard]] std::uint64_t* argument_page() { return arguments_.data(); }

    /// Makes a hypercall and counts its fate.
    long call(xen::hypercall_number number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0,
              std::uint64_t e = 0);

private:
    alignas(4096) std::array<std::uint64_t, argument_words> arguments_{};
    /// Inaccessible: what runs beyond the arguments, such as an array of a million grants, must not reach ourselves.
    alignas(4096) std::array<std::byte, 4096> guard_{};
};

inline constexpr unsigned walkers = 2;
extern World worlds[walkers];

/// The world of the vCPU that asks.
[[nodiscard]] inline World& self() { return worlds[runtime::processor_number()]; }

/// Runs `action(context)`; true if it came back, false if it ended in an exception. Registers and stack are as before.
bool attempt(void (*action)(void*), void* context);
/// Hooks the runtime's exceptions. Call once.
void prepare_attempts();

template <class Action>
bool attempt(Action action)
{
    return attempt([](void* context) { (*static_cast<Action*>(context))(); }, &action);
}

/// Returns by hypercall with and without VGCF_in_syscall, by whichever way the hypervisor takes, and looks at what comes back.
void check_returns();

/// The hypervisor took an entry: could it be right to?
void judge(std::uint64_t entry);

// The families of misbehaviour. Each makes one move.
void abuse_page_tables();
void abuse_memory();
void abuse_grants();
void abuse_events();
void abuse_processor();
void abuse_descriptors();
void abuse_anything();
/// As much work as one call can be asked to do.
void abuse_patience();
/// vCPUs: the third is never more than half made, the second is stopped and goes on.
void abuse_vcpus();
/// Arguments that the other vCPU changes while the hypervisor reads them (races.cpp).
void abuse_arguments();
/// Takes the pages for that. Call once, on the first vCPU.
void prepare_races();
/// Changes arguments of the other vCPU if it asks; false if it does not. Call before each move.
bool serve_races();

}  // namespace rf::hostile
