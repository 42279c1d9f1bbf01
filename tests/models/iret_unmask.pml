/* SPDX-License-Identifier: MIT */
/* HYPERVISOR_iret lets events in and returns to the guest by the short way: it stores the mask, looks at the upcall flag, and
   goes, with interrupts off until IRETQ. No step of it is locked: its store may reach memory long after it has looked. An event
   that another processor sends just then is not slept over, because a sender interrupts the processor after it has set the
   flag, whatever the mask says; the mask is read by its own processor only, which sees its own stores.
   Rooms: entry/system_calls.h, entry/leave.cpp, event/table_delivery.cpp, domain/domain.cpp (wake).

   Defects: SENDER_LOOKS_AT_MASK  a sender spares the interrupt while the mask in memory is set
            INTERRUPT_FIRST       a sender interrupts before it sets the flag */

bool upcall;                /* evtchn_upcall_pending, in memory */
bool mask = true;           /* evtchn_upcall_mask as its own processor sees it */
bool mask_in_memory = true; /* as others would */
bool interrupt, work;       /* at the local APIC; the word of work to be done before the guest goes on */

/* The interrupt is spared when the work is asked for already: then it had its interrupt, or the long way is on. */
inline interrupt_processor()
{
    atomic { before = work; work = true };
    if
    :: before -> skip
    :: else -> interrupt = true
    fi
}

active [2] proctype Sender()
{
    bool before;
    byte left = 2;
    do
    :: left > 0 ->
        left--;
#ifdef INTERRUPT_FIRST
        interrupt_processor();
#endif
        atomic { before = upcall; upcall = true };
        if
        :: before -> skip
        :: else ->
#ifdef SENDER_LOOKS_AT_MASK
            if
            :: mask_in_memory -> skip
            :: else -> interrupt_processor()
            fi
#else
#ifndef INTERRUPT_FIRST
            interrupt_processor()
#else
            skip
#endif
#endif
        fi
    :: else -> break
    od
}

active proctype StoreBuffer()
{
end_empty:
    do
    :: mask_in_memory != mask -> mask_in_memory = mask
    od
}

active proctype Processor()
{
    do
    ::  /* the guest's kernel, events masked, calls HYPERVISOR_iret */
        if
        :: work -> skip                 /* the long way */
        :: else ->
            mask = false;
            if
            :: upcall -> skip           /* the long way */
            :: else ->
                /* in the guest, interrupts on: it computes for as long as nothing interrupts it, or traps by itself */
                if
                :: true ->
end_computing:
                    interrupt -> interrupt = false
                :: true -> goto trapped
                fi
            fi
        fi;
        /* the long way out: work is taken, then the flag looked at */
        work = false;
        mask = false;
        if
        :: upcall -> mask = true; upcall = false  /* called back: its handler takes the event */
        :: else -> skip
        fi;
trapped:
        mask = true; mask_in_memory = true        /* its handler masks events, and returns by HYPERVISOR_iret */
    od
}

ltl every_event_is_seen { [] (upcall -> <> !upcall) }
