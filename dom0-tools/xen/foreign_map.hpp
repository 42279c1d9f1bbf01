// SPDX-License-Identifier: MIT
#pragma once
/// Machine frames of another domain, mapped through privcmd until destruction. Needs control over the target domain.
/// The mapping stays valid when the Privcmd that made it is closed.

#include <vector>

#include "xen/mapping.hpp"
#include "xen/privcmd.hpp"

namespace rf::xen {

/// A resource that the hypervisor lends out frame by frame (XENMEM_acquire_resource).
struct Resource {
    std::uint32_t type = 0;   ///< XENMEM_resource_*
    std::uint32_t id = 0;
    std::uint32_t first = 0;  ///< first frame within the resource
    std::size_t frames = 1;
};

class ForeignMap {
public:
    ForeignMap() = default;

    /// Maps all `frames` or none; the error names the first frame that failed.
    [[nodiscard]] static Result<ForeignMap> map(Privcmd& privcmd, DomainId domain, std::span<const Mfn> frames, Access access);
    [[nodiscard]] static Result<ForeignMap> map(Privcmd& privcmd, DomainId domain, Mfn frame, Access access);

    /// Maps what can be mapped. `errors()[i]` is 0 or the negative errno of frame i, whose page must then not be touched.
    [[nodiscard]] static Result<ForeignMap> map_partial(Privcmd& privcmd, DomainId domain, std::span<const Mfn> frames,
                                                        Access access);

    /// Maps a resource of `domain`, such as its grant table, before it has run. EOPNOTSUPP if the kernel cannot.
    [[nodiscard]] static Result<ForeignMap> map_resource(Privcmd& privcmd, DomainId domain, const Resource& resource);

    [[nodiscard]] std::byte* data() const { return pages_.data(); }
    [[nodiscard]] std::span<std::byte> bytes() const { return pages_.bytes(); }
    [[nodiscard]] std::span<std::byte> page(std::size_t index) const { return pages_.page(index); }
    [[nodiscard]] std::size_t pages() const { return pages_.pages(); }
    [[nodiscard]] const std::vector<std::int32_t>& errors() const { return errors_; }
    [[nodiscard]] explicit operator bool() const { return static_cast<bool>(pages_); }

private:
    ForeignMap(Mapping pages, std::vector<std::int32_t> errors) : pages_(std::move(pages)), errors_(std::move(errors)) {}

    Mapping pages_;
    std::vector<std::int32_t> errors_;
};

}  // namespace rf::xen
