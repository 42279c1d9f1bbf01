// SPDX-License-Identifier: MIT
#pragma once
/// One device in the store: reads both halves' states, takes the steps of the handshake, writes the outcome.
/// Owns its Backend. `evaluate` is idempotent and cheap; call it whenever anything about the device may have changed.
/// Nothing it reads from the frontend's directory is believed beyond a number's range.

#include <functional>
#include <memory>
#include <string>

#include "xenbus/backend.hpp"
#include "xenbus/handshake.hpp"

namespace rf::xenbus {

/// Names of a device's two directories.
struct DevicePaths {
    std::string backend;   ///< /local/domain/0/backend/<type>/<domain>/<device>
    std::string frontend;  ///< from the backend's node `frontend`
};

/// The directory below which the devices of `type` for `domain` are found.
[[nodiscard]] std::string backend_directory(std::string_view type, std::uint16_t domain);
/// Reads `frontend` and refuses one that is not in the domain's own home.
[[nodiscard]] Result<DevicePaths> read_paths(Store& store, std::string_view type, std::uint16_t domain,
                                             std::string_view device);

/// Whether the domain of a device exists.
enum class Domain { alive, gone };

class Device {
public:
    using Logger = std::function<void(const std::string&)>;

    Device(DevicePaths paths, std::unique_ptr<Backend> backend, Logger logger)
        : paths_(std::move(paths)), backend_(std::move(backend)), logger_(std::move(logger)) {}

    enum class Outcome {
        settled,  ///< nothing to do until the store changes
        pending,  ///< something is under way: evaluate again soon
        over      ///< the device is closed for good and may be destroyed
    };
    /// Fails only if the store does.
    [[nodiscard]] Result<Outcome> evaluate(Store& store, Domain domain);

    [[nodiscard]] const DevicePaths& paths() const { return paths_; }
    [[nodiscard]] Backend& backend() { return *backend_; }

private:
    [[nodiscard]] Result<View> look(Store& store, Domain domain) const;
    [[nodiscard]] Result<Outcome> take(Store& store, Step step);
    /// Opens the backend once; `prepared_` says whether it is open afterwards.
    [[nodiscard]] Result<Outcome> prepare(Store& store);
    [[nodiscard]] Result<Outcome> announce(Store& store);
    [[nodiscard]] Result<Outcome> connect(Store& store, Start start);
    [[nodiscard]] Result<Outcome> close(Store& store, State state);
    [[nodiscard]] Result<Outcome> write_state(Store& store, State state);
    [[nodiscard]] Result<Outcome> give_up(Store& store, const xen::Error& error);

    DevicePaths paths_;
    std::unique_ptr<Backend> backend_;
    Logger logger_;
    bool prepared_ = false;
    bool told_to_wait_ = false;
    bool failed_ = false;  ///< cannot be opened; waits to be removed
    bool refused_ = false;  ///< the frontend's rings were no good; waits for it to start over
};

}  // namespace rf::xenbus
