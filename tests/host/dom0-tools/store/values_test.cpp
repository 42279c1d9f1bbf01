// SPDX-License-Identifier: MIT
/// Story: everything a client can put into a path, a permission or a message is read here first. A path that slips through
/// with an empty part or a wrong character would give a node that nobody can name; a message reader that trusts a length would
/// read past its buffer. The readers are given the good, the bad and the random.
#include <random>

#include <gtest/gtest.h>

#include "store/message.hpp"
#include "store/path.hpp"
#include "store/permission.hpp"

namespace rf::store {
namespace {

std::string parsed(std::string_view text)
{
    const auto path = Path::parse(text, "/local/domain/5");
    return path ? path->text() : std::string(wire_name(path.error()));
}

TEST(PathTest, AcceptsWhatTheProtocolAllows)
{
    EXPECT_EQ(parsed("/"), "/");
    EXPECT_EQ(parsed("/a/b-c_d@1/Z"), "/a/b-c_d@1/Z");
    EXPECT_EQ(parsed("device/vif/0"), "/local/domain/5/device/vif/0");
}

TEST(PathTest, RefusesWhatItDoesNot)
{
    for (const char* bad : {"", "//", "/a/", "/a//b", "a/", "/a b", "/a\xc3", "/a:b", "@introduceDomain", "/a.b"})
        EXPECT_EQ(parsed(bad), "EINVAL") << bad;
    EXPECT_EQ(parsed(std::string("/") + std::string(3071, 'a')).size(), 3072u);
    EXPECT_EQ(parsed(std::string("/") + std::string(3072, 'a')), "EINVAL");
    EXPECT_EQ(parsed(std::string(2049, 'a')), "EINVAL");
}

TEST(PathTest, SpecialNamesOnlyWhereTheyBelong)
{
    EXPECT_TRUE(Path::parse_special("@releaseDomain", "").has_value());
    EXPECT_FALSE(Path::parse_special("@a b", "").has_value());
    EXPECT_TRUE(Path::parse_special("/x", "").has_value());
}

TEST(PathTest, TakesItselfApart)
{
    const auto path = Path::parse("/a/bc/d", "");
    ASSERT_TRUE(path);
    EXPECT_EQ(path->name(), "d");
    EXPECT_EQ(path->parent().text(), "/a/bc");
    EXPECT_EQ(path->parent().parent().parent().text(), "/");
    EXPECT_EQ(path->child("e").text(), "/a/bc/d/e");
    EXPECT_TRUE(path->is_within("/a/bc"));
    EXPECT_TRUE(path->is_within("/"));
    EXPECT_FALSE(path->is_within("/a/b"));
    PathParts parts(path->text());
    EXPECT_EQ(parts.next(), "a");
    EXPECT_EQ(parts.next(), "bc");
    EXPECT_EQ(parts.next(), "d");
    EXPECT_EQ(parts.next(), "");
}

TEST(PathTest, KeysAreTheFirstCharactersInOrder)
{
    const std::string text = "zyAB-_09@qrs";
    for (std::size_t size = 0; size <= text.size(); ++size) {
        std::uint64_t key = 0;
        for (std::size_t i = 0; i < order_key_characters; ++i)
            key = key << 8 | (i < size ? static_cast<unsigned char>(text[i]) : 0u);
        EXPECT_EQ(order_key(std::string_view(text).substr(0, size)), key) << size;
    }
}

TEST(PermissionTest, LettersAndNumbers)
{
    for (const char* good : {"n0", "r5", "w32751", "b1"}) {
        const auto entry = parse_permission(good);
        ASSERT_TRUE(entry) << good;
        EXPECT_EQ(to_text(*entry), good);
    }
    for (const char* bad : {"", "n", "x5", "r-1", "r5 ", "r65536", "5"})
        EXPECT_FALSE(parse_permission(bad)) << bad;
}

TEST(PermissionTest, OwnerThenNamedThenEverybodyElse)
{
    const PermissionList list{{{3, 0}, Access::read}, {{4, 0}, Access::write}, {{5, 0}, Access::none}};
    EXPECT_EQ(access_of({{0, 0}, {}}, list), Access::both);
    EXPECT_EQ(access_of({{3, 0}, {}}, list), Access::both);
    EXPECT_EQ(access_of({{4, 0}, {}}, list), Access::write);
    EXPECT_EQ(access_of({{5, 0}, {}}, list), Access::none);
    EXPECT_EQ(access_of({{6, 0}, {}}, list), Access::read);
    // The next domain that gets number 3 is somebody else, and so is one that acts for it.
    EXPECT_EQ(access_of({{3, 1}, {}}, list), Access::read);
    EXPECT_EQ(access_of({{9, 0}, DomainKey{3, 0}}, list), Access::both);
    EXPECT_EQ(access_of({{9, 0}, DomainKey{3, 1}}, list), Access::read);
}

TEST(MessageTest, SurvivesAnyCut)
{
    const std::vector<Message> messages = {
        {Type::read, 1, 0, std::string("/a\0", 3)}, {Type::write, 2, 7, std::string(payload_max, 'x')}, {Type::rm, 3, 0, ""}};
    std::string stream;
    for (const Message& message : messages)
        stream += encode(message);
    for (std::size_t step : {1u, 3u, 16u, 1000u, 100000u}) {
        Assembler assembler;
        std::vector<Message> seen;
        for (std::size_t at = 0; at < stream.size(); at += step) {
            assembler.feed(std::string_view(stream).substr(at, step));
            for (auto next = assembler.next(); next && *next; next = assembler.next())
                seen.push_back(**next);
        }
        EXPECT_EQ(seen, messages) << "in steps of " << step;
        EXPECT_TRUE(assembler.remainder().empty());
    }
}

TEST(MessageTest, AsksForExactlyWhatIsMissing)
{
    const std::string bytes = encode({Type::read, 1, 0, "abcd"});
    Assembler assembler;
    EXPECT_EQ(assembler.wanted(), header_bytes);
    assembler.feed(std::string_view(bytes).substr(0, 10));
    EXPECT_EQ(assembler.wanted(), 6u);
    assembler.feed(std::string_view(bytes).substr(10, 6));
    EXPECT_EQ(assembler.wanted(), 4u);
    assembler.feed(std::string_view(bytes).substr(16));
    EXPECT_EQ(assembler.wanted(), 0u);
}

TEST(MessageTest, RefusesAnOversizedHeader)
{
    std::string bytes = encode({Type::read, 1, 0, std::string(payload_max, 'x')});
    bytes[13] = 0x11;  // length 0x1100
    Assembler assembler;
    assembler.feed(bytes);
    ASSERT_FALSE(assembler.next());
    EXPECT_EQ(assembler.next().error(), Error::too_big);
}

TEST(MessageTest, RandomBytesNeverHarm)
{
    std::mt19937 random(20240817);
    for (int round = 0; round < 2000; ++round) {
        Assembler assembler;
        for (int i = 0; i < 20; ++i) {
            std::string bytes(random() % 64, '\0');
            for (char& c : bytes)
                c = static_cast<char>(random() % 8 ? 0 : random());
            assembler.feed(bytes);
            const auto message = assembler.next();
            if (!message)
                break;
            if (*message) {
                EXPECT_LE((*message)->payload.size(), payload_max);
            }
        }
    }
}

TEST(MessageTest, StringsOfAPayload)
{
    using namespace std::string_view_literals;
    EXPECT_EQ(split_strings("a\0bc\0\0"sv)->size(), 3u);
    EXPECT_FALSE(split_strings("a\0b"sv));
    EXPECT_FALSE(split_strings(""sv));
    EXPECT_EQ(*only_string("abc\0"sv), "abc");
    EXPECT_FALSE(only_string("abc\0d\0"sv));
    EXPECT_FALSE(only_string("abc"sv));
    EXPECT_EQ(*parse_number<std::uint16_t>("65535"), 65535);
    for (const char* bad : {"", "65536", "-1", "1x", " 1", "+1"})
        EXPECT_FALSE(parse_number<std::uint16_t>(bad)) << bad;
}

}  // namespace
}  // namespace rf::store
