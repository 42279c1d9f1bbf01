/* SPDX-License-Identifier: MIT */
/* The xenbus handshake with a backend that is killed at any moment and started again: the two halves always meet, requests are
   answered, and the frontend takes its ring page back only when nobody maps it. When a process dies, the kernel takes its
   mappings away. Rooms: pv-drivers/xenbus, pv-drivers/bin/rf-backd.

   Defects: CLOSED_BEFORE_UNMAP  the backend says Closed while it still maps the ring
            FORGETS              a successor starts the handshake anew instead of reading where it stands */

mtype = { initialising, init_wait, initialised, connected, closing, closed };

mtype front = initialising, back = initialising;
bool ring, mapped;      /* the ring page is granted; the backend maps it */
bool asked, answered;
bool kill;

active proctype Killer()
{
    byte left = 2;
end:
    do
    :: atomic { left > 0 && !kill -> left--; kill = true }
    od
}

active proctype Frontend()
{
    back == init_wait;
    ring = true;
    front = initialised;
    back == connected;
    front = connected;
    asked = true;
    answered;
    front = closing;
    back == closed;
    assert(!mapped);
    ring = false;
    front = closed
}

inline connect()
{
    assert(ring);
    mapped = true
}

active proctype Backend()
{
start:
    do
#ifdef FORGETS
    :: !mapped && back != closed && front != closing -> back = init_wait; front == initialised; connect(); back = connected
#else
    :: back == initialising -> back = init_wait
    :: back == init_wait && front == initialised -> connect(); back = connected
    :: back == connected && !mapped && front != closing && front != closed -> connect()  /* a successor takes over */
#endif
    :: back == connected && mapped && asked && !answered -> answered = true
    :: back != closed && front == closing ->
#ifdef CLOSED_BEFORE_UNMAP
        back = closed;
        mapped = false
#else
        mapped = false;
        back = closed
#endif
    :: back == closed && front == closed -> break
    od unless {
        atomic { kill -> kill = false; mapped = false };
        goto start
    }
}

ltl they_meet_and_part { <> (front == closed && !mapped) }
