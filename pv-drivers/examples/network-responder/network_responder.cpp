// SPDX-License-Identifier: MIT
// network-responder: a host on the first network card. It answers ARP, ping, and GET / on port 80. On the command line:
//   ip=10.9.0.7/24   a fixed address      ip=dhcp   a leased one (also without ip=)
// It sleeps unless a frame, an order of the toolstack, or a time-out under way wakes it.
#include <new>

#include "front/network.hpp"
#include "responder.hpp"
#include "runtime.hpp"

using namespace rf::runtime;
using namespace rf::responder;
using rf::front::NetworkCard;

namespace {

/// Frames taken in before time-outs and orders get their turn.
constexpr unsigned frames_at_once = 64;

class Guest final : public Link {
public:
    Guest() : card_(doors()) {}

    [[noreturn]] void run()
    {
        require(card_.open(require(NetworkCard::first_number(store), "find a network card")), "open the network card");
        auto& responder = *new (responder_room_) Responder{*this, card_.address(), Sender::Offload::yes, secret(), timer.now()};
        configure(responder);
        control.before_end([](void* guest) { static_cast<Guest*>(guest)->leave(); }, this);
        for (;;) {
            control.obey();
            follow_card(responder);
            answer(responder);
            responder.tick(timer.now());
            tell_address(responder);
            card_.flush();
            auto ready = [this] { return !card_.may_sleep() || control.asked(); };
            sleep(ready, responder.deadline());
        }
    }

    void transmit(Bytes frame, Checksum checksum) override
    {
        // what the ring has no room for is lost, as on any link
        const auto sum = checksum == Checksum::blank ? NetworkCard::Checksum::blank : NetworkCard::Checksum::known_good;
        static_cast<void>(card_.send(frame, sum));
    }

private:
    void configure(Responder& responder)
    {
        const auto wish = command_line_value("ip");
        if (wish.empty() || wish == "dhcp") {
            responder.lease();
            return;
        }
        const auto network = parse_network(wish);
        if (!network)
            panic("use ip=, which wants dhcp or an address such as 10.9.0.7/24", Error{xen::XEN_EINVAL});
        responder.use(*network);
    }

    void follow_card(Responder& responder)
    {
        if (!card_.changed())
            return;
        require(card_.advance(), "keep the network card");
        if (card_.up() == was_up_)
            return;
        was_up_ = card_.up();
        print("network-responder: the card is ", was_up_ ? "up" : "down", "\n");
        if (was_up_)
            responder.link_up(timer.now());
    }

    void answer(Responder& responder)
    {
        for (unsigned count = 0; count < frames_at_once; ++count) {
            const auto frame = card_.receive(room_);
            if (!frame)
                return;
            const auto sum = frame->checksum == NetworkCard::Checksum::complete ? Checksum::complete : Checksum::known_good;
            responder.input(frame->bytes, sum, timer.now());
        }
    }

    void tell_address(const Responder& responder)
    {
        const auto now = responder.network();
        const auto address = now ? now->address : no_address;
        if (address == told_ || !was_up_)
            return;
        told_ = address;
        const auto number = static_cast<std::uint32_t>(address);
        print("network-responder: address ", number >> 24, ".", number >> 16 & 255, ".", number >> 8 & 255, ".", number & 255, "/",
              now ? now->prefix_bits : 0, "\n");
    }

    static void sleep(rf::front::Condition ready, Time deadline)
    {
        if (deadline == never)
            static_cast<void>(events.wait(ready, rf::front::EventChannels::for_ever));
        else
            static_cast<void>(timer.wait_until(ready, deadline));
    }

    /// Differs between guests and between starts of one.
    [[nodiscard]] std::uint64_t secret() const
    {
        std::uint64_t value = timer.wall_clock();
        for (const auto part : card_.address())
            value = (value ^ part) * 0x100000001b3;
        return value;
    }

    void leave()
    {
        if (auto left = card_.close(); !left)
            print("network-responder: the backend did not take leave, error ", left.error().number, "\n");
        print("network-responder: end\n");
    }

    NetworkCard card_;
    bool was_up_ = false;
    Ipv4 told_ = no_address;
    std::byte room_[NetworkCard::frame_limit];
    alignas(Responder) std::byte responder_room_[sizeof(Responder)];
};

alignas(Guest) std::byte guest_room[sizeof(Guest)];

}  // namespace

void guest_main()
{
    require(grants.initialise(), "set up the grant table");
    require(connect_store(start_info()), "find XenStore");
    require(control.initialise(), "watch for orders");
    // in static memory, for the stack is small
    (new (guest_room) Guest)->run();
}
