// SPDX-License-Identifier: MIT
/// Arguments that change while the hypervisor reads them: one vCPU makes a call again and again, the other keeps turning one word
/// of its arguments from a value that is allowed into one that is not, and back. A hypervisor that reads a word twice checks
/// the one and uses the other. What must not have happened is looked at after each call.
#include <algorithm>

#include "belongings.hpp"
#include "world.hpp"
#include "xen/event.h"
#include "xen/memory.h"
#include "xen/sched.h"
#include "xen/vcpu.h"

namespace rf::hostile {

using namespace rf::runtime;

namespace {

/// A word that the other vCPU shall turn; one for each vCPU that asks.
struct Turning {
    std::atomic<volatile std::uint64_t*> word{nullptr};
    std::uint64_t allowed = 0, forbidden = 0;
    std::atomic<bool> turns{false};  ///< the other vCPU is at it
};
constinit Turning turnings[walkers];

/// Pages that no other move touches: data, and a pinned table, which follows it in the machine if we are lucky.
struct Pages {
    std::byte* data = nullptr;
    std::byte* table = nullptr;
    std::uint64_t data_frame = 0, table_frame = 0;
};
constinit Pages pages[walkers];

[[nodiscard]] unsigned other() { return walkers - 1 - processor_number(); }

/// Makes `call` with the word turning; short, and at least once even if the other vCPU has no time.
template <class Call>
void race(volatile std::uint64_t& word, std::uint64_t allowed, std::uint64_t forbidden, Call call)
{
    constexpr unsigned calls = 16;
    constexpr std::uint64_t patience = 400'000;  // ticks of the TSC
    Turning& turning = turnings[processor_number()];
    word = allowed;
    turning.allowed = allowed;
    turning.forbidden = forbidden;
    turning.word.store(&word);
    for (const std::uint64_t start = __builtin_ia32_rdtsc(); !turning.turns.load() && __builtin_ia32_rdtsc() - start < patience;)
        if (turnings[other()].word.load() != nullptr)
            break;  // it wants the same of us
    for (unsigned i = 0; i < calls; ++i) {
        self().races += turning.turns.load();
        call();
    }
    self().operations += calls - 1;
    turning.word.store(nullptr);
    for (unsigned turns = 0; turning.turns.load() && turns < 100'000; ++turns)  // the word is somebody else's soon
        __builtin_ia32_pause();
}

[[nodiscard]] volatile std::uint64_t& word_at(void* place) { return *static_cast<volatile std::uint64_t*>(place); }

/// The entry that maps our data page lets in nobody else's frame and no table for writing.
void judge_data_entry()
{
    judge(*Ground::live_entry(pages[processor_number()].data));
}

[[nodiscard]] std::uint64_t forbidden_entry()
{
    const std::uint64_t frame = self().random.once_in(2) ? self().foreign_frame() : Ground::table_frame(self().random.below(start_info().nr_pt_frames));
    return frame << 12 | 0x67;
}

void put_data_back()
{
    const Pages& own = pages[processor_number()];
    self().call(xen::HYPERVISOR_update_va_mapping, reinterpret_cast<std::uint64_t>(own.data), own.data_frame << 12 | 0x67, xen::UVMF_INVLPG | xen::UVMF_ALL);
}

void race_for_an_entry()
{
    const Pages& own = pages[processor_number()];
    auto* const request = reinterpret_cast<xen::mmu_update*>(self().argument_page());
    request->ptr = Ground::live_entry_address(own.data);
    request->val = own.data_frame << 12 | 0x67;
    const auto update = [&] {
        self().call(xen::HYPERVISOR_mmu_update, as_argument(request), 1, 0, xen::DOMID_SELF);
        judge_data_entry();
    };
    if (self().random.once_in(3)) {
        // Where it goes: our own place, or the hypervisor's part of the top table.
        const std::uint64_t slot = 256 + self().random.below(16), forbidden = Ground::table_frame(0) << 12 | slot * 8;
        const auto& theirs = reinterpret_cast<const volatile std::uint64_t*>(start_info().pt_base)[slot];
        const std::uint64_t before = theirs;
        race(word_at(&request->ptr), request->ptr, forbidden, update);
        if (theirs != before)
            ground.breach("wrote the hypervisor's slots", theirs);
    } else {
        race(word_at(&request->val), request->val, forbidden_entry(), update);
    }
    put_data_back();
}

void race_in_a_multicall()
{
    const Pages& own = pages[processor_number()];
    auto* const entries = reinterpret_cast<xen::multicall_entry*>(self().argument_page());
    for (unsigned i = 0; i < 2; ++i) {
        entries[i] = {};
        entries[i].op = xen::HYPERVISOR_update_va_mapping;
        entries[i].args[0] = reinterpret_cast<std::uint64_t>(own.data);
        entries[i].args[1] = own.data_frame << 12 | 0x67;
        entries[i].args[2] = xen::UVMF_INVLPG;
    }
    const auto calls = [&] {
        self().call(xen::HYPERVISOR_multicall, as_argument(entries), 2);
        judge_data_entry();
    };
    if (self().random.once_in(3))
        race(word_at(&entries[1].op), xen::HYPERVISOR_update_va_mapping, xen::HYPERVISOR_multicall, calls);
    else
        race(word_at(&entries[1].args[1]), entries[1].args[1], forbidden_entry(), calls);
    put_data_back();
}

/// The first word of the pinned table, which nobody may have written.
constexpr std::uint64_t table_mark = 0xfee1'dead'0000;  // not present, no address

void judge_table(std::string_view what)
{
    const auto& word = *reinterpret_cast<const volatile std::uint64_t*>(pages[processor_number()].table);
    if (word != table_mark)
        ground.breach(what, word);
}

void race_for_a_page()
{
    const Pages& own = pages[processor_number()];
    auto* const op = reinterpret_cast<xen::mmuext_op*>(self().argument_page());
    *op = {};
    op->cmd = xen::MMUEXT_CLEAR_PAGE;
    race(word_at(&op->arg1.mfn), own.data_frame, self().random.once_in(2) ? own.table_frame : self().foreign_frame(), [&] {
        self().call(xen::HYPERVISOR_mmuext_op, as_argument(op), 1, 0, xen::DOMID_SELF);
        judge_table("cleared a page table");
    });
}

/// Copies from page to page of ours; the end turns into a table, somebody else's page, or beyond the page.
void race_for_a_copy()
{
    const Pages& own = pages[processor_number()];
    auto* const source = reinterpret_cast<volatile std::uint64_t*>(own.data);
    constexpr std::uint64_t ours = 0x6f75'7273'6f75'7273;
    source[0] = ours;
    auto* const copy = reinterpret_cast<xen::gnttab_copy*>(self().argument_page());
    *copy = {};
    copy->source.u.gmfn = copy->dest.u.gmfn = own.data_frame;
    copy->source.domid = copy->dest.domid = xen::DOMID_SELF;
    copy->dest.offset = 64;
    copy->len = 8;
    const bool leak = self().random.once_in(3);
    const std::uint64_t foreign = self().foreign_frame();
    const auto run = [&] {
        source[8] = ours;
        copy->status = 1;
        self().call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_copy, as_argument(copy), 1);
        judge_table("copied into a page table");
        if (leak && source[8] != ours && !belongings.hold(foreign))
            ground.breach("copied out of somebody else's page", source[8]);
    };
    if (leak)
        return race(word_at(&copy->source.u.gmfn), own.data_frame, foreign, run);
    race(word_at(&copy->dest.u.gmfn), own.data_frame, self().random.once_in(2) ? own.table_frame : foreign, run);
}

/// Offsets and length, together in one word, of a copy that would leave the page.
void race_for_a_length()
{
    const Pages& own = pages[processor_number()];
    auto* const copy = reinterpret_cast<xen::gnttab_copy*>(self().argument_page());
    *copy = {};
    copy->source.u.gmfn = copy->dest.u.gmfn = own.data_frame;
    copy->source.domid = copy->dest.domid = xen::DOMID_SELF;
    copy->dest.offset = 512;
    copy->len = 64;
    static_assert(offsetof(xen::gnttab_copy, len) == 32);
    const std::uint64_t tail = word_at(&copy->len);
    race(word_at(&copy->len), tail, tail | 0xffff, [&] {
        self().call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_copy, as_argument(copy), 1);
        judge_table("copied beyond a page");
    });
}

/// A request about two frames, by a list in the argument page.
constexpr unsigned memory_list = 32;

xen::xen_memory_reservation& request_memory()
{
    auto* const words = self().argument_page();
    auto* const reservation = reinterpret_cast<xen::xen_memory_reservation*>(words);
    *reservation = {};
    reservation->extent_start = handle_of(words + memory_list);
    reservation->nr_extents = 2;
    reservation->domid = xen::DOMID_SELF;
    words[memory_list] = words[memory_list + 1] = ~0ull;
    return *reservation;
}

/// Turns the request itself.
template <class Call>
void race_for_a_request(xen::xen_memory_reservation& request, Call call)
{
    if (self().random.once_in(2))
        return race(word_at(&request.nr_extents), 2, self().value() | 1ull << 40, call);
    race(word_at(&request.extent_start), request.extent_start.address, 0xffff830000000000, call);
}

void race_to_give_memory()
{
    auto& request = request_memory();
    const auto give = [&] { self().call(xen::HYPERVISOR_memory_op, xen::XENMEM_decrease_reservation, as_argument(&request)); };
    if (self().random.once_in(3))
        return race(word_at(&self().argument_page()[memory_list]), ~0ull, self().foreign_frame(), give);
    race_for_a_request(request, give);
}

/// The list stays as it is: by it we know what is ours now.
void race_to_get_memory()
{
    auto& request = request_memory();
    auto* const list = self().argument_page() + memory_list;
    belongings.begin_trade();
    race_for_a_request(request, [&] {
        const long got = self().call(xen::HYPERVISOR_memory_op, xen::XENMEM_increase_reservation, as_argument(&request));
        for (long i = 0; i < got; ++i)
            belongings.learn(list[i]);
        if (got <= 0)
            return;
        // The scratch pages' trade needs what there is.
        xen::xen_memory_reservation back{};
        back.extent_start = handle_of(list);
        back.nr_extents = static_cast<std::uint64_t>(got);
        back.domid = xen::DOMID_SELF;
        self().call(xen::HYPERVISOR_memory_op, xen::XENMEM_decrease_reservation, as_argument(&back));
    });
    belongings.end_trade();
}

void race_for_an_exchange()
{
    const Pages& own = pages[processor_number()];
    auto* const words = self().argument_page();
    auto* const exchange = reinterpret_cast<xen::xen_memory_exchange*>(words);
    *exchange = {};
    exchange->in.extent_start = handle_of(words + 32);
    exchange->out.extent_start = handle_of(words + 40);
    exchange->in.nr_extents = exchange->out.nr_extents = 1;
    exchange->in.domid = exchange->out.domid = xen::DOMID_SELF;
    words[32] = own.table_frame;  // in use, so it is refused
    words[40] = 0;
    race(word_at(&words[32]), own.table_frame, self().foreign_frame(), [&] {
        exchange->nr_exchanged = 0;
        self().call(xen::HYPERVISOR_memory_op, xen::XENMEM_exchange, as_argument(exchange));
        judge_table("exchanged a page table");
    });
}

/// Places where the hypervisor will write by itself later on.
void race_for_an_area()
{
    auto* const words = self().argument_page();
    auto* const area = reinterpret_cast<xen::vcpu_register_runstate_memory_area*>(words);
    const auto place = reinterpret_cast<std::uint64_t>(words + 64);
    race(word_at(area), place, 0xffff830000001000 + self().random.below(1 << 20) * 64, [&] {
        self().call(xen::HYPERVISOR_vcpu_op, xen::VCPUOP_register_runstate_memory_area, processor_number(), as_argument(area));
        self().call(xen::HYPERVISOR_sched_op, xen::SCHEDOP_yield);
    });
    words[0] = place;
    self().call(xen::HYPERVISOR_vcpu_op, xen::VCPUOP_register_runstate_memory_area, processor_number(), as_argument(area));
}

void race_for_a_grant()
{
    auto* const map = reinterpret_cast<xen::gnttab_map_grant_ref*>(self().argument_page());
    *map = {};
    map->host_addr = reinterpret_cast<std::uint64_t>(self().scratch(self().scratch_number()));
    map->flags = xen::GNTMAP_host_map;
    map->ref = static_cast<xen::grant_ref_t>(8 + self().random.below(40));
    map->dom = xen::DOMID_SELF;
    const std::uint64_t allowed = word_at(&map->host_addr);
    race(word_at(&map->host_addr), allowed, self().value(), [&] {
        map->status = xen::GNTST_general_error;
        self().call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_map_grant_ref, as_argument(map), 1);
        if (map->status != xen::GNTST_okay)
            return;
        xen::gnttab_unmap_grant_ref unmap{};
        unmap.handle = map->handle;
        for (const std::uint64_t address : {allowed, turnings[processor_number()].forbidden}) {
            unmap.host_addr = address;
            self().call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_unmap_grant_ref, as_argument(&unmap), 1);
        }
    });
}

