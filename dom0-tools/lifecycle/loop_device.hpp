// SPDX-License-Identifier: MIT
#pragma once
/// A file as a block device. The kernel frees the device when its last user closes it, so nothing is left behind whoever
/// dies when; this object is one user, and a kernel backend that has opened the device is another.

#include <string>

#include "builder/failure.hpp"
#include "config/domain_spec.hpp"

namespace rf::lifecycle {

class LoopDevice {
public:
    LoopDevice() = default;
    LoopDevice(LoopDevice&& other) noexcept;
    LoopDevice& operator=(LoopDevice&& other) noexcept;
    ~LoopDevice();

    [[nodiscard]] static builder::Result<LoopDevice> attach(const std::string& path, config::WriteAccess access);
    [[nodiscard]] const std::string& device() const { return device_; }

private:
    int descriptor_ = -1;
    std::string device_;
};

/// "major:minor" in hexadecimal of a block device.
[[nodiscard]] builder::Result<std::string> device_number(const std::string& device);

}  // namespace rf::lifecycle
