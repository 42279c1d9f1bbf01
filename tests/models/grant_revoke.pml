/* SPDX-License-Identifier: MIT */
/* A guest that ends a grant gets its page back for itself only when nobody maps it; a backend that maps and unmaps from two
   CPUs leaves exactly the marks that its mappings need. The grant's flags are one word that guest and hypervisor change by
   compare-and-exchange; the pin count is the hypervisor's, under the granter's lock. A mapping that was taken out may be used
   until the flush. Rooms: grant/holding.hpp, grant/table_map.cpp.

   Defects: PLAIN_STORE    the hypervisor writes the word without comparing
            UNMARK_FIRST   the mark goes before the mapping
            FLUSH_AT_LAST  the mark goes before the mapping is forgotten */

#define permit 1
#define in_use 2

byte flags = permit;
byte pins, mappings, stale;  /* stale: taken out, but a processor may still use it */
bool reused;   /* the guest has its page back and writes secrets to it */
bool lock;

inline acquire() { atomic { !lock -> lock = true } }
inline release() { lock = false }

inline compare_exchange(expected, wanted, ok)
{
    atomic {
        if
        :: flags == expected -> flags = wanted; ok = true
        :: else -> ok = false
        fi
    }
}

inline let_go()
{
    acquire();
    pins--;
    if
    :: pins == 0 -> atomic { flags = flags & ~in_use }
    :: else -> skip
    fi;
    release()
}

active [2] proctype Backend()
{
    byte seen;
    bool ok = false;
    acquire();
    do
    :: pins > 0 -> ok = true; break
    :: else ->
        seen = flags;
        if
        :: !(seen & permit) -> break
        :: else ->
#ifdef PLAIN_STORE
            flags = seen | in_use;
            ok = true;
#else
            compare_exchange(seen, seen | in_use, ok);
#endif
            if
            :: ok -> break
            :: else -> skip
            fi
        fi
    od;
    if
    :: ok -> pins++; mappings++
    :: else -> skip
    fi;
    release();
    if
    :: !ok -> goto done
    :: else -> skip
    fi;
    assert(!reused);  /* the backend uses the page */
#ifdef UNMARK_FIRST
    let_go();
    mappings--;
#else
    atomic { mappings--; stale++ };
#ifdef FLUSH_AT_LAST
    let_go();
    stale--;
#else
    stale--;  /* the flush */
    let_go();
#endif
#endif
done:
    skip
}

active proctype Granter()
{
    byte seen, tries = 3;
    bool ok;
    do
    :: tries > 0 ->
        tries--;
        seen = flags;
        if
        :: seen & in_use -> skip
        :: else ->
            compare_exchange(seen, 0, ok);
            if
            :: ok -> reused = true; assert(mappings + stale == 0); break
            :: else -> skip
            fi
        fi
    :: else -> break
    od
}

ltl private_pages_stay_private { [] !(reused && mappings + stale > 0) }
