// SPDX-License-Identifier: MIT
#pragma once
/// The door to /dev/xen/gntdev: mapping pages that another domain has granted, and copying to or from them.
/// A mapping keeps the device open, so it may outlive the object that made it. Guest pages are hostile memory: read each
/// field once, then check the copy.

#include <memory>
#include <optional>
#include <span>

#include "xen/descriptor.hpp"
#include "xen/mapping.hpp"
#include "xen/types.hpp"
#include "xen/uapi.hpp"

namespace rf::xen {

/// Pages of a foreign domain, mapped by grant until destruction. Move-only.
class GrantMapping {
public:
    GrantMapping() = default;
    GrantMapping(GrantMapping&&) noexcept = default;
    GrantMapping& operator=(GrantMapping&& other) noexcept;
    ~GrantMapping();

    [[nodiscard]] std::span<std::byte> bytes() const { return pages_.bytes(); }
    [[nodiscard]] std::byte* data() const { return pages_.data(); }
    [[nodiscard]] std::span<std::byte> page(std::size_t index) const { return pages_.page(index); }
    [[nodiscard]] std::size_t pages() const { return pages_.pages(); }
    [[nodiscard]] explicit operator bool() const { return static_cast<bool>(pages_); }

    /// What the kernel does when the mapping goes away, even by death of this process.
    struct UnmapNotice {
        std::optional<std::size_t> clear_byte;  ///< offset into the mapping of a byte to set to zero
        std::optional<LocalPort> notify;        ///< event channel to send
    };
    [[nodiscard]] Result<void> notify_on_unmap(const UnmapNotice& notice);

private:
    friend class GrantMapper;
    GrantMapping(std::shared_ptr<Descriptor> device, Mapping pages, std::uint64_t index)
        : device_(std::move(device)), pages_(std::move(pages)), index_(index) {}

    std::shared_ptr<Descriptor> device_;
    Mapping pages_;
    std::uint64_t index_ = 0;
};

class GrantMapper {
public:
    [[nodiscard]] static Result<GrantMapper> open(Kernel& kernel = Kernel::host());

    /// Has the kernel make its pool of page frames for mappings, which it otherwise does at the first one: seconds, once.
    [[nodiscard]] Result<void> make_ready();
    /// Maps `refs` of one domain side by side. All or nothing.
    [[nodiscard]] Result<GrantMapping> map(DomainId domain, std::span<const GrantRef> refs, Access access);
    [[nodiscard]] Result<GrantMapping> map(DomainId domain, GrantRef ref, Access access);
    /// Hypervisor-side copies, one status (GNTST_*) per segment; fails as a whole only on a malformed request.
    [[nodiscard]] Result<void> copy(std::span<uapi::GntdevCopySegment> segments);

private:
    explicit GrantMapper(std::shared_ptr<Descriptor> device) : device_(std::move(device)) {}

    std::shared_ptr<Descriptor> device_;
};

}  // namespace rf::xen
