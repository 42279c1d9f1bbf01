// SPDX-License-Identifier: MIT
// Story: browsers fetch the guest's page over links that lose, repeat and reorder, with small windows and small segments; others
// scan, flood and reset. Every page arrives whole, the table never overflows, and in the end no connection and no timer is left.
#include "wire_side.hpp"

#include <algorithm>
#include <functional>
#include <random>

namespace {

using namespace rf::test;
using namespace rf::responder;

constexpr unsigned fin = 1, syn = 2, rst = 4, ack = 16;

/// A browser that repeats what is not acknowledged: one chunk of the request at a time.
class Browser {
public:
    Browser(unsigned port, std::string request, std::size_t chunk, unsigned window, Octets options)
        : port_(port), request_(std::move(request)), chunk_(chunk), window_(window), options_(std::move(options))
    {
    }

    /// What it sends now.
    std::vector<TcpFields> due()
    {
        TcpFields fields{.from_port = port_, .sequence = sequence_, .acknowledgment = received_, .flags = ack, .window = window_, .options = {}, .data = {}};
        if (done_)
            return {};
        if (!connected_) {
            fields.flags = syn;
            fields.acknowledgment = 0;
            fields.options = options_;
        } else if (sent_ < request_.size()) {
            fields.data = request_.substr(sent_, chunk_);
        } else if (closed_) {
            fields.flags |= fin;
        }
        return {fields};
    }

    void input(const TcpFields& fields)
    {
        if (fields.flags & rst) {
            was_reset = true;
            done_ = true;
            return;
        }
        if (fields.flags & syn) {
            if (!connected_) {
                connected_ = true;
                received_ = fields.sequence + 1;
                ++sequence_;
                limit = fields.options.size() == 4 ? get16(fields.options, 2) : 0;
            }
            return;
        }
        while (sent_ < request_.size() && static_cast<std::int32_t>(fields.acknowledgment - sequence_) > 0) {
            const auto step = std::min<std::size_t>(fields.acknowledgment - sequence_, request_.size() - sent_);
            sequence_ += static_cast<std::uint32_t>(step);
            sent_ += step;
        }
        if (closed_ && fields.acknowledgment == sequence_ + 1)
            done_ = true;
        largest = std::max(largest, fields.data.size());
        if (fields.sequence != received_)
            return;
        answer += fields.data;
        received_ += static_cast<std::uint32_t>(fields.data.size());
        if ((fields.flags & fin) && !closed_) {
            ++received_;
            closed_ = true;
        }
    }

