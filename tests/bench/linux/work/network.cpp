// SPDX-License-Identifier: MIT
// Packets and streams between two domains: `serve` in one, `network`, which measures, in the other.
#include <arpa/inet.h>
#include <cstring>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "verbs.hpp"
#include "window.hpp"

namespace rf::bench {

namespace {

constexpr std::uint16_t packet_port = 7001, stream_port = 7002;
constexpr std::size_t packet_bytes = 64, piece_bytes = 64 * 1024;
constexpr std::uint32_t burst = 32, bursts = 100, round_trips = 1000, stream_mebibytes = 16;
constexpr int answer_limit = 2000, most_losses = 5;

enum class Order : std::uint32_t { answer_last, send };

/// The head of each packet; of no consequence behind it.
struct Packet {
    Order order;
    std::uint32_t number, count;
    char filling[packet_bytes - 12];
};
static_assert(sizeof(Packet) == packet_bytes);

/// What a stream begins with.
struct StreamOrder {
    Order order;  ///< answer_last: the server takes, send: it gives
    std::uint32_t mebibytes;
};

sockaddr_in address_of(const char* host, std::uint16_t port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = host == nullptr ? INADDR_ANY : ::inet_addr(host);
    return address;
}

int open_socket(int type, const char* host, std::uint16_t port)
{
    const int descriptor = ::socket(AF_INET, type, 0);
    const auto address = address_of(host, port);
    const auto* const raw = reinterpret_cast<const sockaddr*>(&address);
    const int on = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const int result = host == nullptr ? ::bind(descriptor, raw, sizeof address) : ::connect(descriptor, raw, sizeof address);
    if (result == 0)
        return descriptor;
    ::close(descriptor);
    return -1;
}

bool transfer_all(int descriptor, std::uint64_t bytes, bool sending)
{
    static std::vector<char> piece(piece_bytes);
    while (bytes > 0) {
        const std::size_t wanted = bytes < piece_bytes ? bytes : piece_bytes;
        const ssize_t moved = sending ? ::send(descriptor, piece.data(), wanted, MSG_NOSIGNAL) : ::recv(descriptor, piece.data(), wanted, 0);
        if (moved <= 0)
            return false;
        bytes -= static_cast<std::uint64_t>(moved);
    }
    return true;
}

void serve_packet(int descriptor)
{
    Packet packet;
    sockaddr_in from{};
    socklen_t length = sizeof from;
    if (::recvfrom(descriptor, &packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&from), &length) != sizeof packet)
        return;
    const std::uint32_t answers = packet.order == Order::send ? packet.count : packet.number + 1 == packet.count ? 1 : 0;
    for (packet.number = 0; packet.number < answers && packet.number < burst; ++packet.number)
        ::sendto(descriptor, &packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&from), length);
}

void serve_stream(int listener)
{
    const int stream = ::accept(listener, nullptr, nullptr);
    StreamOrder order;
    if (stream >= 0 && ::recv(stream, &order, sizeof order, MSG_WAITALL) == sizeof order &&
        transfer_all(stream, std::uint64_t{order.mebibytes} << 20, order.order == Order::send) && order.order == Order::answer_last)
        transfer_all(stream, 1, true);
    ::close(stream);
}

class Client {
public:
    Client(std::string name, const char* host) : name_(std::move(name)), host_(host), packets_(open_socket(SOCK_DGRAM, host, packet_port)) {}

    /// Whether the server answers at all, within half a minute.
    bool reach()
    {
        for (int attempt = 0; attempt < 15; ++attempt)
            if (exchange(Order::answer_last, 1, 1))
                return true;
        return false;
    }

    void measure_packets()
    {
        run("round_trip", round_trips, round_trips, Order::answer_last, 1, 1);
        run("packets_out", bursts * burst, bursts, Order::answer_last, burst, 1);
        run("packets_in", bursts * burst, bursts, Order::send, 1, burst);
    }

    void measure_streams()
    {
        for (const Order order : {Order::answer_last, Order::send}) {
            const std::string figure = name_ + (order == Order::send ? ".tcp_in" : ".tcp_out");
            bool good = true;
            measure(figure, stream_mebibytes, [&] { good = good && stream(order); });
            if (!good)
                refuse_call(figure, "the stream");
        }
    }

private:
    /// Sends `there` packets and waits for `back` of them.
    bool exchange(Order order, std::uint32_t there, std::uint32_t back)
    {
        Packet packet{order, 0, order == Order::send ? back : there, {}};
        for (; packet.number < there; ++packet.number)
            if (::send(packets_, &packet, sizeof packet, 0) != sizeof packet)
                return false;
        for (std::uint32_t i = 0; i < back; ++i) {
            pollfd wait{packets_, POLLIN, 0};
            if (::poll(&wait, 1, answer_limit) != 1 || ::recv(packets_, &packet, sizeof packet, 0) != sizeof packet)
                return false;
        }
        return true;
    }

    void run(const char* kind, std::uint32_t packets, std::uint32_t rounds, Order order, std::uint32_t there, std::uint32_t back)
    {
        const std::string figure = name_ + "." + kind;
        int losses = 0;
        measure(figure, packets, [&] {
            for (std::uint32_t i = 0; i < rounds && losses < most_losses; ++i)
                losses += exchange(order, there, back) ? 0 : 1;
        });
        if (losses > 0)
            refuse(figure, std::to_string(losses) + " exchanges lost packets");
    }

    bool stream(Order order)
    {
        const int descriptor = open_socket(SOCK_STREAM, host_, stream_port);
        const StreamOrder words{order, stream_mebibytes};
        const bool done = descriptor >= 0 && ::send(descriptor, &words, sizeof words, MSG_NOSIGNAL) == sizeof words &&
                          transfer_all(descriptor, std::uint64_t{stream_mebibytes} << 20, order == Order::answer_last) &&
                          (order == Order::send || transfer_all(descriptor, 1, false));
        ::close(descriptor);
        return done;
    }

    std::string name_;
    const char* host_;
    int packets_;
};

}  // namespace

int serve_network(Words)
{
    pollfd doors[2] = {{open_socket(SOCK_DGRAM, nullptr, packet_port), POLLIN, 0}, {open_socket(SOCK_STREAM, nullptr, stream_port), POLLIN, 0}};
    if (doors[0].fd < 0 || doors[1].fd < 0 || ::listen(doors[1].fd, 4) != 0) {
        refuse_call("serve", "listening");
        return 1;
    }
    while (::poll(doors, 2, -1) > 0) {
        if (doors[0].revents != 0)
            serve_packet(doors[0].fd);
        if (doors[1].revents != 0)
            serve_stream(doors[1].fd);
    }
    return 1;
}

int measure_network(Words words)
{
    if (words.size() != 2)
        return 2;
    Client client(words[0], words[1]);
    if (!client.reach()) {
        refuse(words[0], std::string("no answer from ") + words[1]);
        return 1;
    }
    client.measure_packets();
    client.measure_streams();
    return 0;
}

}  // namespace rf::bench
