// SPDX-License-Identifier: MIT
/// Fuzzer of the store's wire protocol: guests 5 and 6 send byte streams, well-formed and not, cut anywhere; the toolstack
/// introduces, releases and loses domains; a third guest keeps a secret. What must hold: every whole message gets exactly
/// one reply that fits the protocol, nobody hears the secret or the name of its node, usage stays within the quotas, the
/// store's own check finds it sound, and its records rebuild it.
#include "harness/choices.hpp"

#include "store/store_fixture.hpp"

#include <array>
#include <memory>

namespace rf::fuzz {
namespace {

using namespace store;

constexpr unsigned steps_of_one_input = 300;
/// Of the third guest. An input that knows one of them has a right to hear it.
constexpr std::string_view secret_value = "v8QxW3secret", secret_node = "k2ZpL9node";

Quota small_quota()
{
    Quota quota;
    quota.nodes = 12;
    quota.value_bytes = 64;
    quota.path_bytes = 96;
    quota.watches = 4;
    quota.transactions = 3;
    quota.transaction_requests = 8;
    quota.outstanding_replies = 6;
    quota.events = 6;
    quota.bytes = 8192;
    return quota;
}

/// The end of a connection that a guest's kernel holds.
struct Wire {
    std::uint16_t domain = 0;
    Assembler requests; ///< as the transport has it
    Assembler answers;  ///< as the guest has it
    bool broken = false;
};

class Play {
public:
    explicit Play(Bytes bytes) : choices_(bytes), input_(reinterpret_cast<char const*>(bytes.data()), bytes.size())
    {
        knows_ = input_.find(secret_value) != input_.npos || input_.find(secret_node) != input_.npos;
        for (Wire& wire : wires_)
            introduce(wire);
        (void)tools_.write("/tool/shared", "x");
        (void)tools_.chmod("/tool/shared", {"n0", "b5", "r6"});
        introduce_domain(7);
        keep_secret();
    }

    void run()
    {
        for (unsigned step = 0; step < steps_of_one_input && !choices_.done(); ++step) {
            Wire& wire = wires_[choices_.below(2)];
            switch (choices_.below(16)) {
            case 0 ... 8:
                send(wire, encode(some_message(server_.domains().served().contains(wire.domain))));
                break;
            case 9:
                feed(wire, text(choices_.bytes(choices_.below(48))));
                break;
            case 10:
                keep_secret();
                break;
            case 11 ... 12:
                take(wire);
                break;
            case 13:
                toolstack(wire);
                break;
            default:
                if (choices_.below(8) == 0)
                    die(wire);
                else if (choices_.below(4) == 0)
                    check_records();
            }
            if (testing::Test::HasFailure())
                return;
        }
        for (Wire& wire : wires_)
            take(wire);
        check_records();
        std::string const check = tools_.call(Type::control, join({"check"}));
        EXPECT_TRUE(check.starts_with("sound")) << check;
        EXPECT_EQ(tools_.read(secret_path()), secret_value);
    }

private:
    static std::string text(Bytes bytes) { return {reinterpret_cast<char const*>(bytes.data()), bytes.size()}; }
    static std::string secret_path() { return "/local/domain/7/" + std::string(secret_node); }
    void keep_secret()
    {
        (void)tools_.rm(secret_path());
        (void)tools_.write(secret_path(), secret_value);
        (void)tools_.chmod(secret_path(), {"n7"});
    }

    void introduce_domain(std::uint16_t id)
    {
        (void)tools_.mkdir(home_of(id));
        (void)tools_.chmod(home_of(id), {"n" + std::to_string(id)});
        (void)tools_.call(Type::introduce, join({std::to_string(id), "1000", "7"}));
        alive_.insert(id);
    }
    void introduce(Wire& wire)
    {
        introduce_domain(wire.domain);
        forget_stream(wire);
    }
    static void forget_stream(Wire& wire)
    {
        wire.requests = {};
        wire.answers = {};
        wire.broken = false;
    }
    [[nodiscard]] ServedDomain const* served(Wire const& wire) const
    {
        auto const found = server_.domains().served().find(wire.domain);
        return found == server_.domains().served().end() ? nullptr : &found->second;
    }

    std::string_view some_word()
    {
        static constexpr std::string_view words[] = {
            "a", "a/b", "b", "c/d/e", "/local/domain/5", "/local/domain/6", "/local/domain/7", "/local/domain/5/a", "/tool/shared",
            "/tool", "/", "//", "", "..", "@releaseDomain", "@introduceDomain", "@x", "n5", "r6", "b0", "w7", "n6", "T", "F", "0",
            "5", "6", "4294967296", "token", "a/", "/local/domain/6/a", "x y", "print"};
        return words[choices_.below(std::size(words))];
    }
    Message some_message(bool)
    {
        Message message;
        message.type = static_cast<Type>(choices_.below(24));
        message.request = static_cast<std::uint32_t>(choices_.below(256));
        message.transaction = static_cast<std::uint32_t>(choices_.one_in(2) ? 0 : choices_.below(8));
        for (std::uint64_t count = choices_.below(4); count > 0; --count)
            message.payload.append(some_word()).push_back('\0');
        if (choices_.one_in(3))
            message.payload.append(text(choices_.bytes(choices_.below(80))));
        if (choices_.one_in(64))
            message.payload.append(payload_max - std::min(payload_max, message.payload.size()), 'z');
        return message;
    }

