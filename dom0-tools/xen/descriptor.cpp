// SPDX-License-Identifier: MIT
#include "xen/descriptor.hpp"

#include <cerrno>

namespace rf::xen {

Result<Descriptor> Descriptor::open(Kernel& kernel, const char* path, int flags)
{
    const long number = kernel.open(path, flags);
    if (number >= 0)
        return Descriptor(kernel, static_cast<int>(number));
    std::string message = std::string("cannot open ") + path;
    if (number == -ENOENT || number == -ENODEV)
        message += " (is this Dom0, and are the modules xen-privcmd, xen-evtchn, xen-gntdev and xenfs loaded?)";
    else if (number == -EACCES || number == -EPERM)
        message += " (run as root)";
    return failure(number, std::move(message));
}

}  // namespace rf::xen
