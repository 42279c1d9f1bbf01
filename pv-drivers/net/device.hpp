// SPDX-License-Identifier: MIT
#pragma once
/// A virtual network card as the handshake sees it: what it offers, how a frontend's rings are joined and left.

#include <memory>
#include <vector>

#include "net/receive.hpp"
#include "net/transmit.hpp"
#include "xenbus/backend.hpp"
#include "xenbus/server.hpp"

namespace rf::net {

inline constexpr std::uint32_t max_queues = 4;

/// Bytes of the response-log file of one card.
[[nodiscard]] std::size_t log_bytes();

/// What the privileged side hands over.
struct OpenCard {
    std::vector<TapQueue> queues;  ///< 1 to max_queues
    xen::Descriptor log;
    std::uint32_t mtu = 1500;
    std::optional<Rate> rate;
};
using CardOpener = std::function<Result<OpenCard>()>;

class Device final : public xenbus::Backend, public xenbus::Server {
public:
    Device(Doors doors, xen::DomainId domain, CardOpener opener);

    [[nodiscard]] Result<void> prepare() override;
    [[nodiscard]] std::vector<xenbus::Node> features() const override;
    [[nodiscard]] Result<void> connect(xenbus::Store& store, const std::string& frontend, xenbus::Start start) override;
    [[nodiscard]] bool serving() const override { return serving_; }
    [[nodiscard]] Rest disconnect() override;

    Work turn() override;
    [[nodiscard]] std::vector<xen::LocalPort> ports() const override;
    [[nodiscard]] bool worked(xen::LocalPort port) override;
    void add_wake_descriptors(std::vector<int>& descriptors) const override;
    void readable(int descriptor) override;
    void quiesce() override;
    [[nodiscard]] bool at_rest() const override { return true; }

private:
    /// A pair of rings and their one or two event channels.
    struct Queue {
        std::unique_ptr<Transmit> transmit;
        std::unique_ptr<Receive> receive;
        xen::LocalPort transmit_port;
        xen::LocalPort receive_port;  ///< the same if the frontend does not split them
        bool transmit_worked = false; ///< since this port's last event, in either direction
        bool receive_worked = false;  ///< the same for the other port
    };

    [[nodiscard]] Result<FrontFeatures> read_features(xenbus::Store& store, const std::string& frontend) const;
    [[nodiscard]] Result<void> connect_queue(xenbus::Store& store, const std::string& directory, std::uint32_t index,
                                             const FrontFeatures& front);
    [[nodiscard]] Result<void> bind(xenbus::Store& store, const std::string& directory, Queue& queue);
    [[nodiscard]] Result<void> set_up_tap(const FrontFeatures& front, std::uint32_t queues);
    void discard_old_packets(std::uint32_t queues);
    Turn serve(Queue& queue);
    void release();

    Doors doors_;
    xen::DomainId domain_;
    CardOpener opener_;
    OpenCard card_;
    TokenBucket bucket_;
    xen::Mapping log_;
    std::vector<Queue> queues_;
    bool serving_ = false;
};

}  // namespace rf::net
