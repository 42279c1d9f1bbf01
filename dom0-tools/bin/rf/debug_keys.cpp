// SPDX-License-Identifier: MIT
#include "lifecycle/session.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

Result<void> debug_keys(const Invocation& invocation)
{
    auto privcmd = BUILD_TRY(lifecycle::open_hypervisor());
    BUILD_CHECK(xen::SystemControl(privcmd).debug_keys(invocation.value("KEYS")));
    return {};
}

}  // namespace

Verb debug_keys_verb()
{
    return {"debug-keys",
            {},
            "press the hypervisor's debug keys; rf dmesg shows what it answers",
            {{"KEYS", "letters; h lists them"}},
            {},
            "  rf debug-keys h && rf dmesg\n  rf debug-keys q && rf dmesg    what each domain holds",
            debug_keys};
}

}  // namespace rf::cli
