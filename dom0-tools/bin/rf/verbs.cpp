// SPDX-License-Identifier: MIT
#include "verb.hpp"

namespace rf::cli {

const std::vector<Verb>& all_verbs()
{
    static const std::vector<Verb> verbs = {
        list_verb(),    create_verb(),  console_verb(), shutdown_verb(), reboot_verb(), destroy_verb(), pause_verb(),
        unpause_verb(), info_verb(),    dmesg_verb(),   vcpu_list_verb(), domid_verb(),  domname_verb(), debug_keys_verb(),
    };
    return verbs;
}

}  // namespace rf::cli