void race_for_descriptors()
{
    const Pages& own = pages[processor_number()];
    auto* const words = self().argument_page();
    std::fill_n(reinterpret_cast<std::uint64_t*>(own.data), 16, 0);  // null descriptors, in a page that nobody can write
    self().call(xen::HYPERVISOR_update_va_mapping, reinterpret_cast<std::uint64_t>(own.data), own.data_frame << 12 | 0x65, xen::UVMF_INVLPG | xen::UVMF_ALL);
    race(word_at(words), own.data_frame, self().random.once_in(2) ? own.table_frame : self().foreign_frame(), [&] {
        self().call(xen::HYPERVISOR_set_gdt, as_argument(words), 16);
        self().call(xen::HYPERVISOR_set_gdt, 0, 0);
    });
    put_data_back();
}

void race_for_a_trap()
{
    const EventsMasked quiet;
    auto* const words = self().argument_page();
    auto* const traps = reinterpret_cast<xen::trap_info*>(words);
    traps[0] = {0x85, 3, xen::FLAT_KERNEL_CS, reinterpret_cast<std::uint64_t>(attempt_recover)};
    traps[1] = {};
    race(word_at(&traps[0].address), traps[0].address, 0x8000'0000'0000'0000, [&] {
        self().call(xen::HYPERVISOR_set_trap_table, as_argument(traps));
        if (auto done = register_exceptions(); !done)
            ground.breach("cannot restore traps", 0);
    });
}

