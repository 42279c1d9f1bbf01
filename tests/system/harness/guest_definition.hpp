// SPDX-License-Identifier: MIT
// Definitions of guests for stories that use our own tools.
#pragma once

#include <string>

namespace rf::system {

/// A guest; every field has a default that makes a Linux guest without devices.
struct GuestDefinition {
    std::string name;
    unsigned memory_mib = 96;
    unsigned vcpus = 1;
    std::string kernel = "/images/vmlinuz";
    std::string initrd = "/images/guest.cpio.gz";  ///< empty: none
    std::string command_line{};                    ///< behind console=hvc0 rf.name=NAME, if it has an initrd
    std::string on_poweroff = "destroy";
    std::string on_reboot = "restart";
    std::string on_crash = "destroy";
    std::string disk{};  ///< a raw image, xvda; empty: none
    std::string mac{};   ///< of a card on bridge br0; empty: none
    std::string card_driver = "rf";  ///< or netback: the kernel's
    std::string cpuset{};            ///< processors it may use; empty: all
    std::string tuning{};            ///< what stands in <cputune>
};

/// The text of its definition.
[[nodiscard]] inline std::string xml_of(const GuestDefinition& guest) {
    const std::string line = guest.initrd.empty() ? guest.command_line : "console=hvc0 rf.name=" + guest.name + " " + guest.command_line;
    std::string text = "<domain type='xen'>\n  <name>" + guest.name + "</name>\n  <memory unit='MiB'>" +
                       std::to_string(guest.memory_mib) + "</memory>\n  <vcpu" + (guest.cpuset.empty() ? "" : " cpuset='" + guest.cpuset + "'") +
                       ">" + std::to_string(guest.vcpus) + "</vcpu>\n" + (guest.tuning.empty() ? "" : "  <cputune>" + guest.tuning + "</cputune>\n") + "  <os>\n    <type>linux</type>\n    <kernel>" +
                       guest.kernel + "</kernel>\n";
    if (!guest.initrd.empty()) text += "    <initrd>" + guest.initrd + "</initrd>\n";
    text += "    <cmdline>" + line + "</cmdline>\n  </os>\n  <on_poweroff>" + guest.on_poweroff + "</on_poweroff>\n  <on_reboot>" +
            guest.on_reboot + "</on_reboot>\n  <on_crash>" + guest.on_crash + "</on_crash>\n  <devices>\n";
    if (!guest.disk.empty())
        text += "    <disk type='file'>\n      <driver name='rf' type='raw'/>\n      <source file='" + guest.disk +
                "'/>\n      <target dev='xvda' bus='xen'/>\n    </disk>\n";
    if (!guest.mac.empty())
        text += "    <interface type='bridge'>\n      <source bridge='br0'/>\n      <mac address='" + guest.mac + "'/>\n      <driver name='" +
                guest.card_driver + "'/>\n    </interface>\n";
    return text + "  </devices>\n</domain>\n";
}

}  // namespace rf::system
