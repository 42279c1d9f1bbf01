// SPDX-License-Identifier: MIT
#include "xen/own_store.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/mman.h>

namespace rf::xen {

Result<OwnStoreRing> OwnStoreRing::open(Kernel& kernel)
{
    auto port_file = Descriptor::open(kernel, "/proc/xen/xsd_port", O_RDONLY);
    if (!port_file)
        return failure(port_file.error().code, port_file.error().message + " (mount xenfs on /proc/xen)");
    std::array<char, 16> text{};
    const long length = kernel.read(port_file->number(), std::as_writable_bytes(std::span(text)));
    OwnStoreRing ring;
    const auto parsed = std::from_chars(text.data(), text.data() + (length < 0 ? 0 : length), ring.port.value);
    if (length < 0 || parsed.ec != std::errc{})
        return failure(length < 0 ? length : EINVAL, "cannot read the kernel's store port");

    auto page_file = Descriptor::open(kernel, "/proc/xen/xsd_kva", O_RDWR);
    if (!page_file)
        return std::unexpected(page_file.error());
    void* address = nullptr;
    const long result = kernel.map(address, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, page_file->number(), 0);
    if (result < 0)
        return failure(result, "cannot map the kernel's store ring");
    ring.page = Mapping(kernel, address, page_size);
    return ring;
}

}  // namespace rf::xen
