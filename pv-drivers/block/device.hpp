// SPDX-License-Identifier: MIT
#pragma once
/// A virtual disk as the handshake sees it: what it offers, how a frontend's rings are joined and left.

#include <functional>
#include <memory>
#include <vector>

#include "block/queue.hpp"
#include "xenbus/backend.hpp"
#include "xenbus/server.hpp"

namespace rf::block {

inline constexpr std::uint32_t max_queues = 4;
inline constexpr std::uint32_t max_ring_order = 4;

/// Bytes of the journal file of one disk.
[[nodiscard]] std::size_t journal_bytes();

/// What the privileged side hands over.
struct OpenDisk {
    Disk disk;
    xen::Descriptor journal;
};
using DiskOpener = std::function<Result<OpenDisk>()>;
/// Where a line for the operator goes.
using Log = std::function<void(const std::string&)>;

class Device final : public xenbus::Backend, public xenbus::Server {
public:
    Device(Doors doors, xen::DomainId domain, DiskOpener opener, Log log);

    [[nodiscard]] Result<void> prepare() override;
    [[nodiscard]] std::vector<xenbus::Node> features() const override;
    [[nodiscard]] Result<void> connect(xenbus::Store& store, const std::string& frontend, xenbus::Start start) override;
    [[nodiscard]] bool serving() const override { return serving_; }
    [[nodiscard]] Rest disconnect() override;

    Work turn() override;
    [[nodiscard]] std::vector<xen::LocalPort> ports() const override;
    [[nodiscard]] bool worked(xen::LocalPort port) override;
    void quiesce() override;
    [[nodiscard]] bool at_rest() const override;

private:
    [[nodiscard]] Result<void> connect_queues(xenbus::Store& store, std::uint32_t count);
    [[nodiscard]] Result<std::unique_ptr<Queue>> connect_queue(xenbus::Store& store, const std::string& directory,
                                                               std::uint32_t index);
    [[nodiscard]] Result<std::vector<xen::GrantRef>> read_ring(xenbus::Store& store, const std::string& directory,
                                                              const std::string& frontend) const;
    void tell_troubles();
    void release();

    Doors doors_;
    xen::DomainId domain_;
    DiskOpener opener_;
    Log log_;
    FailureReport report_;
    Disk disk_;
    xen::Mapping journal_;
    std::vector<std::unique_ptr<Queue>> queues_;
    std::string frontend_;
    bool serving_ = false;
    bool told_broken_ = false;  ///< of this connection
};

}  // namespace rf::block