    bool done() const { return done_; }
    std::string answer;
    std::size_t largest = 0;
    unsigned limit = 0;
    bool was_reset = false;

private:
    unsigned port_;
    std::string request_;
    std::size_t chunk_;
    unsigned window_;
    Octets options_;
    std::uint32_t sequence_ = 0xfffffff0;  // wraps soon
    std::uint32_t received_ = 0;
    std::size_t sent_ = 0;
    bool connected_ = false, closed_ = false, done_ = false;
};

/// Runs browsers against the host until all are done; `lose` decides about every frame.
void browse(Host& host, std::vector<Browser>& browsers, const std::function<unsigned()>& copies, Time limit)
{
    const auto end = host.now + limit;
    while (host.now < end && !std::ranges::all_of(browsers, &Browser::done)) {
        for (auto& browser : browsers)
            for (const auto& fields : browser.due())
                for (unsigned copy = copies(); copy > 0; --copy)
                    host.input(fields);
        for (auto sent = std::exchange(host.wire.sent, {}); auto& frame : sent) {
            const auto fields = tcp_in(frame.frame);
            for (unsigned copy = copies(); copy > 0; --copy)
                browsers.at(fields.to_port - 40000).input(fields);
        }
        host.pass(50 * milliseconds);
    }
    for (auto& browser : browsers)
        EXPECT_TRUE(browser.done());
}

std::string body(const std::string& answer)
{
    const auto end = answer.find("\r\n\r\n");
    return end == std::string::npos ? "" : answer.substr(end + 4);
}

TEST(Tcp, ServesThePageAndForgetsTheConnection)
{
    Host host;
    std::vector<Browser> one{{40000, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1000, 8192, {2, 4, 5, 0xb4}}};
    browse(host, one, [] { return 1u; }, 5 * seconds);
    EXPECT_TRUE(one[0].answer.starts_with("HTTP/1.0 200 OK\r\n")) << one[0].answer;
    EXPECT_NE(one[0].answer.find("Content-Length: " + std::to_string(body(one[0].answer).size()) + "\r\n"), std::string::npos);
    EXPECT_NE(body(one[0].answer).find("Hello from a Ringfort guest"), std::string::npos);
    EXPECT_NE(body(one[0].answer).find("Answer 1 after"), std::string::npos);
    EXPECT_EQ(one[0].limit, 1460u);
    host.pass(3 * seconds);
    EXPECT_EQ(host.responder.listener().connections(), 0u);
    EXPECT_EQ(host.responder.deadline(), never);
}

TEST(Tcp, AnswersWhatIsNotThePage)
{
    const std::pair<const char*, const char*> cases[] = {
        {"GET /etc/passwd HTTP/1.0\r\n\r\n", "404"}, {"POST / HTTP/1.0\r\n\r\n", "501"}, {"GET\r\n\r\n", "400"},         {"\r\n", "400"},
        {"GET /index.html HTTP/1.0\n\n", "200"},      {"HEAD / HTTP/1.0\r\n\r\n", "200"}, {"GET  HTTP/1.0\r\n\r\n", "400"}};
    unsigned port = 40000;
    for (const auto& [request, status] : cases) {
        Host host;
        std::vector<Browser> one{{port, request, 1000, 8192, {}}};
        browse(host, one, [] { return 1u; }, 5 * seconds);
        EXPECT_EQ(one[0].answer.substr(9, 3), status) << request;
        EXPECT_EQ(body(one[0].answer).empty(), std::string(request).starts_with("HEAD"));
    }
    Host host;
    std::vector<Browser> endless{{40000, "GET / HTTP/1.0\r\nX: " + std::string(8000, 'x'), 1000, 8192, {}}};
    browse(host, endless, [] { return 1u; }, 15 * seconds);
    EXPECT_EQ(endless[0].answer.substr(9, 3), "400");
}

TEST(Tcp, RespectsTheOtherSidesLimits)
{
    for (const auto& [limit, window] : std::vector<std::pair<unsigned, unsigned>>{{88, 8192}, {1460, 100}, {64, 64}, {1, 8192}, {65535, 65535}, {536, 1}}) {
        Host host;
        Octets option = {1, 1, 2, 4};
        put16(option, limit);
        option.insert(option.end(), {1, 0});
        std::vector<Browser> one{{40000, "GET / HTTP/1.0\r\n\r\n", 1000, window, option}};
        // one byte per window takes longer than a connection may live; that it is cut off cleanly is enough
        if (window == 1) {
            const auto end = host.now + 25 * seconds;
            while (host.now < end && !one[0].done()) {
                for (const auto& fields : one[0].due())
                    host.input(fields);
                for (auto sent = std::exchange(host.wire.sent, {}); auto& frame : sent)
                    one[0].input(tcp_in(frame.frame));
                host.pass(150 * milliseconds);
            }
            EXPECT_TRUE(one[0].was_reset);
            EXPECT_EQ(one[0].largest, 1u);
            continue;
        }
        browse(host, one, [] { return 1u; }, 15 * seconds);
        EXPECT_LE(one[0].largest, std::min(std::max(limit, 64u), window)) << limit << " " << window;
        EXPECT_FALSE(body(one[0].answer).empty());
    }
}

TEST(Tcp, PagesArriveWholeOverLinksThatLoseAndRepeat)
{
    for (unsigned seed = 0; seed < 150; ++seed) {
        std::mt19937 random(seed);
        Host host{seed % 2 ? Sender::Offload::yes : Sender::Offload::no};
        std::vector<Browser> browsers;
        for (unsigned i = 0; i < 1 + seed % 10; ++i)
            browsers.emplace_back(40000 + i, "GET / HTTP/1.0\r\nUser-Agent: test\r\n\r\n", 1 + random() % 60, 512 + random() % 2000, Octets{2, 4, 1, 0});
        browse(host, browsers, [&] { return random() % 6 == 0 ? 0u : random() % 6 == 0 ? 2u : 1u; }, 20 * seconds);
        for (auto& browser : browsers) {
            EXPECT_TRUE(browser.answer.starts_with("HTTP/1.0 200 OK\r\n")) << seed;
            EXPECT_NE(browser.answer.find("Content-Length: " + std::to_string(body(browser.answer).size()) + "\r\n"), std::string::npos) << seed;
            EXPECT_TRUE(browser.answer.ends_with("</html>\n")) << seed;
        }
        host.pass(25 * seconds);
        EXPECT_EQ(host.responder.deadline(), never) << seed;
    }
}

/// A connection that is set up by hand; returns the guest's next sequence number.
std::uint32_t establish(Host& host, unsigned port)
{
    host.wire.sent.clear();
    host.input(TcpFields{.from_port = port, .sequence = 1000, .flags = syn});
    const auto answer = tcp_in(host.wire.take());
    EXPECT_EQ(answer.flags, syn | ack);
    EXPECT_EQ(answer.acknowledgment, 1001u);
    host.input(TcpFields{.from_port = port, .sequence = 1001, .acknowledgment = answer.sequence + 1, .flags = ack});
    EXPECT_TRUE(host.wire.sent.empty());
    return answer.sequence + 1;
}

TEST(Tcp, SendsAgainUntilItGivesUp)
{
    Host host;
    const auto next = establish(host, 50000);
    host.input(TcpFields{.from_port = 50000, .sequence = 1001, .acknowledgment = next, .flags = ack, .data = "GET / HTTP/1.0\r\n\r\n"});
    const auto first = tcp_in(host.wire.take());
    EXPECT_TRUE(first.flags & fin);
    unsigned repetitions = 0;
    const auto begin = host.now;
    while (host.responder.deadline() != never) {
        host.pass(100 * milliseconds);
        while (!host.wire.sent.empty()) {
            const auto again = tcp_in(host.wire.take());
            if (again.flags & rst)
                continue;
            EXPECT_EQ(again.sequence, first.sequence);
            EXPECT_EQ(again.data, first.data);
            ++repetitions;
        }
    }
    EXPECT_GE(repetitions, 4u);
    EXPECT_LE(repetitions, Connection::repetition_limit);
    EXPECT_LE(host.now - begin, Connection::lifetime + seconds);
    EXPECT_EQ(host.responder.listener().connections(), 0u);
}

TEST(Tcp, AsksAClosedWindowWithOneByte)
{
    Host host;
    const auto next = establish(host, 50000);
    host.input(TcpFields{.from_port = 50000, .sequence = 1001, .acknowledgment = next, .flags = ack, .window = 0, .data = "GET / HTTP/1.0\r\n\r\n"});
    EXPECT_TRUE(tcp_in(host.wire.take()).data.empty());
    host.pass(Connection::first_patience);
    EXPECT_EQ(tcp_in(host.wire.take()).data.size(), 1u);
    host.input(TcpFields{.from_port = 50000, .sequence = 1019, .acknowledgment = next, .flags = ack, .window = 8192});
    const auto rest = tcp_in(host.wire.take());
    EXPECT_FALSE(rest.data.empty());
    EXPECT_TRUE(rest.flags & fin);
}

TEST(Tcp, IsNotFooledByGuessedResetsSynsAndAcknowledgments)
{
    Host host;
    const auto next = establish(host, 50000);
    const auto challenged = [&](TcpFields fields) {
        fields.from_port = 50000;
        host.input(fields);
        const auto answer = tcp_in(host.wire.take());
        EXPECT_EQ(answer.flags, ack);
        EXPECT_EQ(answer.acknowledgment, 1001u);
    };
    challenged({.sequence = 1002, .flags = rst});
    challenged({.sequence = 1001, .flags = syn});
    challenged({.sequence = 5000, .acknowledgment = next, .flags = ack});
    challenged({.sequence = 1001, .acknowledgment = next + 1, .flags = ack});
    challenged({.sequence = 1005, .acknowledgment = next, .flags = ack, .data = "out of order"});
    host.input(TcpFields{.from_port = 50000, .sequence = 9999, .flags = rst});
    EXPECT_TRUE(host.wire.sent.empty());
    EXPECT_EQ(host.responder.listener().connections(), 1u);
    host.input(TcpFields{.from_port = 50000, .sequence = 1001, .flags = rst});
    EXPECT_EQ(host.responder.listener().connections(), 0u);
}

TEST(Tcp, ClosedPortsAreReset)
{
    Host host;
    host.input(TcpFields{.from_port = 1, .to_port = 81, .sequence = 77, .flags = syn});
    auto answer = tcp_in(host.wire.take());
    EXPECT_EQ(answer.flags, rst | ack);
    EXPECT_EQ(answer.acknowledgment, 78u);
    host.input(TcpFields{.from_port = 1, .to_port = 80, .sequence = 77, .acknowledgment = 1234, .flags = ack});
    answer = tcp_in(host.wire.take());
    EXPECT_EQ(answer.flags, rst);
    EXPECT_EQ(answer.sequence, 1234u);
    host.input(TcpFields{.from_port = 1, .to_port = 81, .sequence = 77, .flags = rst});
    host.input(TcpFields{.from_port = 0, .to_port = 81, .sequence = 77, .flags = syn});
    EXPECT_TRUE(host.wire.sent.empty());
}

TEST(Tcp, AFloodTakesOnlyHalfOpenPlaces)
{
    Host host;
    std::vector<std::uint32_t> next;
    for (unsigned i = 0; i < 4; ++i)
        next.push_back(establish(host, 50000 + i));
    for (unsigned i = 0; i < 5000; ++i)
        host.input(TcpFields{.from_port = 1 + i % 40000, .sequence = i * 7919, .flags = syn});
    host.wire.sent.clear();
    EXPECT_EQ(host.responder.listener().connections(), Listener::connection_limit);
    for (unsigned i = 0; i < 4; ++i) {
        host.input(TcpFields{.from_port = 50000 + i, .sequence = 1001, .acknowledgment = next[i], .flags = ack, .data = "GET / HTTP/1.0\r\n\r\n"});
        EXPECT_NE(tcp_in(host.wire.take()).data.find("200 OK"), std::string::npos);
    }
    // connections that are all established are not given up for new ones
    Host full;
    for (unsigned i = 0; i < Listener::connection_limit; ++i)
        establish(full, 50000 + i);
    full.input(TcpFields{.from_port = 60000, .sequence = 5, .flags = syn});
    EXPECT_TRUE(full.wire.sent.empty());
    full.pass(Connection::lifetime);
    EXPECT_EQ(full.responder.listener().connections(), 0u) << "nobody stays for ever";
}

}  // namespace
