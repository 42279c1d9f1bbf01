// SPDX-License-Identifier: MIT
#pragma once
/// Orders of the toolstack through the store's `control/shutdown`: poweroff (and halt) and reboot. A guest that waits asks here
/// instead of sleeping, so that `rf shutdown` and `rf reboot` end it. Needs `store` initialised. Owner: the main program.

#include <cstdint>
#include <optional>

#include "front/doors.hpp"
#include "power.hpp"

namespace rf::runtime {

class Control {
public:
    /// Tells the toolstack which orders are obeyed and watches for them. Errors: of the store.
    [[nodiscard]] Result<void> initialise();

    /// What is done before the domain ends: leave devices, say goodbye.
    void before_end(void (*action)(void*), void* context);

    /// Whether the toolstack may have ordered something. Never blocks: fit for a wait's condition.
    [[nodiscard]] bool asked();
    /// Obeys an order, if there is one: acknowledges it, runs the action, and ends the domain; then it does not return.
    /// Other orders are left alone, so that the toolstack sees that nobody took them.
    void obey();

    /// Sleeps until system time `deadline`, and obeys orders meanwhile.
    void sleep_until(std::uint64_t deadline);

private:
    [[nodiscard]] static std::optional<xen::shutdown_reason> read_order();

    front::Watch watch_{};
    bool watching_ = false;
    void (*action_)(void*) = nullptr;
    void* context_ = nullptr;
};

extern Control control;

}  // namespace rf::runtime
