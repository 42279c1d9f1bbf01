// SPDX-License-Identifier: MIT
#include "lifecycle/loop_device.hpp"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <utility>

namespace rf::lifecycle {
namespace {

using builder::fail;

constexpr unsigned most_attempts = 64;  ///< others may take the free device before we do

std::unexpected<builder::Failure> refuse(const std::string& doing, int code)
{
    return fail(builder::kind_of(code), doing + ": " + std::strerror(code));
}

}  // namespace

LoopDevice::LoopDevice(LoopDevice&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), device_(std::move(other.device_))
{
}

LoopDevice& LoopDevice::operator=(LoopDevice&& other) noexcept
{
    std::swap(descriptor_, other.descriptor_);
    std::swap(device_, other.device_);
    return *this;
}

LoopDevice::~LoopDevice()
{
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

builder::Result<LoopDevice> LoopDevice::attach(const std::string& path, config::WriteAccess access)
{
    const int mode = access == config::WriteAccess::read_only ? O_RDONLY : O_RDWR;
    const int file = ::open(path.c_str(), mode | O_CLOEXEC);
    if (file < 0)
        return refuse("cannot open disk " + path, errno);
    const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    const int control_problem = errno;
    builder::Result<LoopDevice> result = refuse("cannot open /dev/loop-control (kernel module loop)", control_problem);
    for (unsigned attempt = 0; control >= 0 && attempt < most_attempts; ++attempt) {
        const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) {
            result = refuse("no loop device for disk " + path, errno);
            break;
        }
        LoopDevice loop;
        loop.device_ = "/dev/loop" + std::to_string(number);
        loop.descriptor_ = ::open(loop.device_.c_str(), mode | O_CLOEXEC);
        if (loop.descriptor_ < 0) {
            result = refuse("cannot open " + loop.device_, errno);
            break;
        }
        loop_config setup{};
        setup.fd = static_cast<unsigned>(file);
        setup.info.lo_flags = LO_FLAGS_AUTOCLEAR;
        if (mode == O_RDONLY)
            setup.info.lo_flags |= LO_FLAGS_READ_ONLY;
        std::strncpy(reinterpret_cast<char*>(setup.info.lo_file_name), path.c_str(), LO_NAME_SIZE - 1);
        if (::ioctl(loop.descriptor_, LOOP_CONFIGURE, &setup) == 0) {
            result = std::move(loop);
            break;
        }
        result = refuse("cannot attach disk " + path + " to " + loop.device_, errno);
        if (errno != EBUSY)
            break;
    }
    if (control >= 0)
        ::close(control);
    ::close(file);
    return result;
}

builder::Result<std::string> device_number(const std::string& device)
{
    struct stat status {};
    if (::stat(device.c_str(), &status) != 0)
        return refuse("disk " + device, errno);
    if (!S_ISBLK(status.st_mode))
        return fail(builder::Kind::invalid, "disk " + device + " is not a block device");
    char text[32];
    std::snprintf(text, sizeof text, "%x:%x", major(status.st_rdev), minor(status.st_rdev));
    return std::string(text);
}

}  // namespace rf::lifecycle
