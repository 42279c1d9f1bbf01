/* SPDX-License-Identifier: MIT */
/* An event is never slept over: a vCPU that goes to sleep (SCHEDOP_block) while another sets a port pending is woken.
   Each step is one atomic access, as in hypervisor/event (two-level) and hypervisor/hypercall/sched.cpp; the guest's half is
   what Linux does. Rooms: event/table_delivery.cpp, event/two_level.cpp, sched/scheduler.cpp.

   Defects: CHECK_BEFORE_BLOCK  the sleeper looks for events before it counts as asleep
            CLEAR_AFTER_SCAN    the guest clears the upcall flag after it has looked for ports */

bool pending, masked, selector, upcall, upcall_mask = true, blocked;

inline test_and_set(flag, before) { atomic { before = flag; flag = true } }

inline mark_pending()
{
    test_and_set(pending, before);
    if
    :: before -> skip
    :: else ->
        if
        :: masked -> skip
        :: else ->
            test_and_set(selector, before);
            if
            :: before -> skip
            :: else ->
                test_and_set(upcall, before);
                if
                :: before -> skip
                :: else -> blocked = false  /* wake */
                fi
            fi
        fi
    fi
}

proctype Sender()
{
    bool before;
    byte left = 3;
    do
    :: left > 0 -> mark_pending(); left--
    :: left == 0 -> break
    od
}

inline look_for_ports()
{
    atomic { found = selector; selector = false };
    if
    :: found && pending && !masked ->
        masked = true;
        pending = false;  /* here the guest does the work */
        masked = false;   /* and finds what came while it was masked, as Linux's unmask does */
        if
        :: pending ->
            test_and_set(selector, found);
            if
            :: !found -> upcall = true
            :: else -> skip
            fi
        :: else -> skip
        fi
    :: else -> skip
    fi
}

active proctype Guest()
{
    bool found;
    run Sender();
    do
    ::  /* idle: interrupts are off, then SCHEDOP_block */
        upcall_mask = false;
#ifdef CHECK_BEFORE_BLOCK
        if
        :: upcall -> skip
        :: else -> blocked = true
        fi;
#else
        blocked = true;
        if
        :: upcall -> blocked = false
        :: else -> skip
        fi;
#endif
end_asleep:
        !blocked;
        do  /* the exit test of the hypervisor, and the guest's handler */
        :: upcall && !upcall_mask ->
            upcall_mask = true;
            do
            :: upcall ->
#ifdef CLEAR_AFTER_SCAN
                look_for_ports();
                upcall = false
#else
                upcall = false;
                look_for_ports()
#endif
            :: else -> break
            od;
            upcall_mask = false
        :: else -> break
        od;
        upcall_mask = true
    od
}

ltl every_event_is_seen { [] (pending -> <> !pending) }