    /// Bytes as they come over the ring; whole messages are handled as the transport does.
    void send(Wire& wire, std::string bytes)
    {
        if (choices_.one_in(32) && !bytes.empty())
            bytes[choices_.below(bytes.size())] ^= static_cast<char>(1u << choices_.below(8));
        feed(wire, bytes);
    }
    void feed(Wire& wire, std::string_view bytes)
    {
        if (wire.broken || !served(wire))
            return;
        wire.requests.feed(bytes);
        while (served(wire)) {
            ConnectionId const connection = served(wire)->connection;
            if (!server_.accepts_requests(connection))
                return;
            auto const message = wire.requests.next();
            if (!message) {
                EXPECT_EQ(message.error(), Error::too_big);
                wire.broken = true;
                return;
            }
            if (!*message) {
                EXPECT_GT(wire.requests.wanted(), 0u);
                server_.ring_progressed(connection, ++progress_, wire.requests.remainder());
                return;
            }
            handle(wire, connection, **message);
        }
    }
    void handle(Wire& wire, ConnectionId connection, Message const& request)
    {
        server_.process(connection, request);
        expected_.push_back({wire.domain, request});
        Usage const usage = server_.usage_of(wire.domain);
        EXPECT_LE(usage.nodes, static_cast<std::int64_t>(quota_.nodes));
        EXPECT_LE(usage.bytes, static_cast<std::int64_t>(quota_.bytes + 2 * (payload_max + header_bytes) * quota_.outstanding_replies));
        EXPECT_GE(usage.bytes, 0);
        EXPECT_LE(server_.watch_count(connection), quota_.watches);
    }

    /// The guest takes what waits for it and looks at it.
    void take(Wire& wire)
    {
        if (!served(wire))
            return;
        ConnectionId const connection = served(wire)->connection;
        while (!server_.outbox(connection).empty()) {
            std::string const bytes(server_.outbox(connection).front());
            std::size_t const count = choices_.one_in(4) ? 1 + choices_.below(bytes.size()) : bytes.size();
            wire.answers.feed(std::string_view(bytes).substr(0, count));
            server_.delivered(connection, count);
        }
        for (auto message = wire.answers.next(); message && *message; message = wire.answers.next())
            look_at(wire, **message);
        EXPECT_TRUE(wire.answers.remainder().empty());
        feed(wire, {}); // requests that waited for room
    }
    void look_at(Wire const& wire, Message const& answer)
    {
        EXPECT_LE(answer.payload.size(), payload_max);
        if (!knows_) {
            EXPECT_EQ(answer.payload.find(secret_value), answer.payload.npos) << "the secret is out";
            EXPECT_EQ(answer.payload.find(secret_node), answer.payload.npos) << "a name is out";
        }
        if (answer.type == Type::watch_event)
            return;
        auto const asked = std::ranges::find(expected_, wire.domain, &Asked::domain);
        if (asked == expected_.end()) {
            ADD_FAILURE() << "an answer that nobody asked for";
            return;
        }
        EXPECT_EQ(answer.request, asked->request.request);
        EXPECT_EQ(answer.transaction, asked->request.transaction);
        EXPECT_TRUE(answer.type == Type::error || answer.type == asked->request.type);
        expected_.erase(asked);
    }

    void toolstack(Wire& wire)
    {
        std::string const id = std::to_string(wire.domain);
        switch (choices_.below(5)) {
        case 0:
            (void)tools_.call(Type::release, join({id}));
            if (!served(wire))
                gone(wire);
            break;
        case 1:
            if (!served(wire))
                introduce(wire);
            break;
        case 2:
            (void)tools_.call(Type::set_target, join({"5", "6"}));
            break;
        case 3:
            (void)tools_.call(Type::resume, join({id}));
            break;
        default:
            (void)tools_.chmod(some_word(), {some_word(), some_word()});
        }
        (void)tools_.events();
    }
    void gone(Wire& wire)
    {
        std::erase_if(expected_, [&](Asked const& asked) { return asked.domain == wire.domain; });
        forget_stream(wire);
    }
    /// The domain dies; its number may be used again at once.
    void die(Wire& wire)
    {
        alive_.erase(wire.domain);
        std::vector<DomainStatus> existing;
        for (std::uint16_t id : alive_)
            existing.push_back({id, DomainState::running});
        existing.push_back({0, DomainState::running});
        server_.update_domains(existing);
        EXPECT_EQ(served(wire), nullptr);
        gone(wire);
        if (choices_.one_in(2))
            introduce(wire);
    }

    void check_records()
    {
        records_ += server_.take_records();
        Server shadow(quota_, gate_);
        ASSERT_TRUE(shadow.replay(records_));
        EXPECT_EQ(dump(shadow), dump(server_));
        Server copy(quota_, gate_);
        ASSERT_TRUE(copy.replay(server_.snapshot()));
        EXPECT_EQ(dump(copy), dump(server_));
        for (Wire const& wire : wires_)
            EXPECT_EQ(copy.usage_of(wire.domain).nodes, server_.usage_of(wire.domain).nodes);
    }

    struct Asked {
        std::uint16_t domain;
        Message request;
    };

    Choices choices_;
    std::string_view input_;
    bool knows_;
    Quota quota_ = small_quota();
    FakeGate gate_;
    Server server_{quota_, gate_};
    Client tools_{server_, server_.connect_local()};
    std::array<Wire, 2> wires_{Wire{.domain = 5, .requests = {}, .answers = {}}, Wire{.domain = 6, .requests = {}, .answers = {}}};
    std::set<std::uint16_t> alive_;
    std::vector<Asked> expected_;
    std::string records_;
    std::uint32_t progress_ = 0;
};

void run(Bytes bytes) { Play(bytes).run(); }

Registration const registration({"store_wire", run, 400});

} // namespace
} // namespace rf::fuzz
