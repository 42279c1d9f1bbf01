// SPDX-License-Identifier: MIT
#pragma once
/// Measured work: everything executed between the two lines that a Window tells belongs to it.

#include <string>
#include <string_view>

#include "tell.hpp"

namespace rf::bench {

class Window {
public:
    /// `operations`: into how many the work is divided.
    Window(std::string_view name, std::uint64_t operations) : name_(name), operations_(std::to_string(operations))
    {
        tell("begin ", name_);
    }
    ~Window() { tell("end ", name_, " ", operations_); }
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;

private:
    std::string name_, operations_;
};

/// Runs `work` once to warm up and then `rounds` times as a figure of `operations` each.
template <class Work>
void measure(std::string_view name, std::uint64_t operations, Work&& work, unsigned rounds = 3)
{
    work();
    for (unsigned round = 0; round < rounds; ++round) {
        const Window window(name, operations);
        work();
    }
}

/// A figure that cannot be taken, and why; also printed.
void refuse(std::string_view name, std::string_view why);
/// The same with the kernel's reason for the last failed call.
void refuse_call(std::string_view name, std::string_view call);

}  // namespace rf::bench
