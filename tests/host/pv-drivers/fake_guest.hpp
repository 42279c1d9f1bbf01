// SPDX-License-Identifier: MIT
#pragma once
/// A guest and the kernel between it and a backend, for tests: pages that the guest grants, event channels it offers, behind
/// the system calls of gntdev and evtchn. Mapped pages really are the guest's pages, so both sides see each other's writes.

#include <map>
#include <vector>

#include "xen/event_channels.hpp"
#include "xen/grant_map.hpp"
#include "xen/kernel.hpp"

namespace rf::test {

class FakeGuest final : public xen::Kernel {
public:
    static constexpr xen::DomainId domain{7};

    explicit FakeGuest(std::size_t pages = 512);
    ~FakeGuest() override;

    /// The guest's own view of its pages.
    [[nodiscard]] std::span<std::byte> page(std::size_t number) const;
    [[nodiscard]] std::span<std::byte> pages(std::size_t first, std::size_t count) const;
    enum class Permit { read_only, read_write };
    /// Grants a page to the backend's domain; the reference chosen is `ref`.
    void grant(std::uint32_t ref, std::size_t page, Permit permit = Permit::read_write);
    void revoke(std::uint32_t ref) { grants_.erase(ref); }

    /// Pages mapped by grant just now, mappings made since the start, copies, and events sent to the guest.
    std::size_t mapped_pages = 0;
    std::size_t map_calls = 0;
    std::size_t copied_segments = 0;
    std::size_t split_copies = 0;  ///< of these, such as cross a boundary of the backend's pages
    std::map<std::uint32_t, unsigned> notified;  ///< by the backend's port
    std::size_t bound_ports = 0;

    [[nodiscard]] long open(const char* path, int flags) override;
    void close(int) override {}
    [[nodiscard]] long ioctl(int descriptor, unsigned long request, void* argument) override;
    [[nodiscard]] long map(void*& address, std::size_t length, int protection, int flags, int descriptor, long offset) override;
    void unmap(void* address, std::size_t length) override;
    [[nodiscard]] long read(int, std::span<std::byte>) override { return -11; }
    [[nodiscard]] long write(int, std::span<const std::byte> from) override { return static_cast<long>(from.size()); }

private:
    struct Grant {
        std::size_t page;
        Permit permit;
    };

    long copy(xen::uapi::GntdevCopySegment& segment);
    [[nodiscard]] std::byte* granted(const xen::uapi::GntdevCopyEnd& end, std::size_t length, bool write);

    int memory_ = -1;
    std::byte* view_ = nullptr;
    std::size_t count_;
    std::map<std::uint32_t, Grant> grants_;
    std::map<std::uint64_t, std::vector<std::uint32_t>> requested_;  ///< by offset for mmap
    std::map<void*, std::size_t> grant_maps_;
    std::uint64_t next_offset_ = 0;
    std::uint32_t next_port_ = 100;
};

}  // namespace rf::test
