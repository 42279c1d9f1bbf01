// SPDX-License-Identifier: MIT
#pragma once
/// The door to /dev/xen/privcmd: hypercalls by number and mapping of foreign frames. Typed hypercalls are built on it in
/// control.hpp, system.hpp and memory.hpp. Not thread-safe; one object per thread. Stable address is not required.

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "xen/descriptor.hpp"
#include "xen/hypercall_buffer.hpp"
#include "xen/mapping.hpp"
#include "xen/types.hpp"

namespace rf::xen {

class Privcmd {
public:
    [[nodiscard]] static Result<Privcmd> open(Kernel& kernel = Kernel::host());

    /// A zeroed buffer of at least `bytes` (rounded up to pages).
    [[nodiscard]] Result<HypercallBuffer> buffer(std::size_t bytes);

    /// Issues hypercall `number`. Returns the value in RAX when >= 0, else its errno with `what` as the message.
    [[nodiscard]] Result<std::uint64_t> hypercall(unsigned number, const std::array<std::uint64_t, 5>& arguments,
                                                  const char* what);

    /// Issues `number` with a structure as argument `position`; the structure is copied in, and copied back even when the
    /// call fails, because some operations then say in it what was wrong.
    template <class T>
    [[nodiscard]] Result<std::uint64_t> hypercall_with(unsigned number, std::array<std::uint64_t, 5> arguments,
                                                       std::size_t position, T& structure, const char* what)
    {
        static_assert(sizeof(T) <= page_size);
        auto bounce = scratch();
        if (!bounce)
            return std::unexpected(bounce.error());
        std::memcpy(bounce->data(), &structure, sizeof(T));
        arguments[position] = bounce->address();
        auto result = hypercall(number, arguments, what);
        std::memcpy(&structure, bounce->data(), sizeof(T));
        give_back(std::move(*bounce));
        return result;
    }

    /// The open device, for the mapping doors.
    [[nodiscard]] Descriptor& device() { return device_; }

private:
    Privcmd(Descriptor device, Descriptor buffers) : device_(std::move(device)), buffers_(std::move(buffers)) {}

    [[nodiscard]] Result<HypercallBuffer> scratch();
    void give_back(HypercallBuffer buffer);

    Descriptor device_;
    Descriptor buffers_;               ///< /dev/xen/hypercall, or closed when the kernel has none
    std::vector<Mapping> free_pages_;  ///< single pages kept for hypercall_with
};

}  // namespace rf::xen
