// SPDX-License-Identifier: MIT
// Base of the GoogleTest stories: starts a machine, and shows the end of its serial log when the story fails.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "harness/machine.hpp"

namespace rf::system {

/// Ends the current story with a clear message when a step of it failed.
#define STEP(result)                                              \
    do {                                                          \
        if (auto step_ = (result); !step_) FAIL() << step_.error().message; \
    } while (false)

class Story : public testing::Test {
protected:
    /// Starts the machine and waits for Dom0; a failure is reported and leaves machine() empty.
    void boot(const MachineOptions& options) {
        auto started = Machine::start(options);
        ASSERT_TRUE(started) << started.error().message;
        machine_ = std::move(*started);
        if (auto up = machine_->wait_for_dom0(); !up) FAIL() << up.error().message;
        RecordProperty("seconds_to_dom0", std::to_string(machine_->age()));
    }

    /// Runs a command that must succeed and returns its output without the final newline; "" after a reported failure.
    std::string run(std::string_view command, Machine::Limit limit = std::chrono::seconds{60}) {
        auto output = machine_->must_run(command, limit);
        if (!output) {
            ADD_FAILURE() << output.error().message;
            return {};
        }
        if (output->ends_with('\n')) output->pop_back();
        return std::move(*output);
    }

    /// Reports every line of the log that no healthy machine prints.
    void expect_healthy_log();

    void TearDown() override {
        if (machine_ && HasFailure())
            std::fprintf(stderr, "--- last lines of %s ---\n%s\n---\n", machine_->log_file().c_str(), machine_->log_tail().c_str());
        machine_.reset();
    }

    Machine& machine() { return *machine_; }

private:
    std::unique_ptr<Machine> machine_;
};

}  // namespace rf::system
