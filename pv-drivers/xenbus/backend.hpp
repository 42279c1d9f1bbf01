// SPDX-License-Identifier: MIT
#pragma once
/// What the handshake asks of a device, whatever its kind.

#include <string>
#include <vector>

#include "xenbus/store.hpp"

namespace rf::xenbus {

/// Where a connection begins: at an empty ring, or where a dead backend left it.
enum class Start { fresh, resumed };

class Backend {
public:
    virtual ~Backend() = default;

    /// Opens the disk, card or whatever stands behind the device, once. EAGAIN: busy for the moment, try again later.
    [[nodiscard]] virtual Result<void> prepare() = 0;
    /// The nodes that tell the frontend what is offered. Called after `prepare`.
    [[nodiscard]] virtual std::vector<Node> features() const = 0;
    /// Reads the rings from the frontend's directory, maps them and serves. On failure nothing is left mapped.
    [[nodiscard]] virtual Result<void> connect(Store& store, const std::string& frontend, Start start) = 0;
    [[nodiscard]] virtual bool serving() const = 0;

    /// Whether everything is at rest.
    enum class Rest { not_yet, reached };
    /// Takes no more requests. `reached` once nothing is under way and nothing of the guest is mapped; until then, call
    /// again later. Idempotent.
    [[nodiscard]] virtual Rest disconnect() = 0;
};

}  // namespace rf::xenbus
