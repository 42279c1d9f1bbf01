/* SPDX-License-Identifier: MIT */
/* A frame becomes a page table only when no CPU can still write to it through a stale translation.
   The last writable use stamps the frame with the flush clock; who makes it a page table flushes every CPU that has not begun
   a full flush after that moment. Rooms: mm/page_ref.cpp, pvmmu/tables.cpp, cpu/tlb.cpp, cpu/flush_clock.hpp.

   Defects: STAMP_TOO_EARLY   the clock is read before the entry is gone
            FLUSHED_AT_STAMP  a flush that began at the very moment of the stamp counts as later
            NO_FLUSH          the frame changes its type without one */

#define cpus 2

bool entry = true;           /* a writable translation stands in some page table */
bool cached[cpus];           /* the CPU holds it in its TLB */
byte clock = 1, flushed[cpus] = 1, stamp;
byte uses = 1;
bool is_table;

/* The processor may walk the tables at any time, also speculatively. */
active [cpus] proctype Walker()
{
    byte cpu = _pid;
    byte walks = 2;
end:
    do
    :: atomic { entry && walks > 0 -> cached[cpu] = true; walks-- }
    od
}

inline full_flush(cpu)
{
    atomic { clock++; moment = clock };
    cached[cpu] = false;
    flushed[cpu] = moment
}

/* Flushes that happen for other reasons: a guest loads a new base pointer. */
proctype OtherFlushes(byte cpu)
{
    byte moment;
    full_flush(cpu);
    full_flush(cpu)
}

proctype Unmapper()
{
#ifdef STAMP_TOO_EARLY
    stamp = clock;
    entry = false;
#else
    entry = false;
    stamp = clock;
#endif
    uses--
}

proctype Transition()
{
    byte cpu = 0, moment;
    uses == 0;
    do
    :: cpu == cpus -> break
    :: else ->
#ifdef NO_FLUSH
        skip;
#else
        if
#ifdef FLUSHED_AT_STAMP
        :: flushed[cpu] >= stamp -> skip
#else
        :: flushed[cpu] > stamp -> skip
#endif
        :: else -> full_flush(cpu)
        fi;
#endif
        cpu++
    od;
    is_table = true
}

init
{
    atomic { run OtherFlushes(0); run OtherFlushes(1); run Unmapper(); run Transition() }
}

ltl tables_are_not_written { [] (is_table -> !cached[0] && !cached[1]) }