void race_for_a_channel()
{
    auto* const words = self().argument_page();
    auto* const bind = reinterpret_cast<xen::evtchn_bind_interdomain*>(words);
    *bind = {xen::DOMID_SELF, static_cast<std::uint32_t>(5 + self().random.below(20)), 0};
    const std::uint64_t allowed = words[0];
    race(word_at(words), allowed, self().value(), [&] { self().call(xen::HYPERVISOR_event_channel_op, xen::EVTCHNOP_bind_interdomain, as_argument(bind)); });
}

}  // namespace

void prepare_races()
{
    for (Pages& each : pages) {
        each.data = memory.allocate();
        std::byte* const table = memory.allocate();
        if (each.data == nullptr || table == nullptr)
            panic("take pages to race for", Error{xen::XEN_ENOMEM});
        each.data_frame = static_cast<std::uint64_t>(memory.machine_frame(each.data));
        each.table_frame = static_cast<std::uint64_t>(memory.machine_frame(table));
        *reinterpret_cast<std::uint64_t*>(table) = table_mark;
        xen::mmuext_op pin{};
        pin.cmd = xen::MMUEXT_PIN_L1_TABLE;
        pin.arg1.mfn = each.table_frame;
        if (hypercall(xen::HYPERVISOR_update_va_mapping, table, each.table_frame << 12 | 0x65, xen::UVMF_INVLPG) != 0 ||
            hypercall(xen::HYPERVISOR_mmuext_op, &pin, 1, nullptr, xen::DOMID_SELF) != 0)
            panic("pin a table to race for", Error{xen::XEN_EINVAL});
        each.table = table;
    }
}

