// SPDX-License-Identifier: MIT
#pragma once
/// What a domain shall be: complete and validated before anything is created. A value; sizes in bytes.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rf::config {

using Uuid = std::array<std::uint8_t, 16>;

/// "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx".
[[nodiscard]] std::string to_text(const Uuid& uuid);
/// Accepts that form, with or without hyphens.
[[nodiscard]] std::optional<Uuid> parse_uuid(std::string_view text);
/// A fresh version-4 identifier from the kernel's random source.
[[nodiscard]] Uuid random_uuid();

/// What becomes of a domain that has ended.
enum class EndAction { destroy, restart, preserve, rename_restart, coredump_destroy, coredump_restart };
[[nodiscard]] std::string_view to_text(EndAction action);

enum class WriteAccess { read_only, read_write };
/// Which driver serves a device: our own confined process, or the one in Dom0's kernel.
enum class Backend { process, kernel };

struct DiskSpec {
    enum class Source { file, block };
    enum class Format { raw, qcow2 };
    enum class Kind { disk, cdrom };

    Source source = Source::file;
    Format format = Format::raw;
    Kind kind = Kind::disk;
    WriteAccess access = WriteAccess::read_write;
    Backend backend = Backend::process;
    std::string path;
    std::string target;                ///< "xvda"
    std::uint32_t virtual_device = 0;  ///< the number that stands for `target`
    bool discard = true;
    unsigned line = 0;                 ///< where the definition says so
};

struct InterfaceSpec {
    Backend backend = Backend::process;
    std::array<std::uint8_t, 6> mac{};
    std::string bridge;                         ///< empty: attached to none
    std::string device_name;                    ///< of the interface in Dom0; empty: vif<domain>.<index>
    std::string script;
    std::optional<std::uint64_t> rate_bytes;    ///< per second, of what the guest sends
    std::optional<unsigned> mtu;
    unsigned line = 0;
};
[[nodiscard]] std::string mac_text(const std::array<std::uint8_t, 6>& mac);

/// vCPU pinned to a set of processors.
struct Pinning {
    unsigned vcpu = 0;
    std::vector<unsigned> cpus;
};

struct DomainSpec {
    std::string name;
    Uuid uuid{};
    std::string title;
    std::string description;

    std::uint64_t memory_bytes = 0;          ///< at the start
    std::uint64_t maximum_memory_bytes = 0;  ///< to which it may grow; >= memory_bytes
    unsigned maximum_vcpus = 1;
    unsigned online_vcpus = 1;
    std::vector<unsigned> cpus;              ///< processors that all vCPUs may use; empty: any
    std::vector<Pinning> pinnings;
    std::optional<unsigned> weight;          ///< credit2 share
    std::optional<unsigned> cap_percent;     ///< of one processor

    std::string kernel;
    std::string initrd;                      ///< empty: none
    std::string command_line;

    EndAction on_poweroff = EndAction::destroy;
    EndAction on_reboot = EndAction::restart;
    EndAction on_crash = EndAction::destroy;

    std::vector<DiskSpec> disks;
    std::vector<InterfaceSpec> interfaces;
    std::optional<std::uint32_t> maximum_grant_frames;
    std::optional<std::uint32_t> maximum_event_channels;
    std::uint32_t tsc_mode = 0;              ///< as in XEN_DOMCTL_settscinfo
    std::int64_t time_offset_seconds = 0;

    std::string definition;                  ///< the text all this was read from, unchanged

    [[nodiscard]] bool has_devices() const { return !disks.empty() || !interfaces.empty(); }
    /// Whether some device is to be served by a backend process.
    [[nodiscard]] bool needs_backend_process() const;
};

}  // namespace rf::config
