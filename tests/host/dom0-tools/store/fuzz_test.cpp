// SPDX-License-Identifier: MIT
/// Story: a hostile guest sends whatever it likes. Random types, numbers and payloads (half of them grown from well-formed
/// ones) arrive on a guest's connection: each gets exactly one reply that fits the protocol, another guest's nodes stay as they
/// are, the hostile guest stays within its quota, and the records of all this still rebuild the server.
#include <memory>
#include <random>

#include "store/store_fixture.hpp"

namespace rf::store {
namespace {

using FuzzTest = StoreTest;

std::string random_payload(std::mt19937& random)
{
    static const char* words[] = {"a", "a/b", "/local/domain/6/secret", "/local/domain/5", "@releaseDomain", "n5", "r6", "b0",
                                  "T", "F", "0", "1", "65535", "4294967296", "/", "//", "..", "", "x/y/z"};
    std::string payload;
    if (random() % 2) {
        for (unsigned count = random() % 5; count > 0; --count)
            payload.append(words[random() % std::size(words)]).push_back('\0');
        if (random() % 4 == 0 && !payload.empty())
            payload[random() % payload.size()] = static_cast<char>(random());
    } else {
        payload.resize(random() % 100);
        for (char& c : payload)
            c = static_cast<char>(random() % 3 ? 'a' + random() % 4 : random());
    }
    if (random() % 50 == 0)
        payload.append(payload_max - payload.size(), 'z');
    return payload;
}

TEST_F(FuzzTest, AHostileGuestHarmsNobody)
{
    Client six = guest(6);
    six.write("secret", "untouched");
    const std::string sixes = six.perms("secret");
    Client five = guest(5);
    auto shadow = std::make_unique<Server>(quota, gate);
    std::mt19937 random(31337);
    for (int step = 0; step < 60000; ++step) {
        const Message request{static_cast<Type>(random() % 25), static_cast<std::uint32_t>(random()),
                              random() % 3 ? 0 : static_cast<std::uint32_t>(random() % 30), random_payload(random)};
        const Message reply = server.handle(five.connection(), request);
        ASSERT_EQ(reply.request, request.request);
        ASSERT_LE(reply.payload.size(), payload_max);
        ASSERT_TRUE(reply.type == request.type || reply.type == Type::error);
        if (step % 500 == 0) {
            (void)five.events();
            ASSERT_LE(server.usage_of(5).bytes, static_cast<std::int64_t>(quota.bytes) + 8192);
            ASSERT_LE(server.usage_of(5).nodes, static_cast<std::int64_t>(quota.nodes));
            ASSERT_TRUE(shadow->replay(server.take_records()));
        }
    }
    ASSERT_TRUE(shadow->replay(server.take_records()));
    EXPECT_EQ(dump(*shadow), dump(server));
    EXPECT_EQ(six.read("secret"), "untouched");
    EXPECT_EQ(six.perms("secret"), sixes);
    EXPECT_EQ(gate.connected, (std::set<std::uint16_t>{5, 6}));
}

TEST_F(FuzzTest, EvenDomainZeroCannotBreakTheStoreByAccident)
{
    std::mt19937 random(7);
    for (int step = 0; step < 30000; ++step) {
        Type type = static_cast<Type>(random() % 25);
        const Message reply = server.handle(tools.connection(), {type, 1, static_cast<std::uint32_t>(random() % 20), random_payload(random)});
        ASSERT_LE(reply.payload.size(), payload_max);
        if (step % 1000 == 0)
            (void)tools.events();
    }
    const std::string check = tools.call(Type::control, join({"check"}));
    EXPECT_TRUE(check.starts_with("sound")) << check;
}

}  // namespace
}  // namespace rf::store