bool serve_races()
{
    Turning& turning = turnings[other()];
    volatile std::uint64_t* const word = turning.word.load();
    if (word == nullptr)
        return false;
    turning.turns.store(true);
    constexpr std::uint64_t patience = 4'000'000;
    for (const std::uint64_t start = __builtin_ia32_rdtsc(); turning.word.load() == word && __builtin_ia32_rdtsc() - start < patience;)
        for (unsigned i = 0; i < 16; ++i) {
            *word = turning.forbidden;
            for (std::uint64_t wait = self().random.next() & 31; wait > 0; --wait)
                __builtin_ia32_pause();
            *word = turning.allowed;
            for (std::uint64_t wait = self().random.next() & 31; wait > 0; --wait)
                __builtin_ia32_pause();
        }
    turning.turns.store(false);
    return true;
}

void abuse_arguments()
{
    static constexpr void (*moves[])() = {race_for_an_entry, race_for_an_entry, race_in_a_multicall, race_for_a_page,  race_for_a_copy,
                                          race_for_a_length, race_to_give_memory, race_to_get_memory, race_for_an_exchange, race_for_an_area,
                                          race_for_a_grant,  race_for_descriptors, race_for_a_trap, race_for_a_channel};
    moves[self().random.below(std::size(moves))]();
}

}  // namespace rf::hostile
