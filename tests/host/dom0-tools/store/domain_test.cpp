// SPDX-License-Identifier: MIT
/// Story: a domain comes, shuts down, dies, and one day another domain gets its number. The toolstack must hear of each step
/// once; the newcomer must find nothing of the old one's: no node, no right, no watch, no transaction, no used-up quota.
#include "store/store_fixture.hpp"

namespace rf::store {
namespace {

class DomainTest : public StoreTest {
protected:
    using Status = DomainStatus;
    void exist(std::initializer_list<Status> domains)
    {
        std::vector<Status> all{{0, DomainState::running}};
        all.insert(all.end(), domains);
        server.update_domains(all);
    }
};

const std::string ok("OK\0", 3);

TEST_F(DomainTest, IntroduceAndRelease)
{
    tools.watch("@introduceDomain", "i");
    tools.watch("@releaseDomain", "r");
    (void)tools.events();
    EXPECT_EQ(tools.call(Type::is_domain_introduced, join({"5"})), join({"F"}));
    EXPECT_EQ(tools.call(Type::introduce, join({"5", "1234", "3"})), ok);
    EXPECT_EQ(tools.events(), Events({"@introduceDomain|i"}));
    EXPECT_EQ(gate.connected, std::set<std::uint16_t>{5});
    EXPECT_EQ(tools.call(Type::is_domain_introduced, join({"5"})), join({"T"}));
    EXPECT_EQ(tools.call(Type::is_domain_introduced, join({"0"})), join({"T"}));
    EXPECT_EQ(tools.call(Type::get_domain_path, join({"5"})), join({"/local/domain/5"}));
    EXPECT_EQ(tools.call(Type::release, join({"5"})), ok);
    EXPECT_EQ(tools.events(), Events({"@releaseDomain|r"}));
    EXPECT_TRUE(gate.connected.empty());
    EXPECT_EQ(tools.call(Type::release, join({"5"})), "ENOENT");
}

TEST_F(DomainTest, SenselessIntroductions)
{
    for (auto arguments : {join({"0", "1", "1"}), join({"32752", "1", "1"}), join({"5", "1", "0"}), join({"5", "1"}),
                           join({"x", "1", "1"}), join({"5", "-1", "1"}), join({"65541", "1", "1"})})
        EXPECT_EQ(tools.call(Type::introduce, arguments), "EINVAL");
    gate.refused.insert(5);
    EXPECT_EQ(tools.call(Type::introduce, join({"5", "1", "1"})), "EINVAL");
    EXPECT_EQ(tools.call(Type::is_domain_introduced, join({"5"})), join({"F"}));
    EXPECT_TRUE(server.domains().served().empty());
}

TEST_F(DomainTest, GuestsMayNotRuleOverDomains)
{
    Client five = guest(5);
    for (const Type type : {Type::introduce, Type::release, Type::resume, Type::set_target, Type::control})
        EXPECT_EQ(five.call(type, join({"6", "1", "1"})), "EACCES");
    EXPECT_EQ(five.call(Type::is_domain_introduced, join({"5"})), join({"T"}));
    EXPECT_EQ(five.call(Type::get_domain_path, join({"7"})), join({"/local/domain/7"}));
}

TEST_F(DomainTest, ASecondIntroductionStartsTheGuestAfresh)
{
    Client five = guest(5);
    five.watch("a", "t");
    five.start();
    tools.watch("@introduceDomain", "i");
    (void)tools.events();
    EXPECT_EQ(tools.call(Type::introduce, join({"5", "1000", "9"})), ok);
    EXPECT_EQ(tools.events(), Events({}));
    EXPECT_EQ(server.watch_count(five.connection()), 0u);
    EXPECT_EQ(server.domains().served().at(5).port, 9u);
}

TEST_F(DomainTest, ShutdownIsToldOnceAndResumeForgetsIt)
{
    Client five = guest(5);
    tools.watch("@releaseDomain", "r");
    (void)tools.events();
    exist({{5, DomainState::running}});
    EXPECT_EQ(tools.events(), Events({}));
    exist({{5, DomainState::shut_down}});
    EXPECT_EQ(tools.events(), Events({"@releaseDomain|r"}));
    exist({{5, DomainState::shut_down}});
    EXPECT_EQ(tools.events(), Events({}));
    EXPECT_EQ(tools.call(Type::resume, join({"5"})), ok);
    exist({{5, DomainState::shut_down}});
    EXPECT_EQ(tools.events(), Events({"@releaseDomain|r"}));
    EXPECT_EQ(tools.call(Type::resume, join({"6"})), "ENOENT");
}

TEST_F(DomainTest, DeathTakesEverythingTheDomainOwned)
{
    Client five = guest(5);
    five.write("data/deep/x", "1");
    tools.mkdir("/public");
    tools.chmod("/public", {"b0"});
    five.write("/public/fives", "1");
    five.watch("x", "t");
    five.start();
    tools.watch("@releaseDomain", "r");
    tools.watch("/public", "p");
    (void)tools.events();
    exist({{5, DomainState::dying}});
    EXPECT_EQ(tools.events(), Events({"@releaseDomain|r", "/public/fives|p"}));
    EXPECT_TRUE(gate.connected.empty());
    EXPECT_EQ(tools.list("/local/domain"), "");
    EXPECT_EQ(tools.list("/public"), "");
    EXPECT_EQ(server.usage_of(5), Usage{});
    exist({});
    EXPECT_EQ(tools.events(), Events({}));
}

TEST_F(DomainTest, OneThatGoesIsNotSearchedForAmongAllOthers)
{
    std::vector<Status> alive{{0, DomainState::running}};
    for (std::uint16_t id = 1; id <= 100; ++id) {
        Client one = guest(id);
        for (const char* name : {"a", "b", "c/d"})
            one.write(name, "1");
        alive.push_back({id, DomainState::running});
    }
    server.update_domains(alive);
    EXPECT_EQ(server.nodes_walked(), 0u);
    alive.erase(alive.begin() + 50);
    server.update_domains(alive);
    EXPECT_EQ(server.nodes_walked(), 5u) << "its home, and what is below";
    EXPECT_EQ(tools.read("/local/domain/50/a"), "ENOENT");
    EXPECT_EQ(tools.read("/local/domain/51/a"), "1");
    EXPECT_EQ(server.usage_of(50), Usage{});
}

TEST_F(DomainTest, TheNextUserOfANumberInheritsNothing)
{
    Client five = guest(5);
    Client six = guest(6);
    six.write("for-five", "secret");
    six.chmod("for-five", {"n6", "b5"});
    EXPECT_EQ(five.read("/local/domain/6/for-five"), "secret");
    EXPECT_EQ(tools.perms("/local/domain/6/for-five"), "n6,b5");
    exist({{6, DomainState::running}});  // 5 is gone

    Client newcomer = guest(5);
    EXPECT_EQ(newcomer.read("/local/domain/6/for-five"), "EACCES");
    EXPECT_EQ(newcomer.write("/local/domain/6/for-five", "x"), "EACCES");
    EXPECT_EQ(tools.perms("/local/domain/6/for-five"), "n6");
    EXPECT_EQ(newcomer.write("mine", "1"), "OK");
    six.chmod("for-five", {"n6", "r5"});
    EXPECT_EQ(newcomer.read("/local/domain/6/for-five"), "secret");
}

TEST_F(DomainTest, ANumberNamedBeforeItsDomainIsSeenKeepsItsNodes)
{
    tools.write("/x", "1");
    tools.chmod("/x", {"n99", "r98"});
    exist({});
    EXPECT_EQ(tools.read("/x"), "1");
    Client late = guest(99);
    EXPECT_EQ(late.read("/x"), "EACCES");
}

TEST_F(DomainTest, ATargetLendsItsRights)
{
    Client five = guest(5);
    Client helper = guest(6);
    five.write("x", "1");
    EXPECT_EQ(helper.read("/local/domain/5/x"), "EACCES");
    EXPECT_EQ(tools.call(Type::set_target, join({"6", "5"})), ok);
    EXPECT_EQ(helper.read("/local/domain/5/x"), "1");
    EXPECT_EQ(helper.write("/local/domain/5/x", "2"), "OK");
    EXPECT_EQ(tools.call(Type::set_target, join({"6", "0"})), "ENOENT");
    EXPECT_EQ(tools.call(Type::set_target, join({"6", "77"})), "ENOENT");
    server.attach_own_ring();
    EXPECT_EQ(tools.call(Type::set_target, join({"6", "0"})), "EACCES");
}

TEST_F(DomainTest, ControlCommands)
{
    EXPECT_NE(tools.call(Type::control, join({"help"})).find("quota"), std::string::npos);
    EXPECT_EQ(tools.call(Type::control, join({"print", "hello"})), ok);
    EXPECT_EQ(gate.printed, std::vector<std::string>{"hello"});
    EXPECT_EQ(tools.call(Type::control, join({"check"})), join({"sound, 1 nodes\n"}));
    guest(5);
    EXPECT_NE(tools.call(Type::control, join({"quota"})).find("domain 5: nodes 1"), std::string::npos);
    EXPECT_EQ(tools.call(Type::control, join({"unknown"})), "EINVAL");
}

}  // namespace
}  // namespace rf::store
