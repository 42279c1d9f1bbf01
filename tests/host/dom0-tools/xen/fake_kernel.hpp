// SPDX-License-Identifier: MIT
#pragma once
/// The kernel behind the doors, in memory: event channels, granted and foreign pages, a hypervisor with a list of domains.
/// Ports behave as the hypervisor's: an offered port can be bound once, and is on offer again when its peer closes. The event
/// device is a real eventfd, so that an event loop can wait for it.

#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "xen/domctl.h"
#include "xen/kernel.hpp"
#include "xen/mapping.hpp"
#include "xen/types.hpp"
#include "xen/uapi.hpp"

namespace rf::xen {

class FakeKernel final : public Kernel {
public:
    struct alignas(page_size) Page {
        std::array<std::byte, page_size> bytes{};
    };
    struct Domain {
        std::uint16_t id = 0;
        std::uint32_t flags = 0;
    };
    using Hypercall = std::function<long(const uapi::PrivcmdHypercall&)>;

    // What a test sets up and looks at.
    std::map<std::pair<std::uint16_t, std::uint32_t>, Page> grants;       ///< (domain, reference)
    std::map<std::pair<std::uint16_t, std::uint64_t>, Page> frames;       ///< (domain, machine frame)
    std::set<std::pair<std::uint16_t, std::uint32_t>> offered;            ///< (domain, port) that may be bound
    std::map<std::uint32_t, std::pair<std::uint16_t, std::uint32_t>> bound;  ///< local port to (domain, port)
    std::map<std::uint32_t, int> notified;                                ///< by local port
    std::set<std::uint32_t> masked;
    std::vector<Domain> domains;
    Page own_ring;
    std::uint32_t own_port = 77;
    std::uint32_t exception_port = 0;
    std::set<std::string> missing_files;
    std::set<unsigned long> failing_requests;
    Hypercall on_hypercall;                 ///< replaces the built-in hypervisor
    int open_files = 0;
    int mapped = 0;                         ///< mappings alive
    std::vector<std::string> trace;         ///< "map", "unmap", "gntdev-unmap" in order

    /// The local port bound to a domain's port; 0 if none is.
    [[nodiscard]] std::uint32_t local_port(std::uint16_t domain, std::uint32_t port) const;
    /// A mapping of a page that belongs to the test.
    [[nodiscard]] Mapping lend(Page& page);
    /// Makes an event pending on a local port, as the hypervisor does when the peer notifies.
    void raise(std::uint32_t local);

    long open(const char* path, int flags) override;
    void close(int descriptor) override;
    long ioctl(int descriptor, unsigned long request, void* argument) override;
    long map(void*& address, std::size_t length, int protection, int flags, int descriptor, long offset) override;
    void unmap(void* address, std::size_t length) override;
    long read(int descriptor, std::span<std::byte> to) override;
    long write(int descriptor, std::span<const std::byte> from) override;

private:
    long evtchn(unsigned long request, void* argument);
    long gntdev(unsigned long request, void* argument);
    long privcmd(unsigned long request, void* argument);
    long hypercall(const uapi::PrivcmdHypercall& call);
    void release(std::uint32_t local);

    std::map<int, std::string> files_;
    std::map<std::uint64_t, std::vector<std::pair<std::uint16_t, std::uint32_t>>> grant_maps_;
    std::map<void*, std::size_t> borrowed_;     ///< mappings that are not ours to munmap
    std::deque<std::uint32_t> pending_;
    std::set<std::uint32_t> latched_;           ///< came in while masked
    std::uint32_t last_port_ = 100;
    std::uint64_t next_index_ = 0;
    int event_file_ = -1;
};

}  // namespace rf::xen
