// SPDX-License-Identifier: MIT
#pragma once
/// A user's terminal joined to a domain's console, which the console daemon offers as a pseudo-terminal. Ctrl-] leaves.
/// The user's terminal gets its own settings back at the end, whatever the end was.

#include <optional>
#include <termios.h>

#include "lifecycle/session.hpp"
#include "verb.hpp"

namespace rf::cli {

class ConsoleTerminal {
public:
    ConsoleTerminal(ConsoleTerminal&& other) noexcept;
    ~ConsoleTerminal();

    /// Waits a moment for the console daemon to offer the console of `domain`.
    [[nodiscard]] static Result<ConsoleTerminal> attach(lifecycle::Session& session, xen::DomainId domain);

    /// Passes on keys and output until Ctrl-], the end of the input, or the end of the console.
    [[nodiscard]] Result<void> run();

private:
    explicit ConsoleTerminal(int descriptor) : descriptor_(descriptor) {}

    void make_raw();
    enum class Flow { more, end };
    [[nodiscard]] Flow pass_keys();
    [[nodiscard]] Flow pass_output();

    int descriptor_ = -1;
    bool input_open_ = true;
    std::optional<termios> saved_;
};

}  // namespace rf::cli
