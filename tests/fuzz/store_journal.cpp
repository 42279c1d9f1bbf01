// SPDX-License-Identifier: MIT
/// Fuzzer of the store's journal, as a disk may give it back: any file through the reader of frames, and its first bytes as
/// one batch whose checksum happens to be right. What is accepted must lead to a store that its own check finds sound and
/// that its own snapshot rebuilds.
#include "harness/choices.hpp"

#include "store/journal.hpp"
#include "store/store_fixture.hpp"

namespace rf::fuzz {
namespace {

using namespace store;

void check(Server& server, DomainGate& gate, Quota const& quota)
{
    Server copy(quota, gate);
    ASSERT_TRUE(copy.replay(server.snapshot()));
    EXPECT_EQ(dump(copy), dump(server));
    server.resume_after_replay();
    Client tools(server, server.connect_local());
    std::string const verdict = tools.call(Type::control, join({"check"}));
    EXPECT_TRUE(verdict.starts_with("sound")) << verdict;
    EXPECT_EQ(tools.write("/a/b", "still serving"), "OK");
    for (auto const& [id, served] : std::map(server.domains().served()))
        (void)server.handle(served.connection, {Type::directory, 1, 0, join({"/"})});
    server.update_domains({});
}

void run(Bytes bytes)
{
    std::string_view const file(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    Quota const quota;
    FakeGate gate;
    JournalReader reader(file);
    for (auto batch = reader.next(); batch; batch = reader.next())
        ASSERT_LE(reader.sound_bytes(), file.size());
    // From here on as if the checksum were right.
    Server server(quota, gate);
    std::string const framed = std::string(journal_mark) + journal_frame(file);
    JournalReader whole(framed);
    auto const batch = whole.next();
    ASSERT_EQ(batch.has_value(), !file.empty()); // a frame of nothing is the end
    if (!batch)
        return;
    ASSERT_TRUE(*batch == file);
    if (server.replay(*batch))
        check(server, gate, quota);
}

Registration const registration({"store_journal", run, 1500});

} // namespace
} // namespace rf::fuzz
