// SPDX-License-Identifier: MIT
#pragma once
/// Names that the parts of this program share, and with the toolstack.

#include <cstdint>
#include <string>

namespace rf::backd {

/// Where process ids and journals live: memory that outlives the process, but not the machine.
inline constexpr const char* run_directory = "/run/ringfort/backd";
/// An empty directory: all that the confined process sees of the file system.
inline constexpr const char* empty_directory = "/run/ringfort/backd/empty";
inline constexpr const char* store_socket = "/run/xenstored/socket";
/// The confined process of domain N runs as user and group `first_confined_user` + N, which no other process has: so it can
/// neither signal nor examine another domain's. The range lies where systemd's table of user numbers has none
/// (systemd.io/UIDS-GIDS); no entry in the user database is needed.
inline constexpr std::uint32_t first_confined_user = 0x7000'0000;

enum class Kind : std::uint32_t { disk = 0, card = 1 };
inline constexpr Kind kinds[] = {Kind::disk, Kind::card};  ///< of devices

/// The device type in the store's paths.
[[nodiscard]] inline const char* type_of(Kind kind)
{
    return kind == Kind::disk ? "qdisk" : "rfnet";
}

[[nodiscard]] inline std::string pid_file(std::uint16_t domain)
{
    return std::string(run_directory) + "/" + std::to_string(domain) + ".pid";
}

/// Locked by the confined process for as long as it lives.
[[nodiscard]] inline std::string serving_file(std::uint16_t domain)
{
    return std::string(run_directory) + "/" + std::to_string(domain) + ".serving";
}

/// The file with which a device's next process succeeds this one.
[[nodiscard]] inline std::string journal_file(std::uint16_t domain, Kind kind, std::uint32_t device)
{
    return std::string(run_directory) + "/" + std::to_string(domain) + "." + type_of(kind) + "-" + std::to_string(device);
}

/// How the confined process ends, told to its parent.
enum Exit : int {
    exit_over = 0,         ///< all devices are closed for good
    exit_failure = 1,
    exit_handed_over = 3,  ///< asked to stop; a successor can take over
    exit_store_lost = 4    ///< the store went away; to be started again
};

}  // namespace rf::backd
