// SPDX-License-Identifier: MIT
/// Story: the store in lock step with a map. Random requests by domain 0 and three guests, alone and in transactions, while
/// watches come and go: every reply must be the one the map gives, and after each step every client must have heard exactly
/// the events, in order, that a list of watches gives. Once with room for all, once with hardly any.
#include <random>

#include "store/model.hpp"
#include "store/store_fixture.hpp"

namespace rf::store {
namespace {

class ModelTest : public StoreTest {
protected:
    explicit ModelTest(const Quota& limits = {}) : StoreTest(limits) {}

    Model model;
    std::vector<ModelTransaction> open;
    std::mt19937 random{424242};
    std::map<int, Client> clients;

    std::string random_path()
    {
        static const char* names[] = {"a", "b", "c"};
        std::string path;
        for (unsigned depth = random() % 4 + 1; depth > 0; --depth)
            path += std::string("/") + names[random() % 3];
        return path;
    }

    void one_request()
    {
        static const int domains[] = {0, 0, 5, 6, 7};
        int who = domains[random() % 5];
        ModelTransaction* transaction = nullptr;
        if (!open.empty() && random() % 2) {
            transaction = &open[random() % open.size()];
            who = transaction->who;
        }
        Client& client = clients.at(who);
        Model::Nodes& nodes = transaction ? transaction->own : model.live();
        const std::uint32_t id = transaction ? transaction->id : 0;
        const std::string path = random_path();
        const std::string value = std::to_string(random() % 1000);
        // operation(nodes, changes, other nodes of this owner), in the transaction's own tree or in the live one.
        const auto alter = [&](auto operation) {
            ModelChanges changes;
            const int others = transaction ? Model::owned(model.live(), who) - Model::owned(transaction->start, who) : 0;
            const std::string expected = operation(nodes, changes, others);
            if (!transaction) {
                watches.fire(changes, model.live());
                return expected;
            }
            transaction->touch(path);
            if (expected == "OK")
                transaction->log.push_back(operation);
            return expected;
        };
        switch (random() % 7) {
        case 0:
            if (transaction)
                transaction->touch(path);
            ASSERT_EQ(client.read(path, id), model.read(nodes, who, path));
            break;
        case 1:
            if (transaction)
                transaction->touch(path, true);
            ASSERT_EQ(client.list(path, id), model.list(nodes, who, path));
            break;
        case 2: case 3: case 4:
            ASSERT_EQ(client.write(path, value, id),
                      alter([this, who, path, value](Model::Nodes& in, ModelChanges& changes, int others) {
                          return model.write(in, who, path, value, changes, others);
                      }));
            break;
        case 5:
            ASSERT_EQ(client.rm(path, id), alter([this, who, path](Model::Nodes& in, ModelChanges& changes, int) {
                          return model.remove(in, who, path, changes);
                      }));
            break;
        case 6: {
            static const char letters[] = {'n', 'r', 'w', 'b'};
            const int owner = domains[random() % 5];
            const char others = letters[random() % 4];
            const int named = 5 + static_cast<int>(random() % 3);
            const char access = letters[random() % 4];
            ASSERT_EQ(client.chmod(path, {others + std::to_string(owner), access + std::to_string(named)}, id),
                      alter([=, this](Model::Nodes& in, ModelChanges& changes, int) {
                          return model.chmod(in, who, path, owner, others, named, access, changes);
                      }));
            break;
        }
        }
    }

    void start_one()
    {
        static const int domains[] = {0, 5, 6};
        const int who = domains[random() % 3];
        open.push_back({who, clients.at(who).start(), model.live(), model.live(), {}, {}});
    }

    void end_one()
    {
        const std::size_t index = random() % open.size();
        ModelTransaction transaction = std::move(open[index]);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
        Client& client = clients.at(transaction.who);
        if (random() % 4 == 0) {
            ASSERT_EQ(client.abort(transaction.id), "OK");
            return;
        }
        const std::string expected = commit(transaction);
        ASSERT_EQ(client.commit(transaction.id), expected);
    }
    /// All of its operations once more on the live tree, or none.
    std::string commit(const ModelTransaction& transaction)
    {
        ++conflicts;
        if (transaction.conflicts(model.live()))
            return "EAGAIN";
        Model::Nodes result = model.live();
        ModelChanges changes;
        for (const auto& operation : transaction.log)
            if (const std::string done = operation(result, changes, 0); done != "OK")
                return done == "ENOSPC" ? done : "EAGAIN";
        --conflicts;
        ++commits;
        model.live() = std::move(result);
        watches.fire(merged(changes), model.live());
        return "OK";
    }
    void watch_or_not()
    {
        static const int domains[] = {0, 5, 6, 7};
        const int who = domains[random() % 4];
        const std::string path = random() % 10 ? random_path() : "/", token = std::to_string(random() % 3);
        if (random() % 3)
            ASSERT_EQ(clients.at(who).watch(path, token), watches.add(who, path, token));
        else
            ASSERT_EQ(clients.at(who).unwatch(path, token), watches.remove(who, path, token));
    }

    void run(int steps)
    {
        clients.emplace(0, tools);
        tools.chmod("/", {"b0"});
        for (const std::uint16_t id : {5, 6, 7})
            clients.emplace(id, guest(id));
        tools.rm("/local");
        model.live()["/"].others = 'b';
        model.most_nodes = static_cast<int>(quota.nodes);
        watches.most = quota.watches;
        for (int step = 0; step < steps; ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            const unsigned dice = random() % 20;
            if (dice <= 2 && open.size() < 4) // short ones: long ones always conflict, and over several things at once
                start_one();
            else if (dice >= 3 && dice <= 7 && !open.empty())
                end_one();
            else if (dice == 8 && random() % 4 == 0)
                watch_or_not();
            else
                one_request();
            for (auto& [who, client] : clients) {
                const Events heard = client.events(), expected = watches.take(who);
                events += expected.size();
                ASSERT_EQ(heard, expected) << "client " << who;
            }
            ASSERT_FALSE(HasFatalFailure());
        }
    }
    /// The whole tree at the end.
    void compare_trees()
    {
        std::map<std::string, std::string> real, expected;
        server.tree().visit([&](const Node& node, std::string_view path) { real[std::string(path)] = node.value; });
        for (const auto& [path, node] : model.live())
            expected[path] = node.value;
        real.erase("/");
        expected.erase("/");
        std::erase_if(real, [](const auto& each) { return each.first.starts_with("/tool"); });
        EXPECT_EQ(real, expected);
    }

    ModelWatches watches;
    int conflicts = 0;
    int commits = 0;
    std::size_t events = 0;
};

TEST_F(ModelTest, LockStepWithAMap)
{
    run(20000);
    compare_trees();
    // The run is worth nothing if transactions always or never conflict, or if nobody hears anything.
    EXPECT_GT(conflicts, 50);
    EXPECT_GT(commits, 50);
    EXPECT_GT(events, 3000u);
}

class PoorModelTest : public ModelTest {
protected:
    static Quota few_nodes()
    {
        Quota few;
        few.nodes = 6;
        few.watches = 4;
        return few;
    }
    PoorModelTest() : ModelTest(few_nodes()) {}
};

TEST_F(PoorModelTest, NobodyOwnsMoreThanItsQuota)
{
    run(10000);
    compare_trees();
    for (const std::uint16_t id : {5, 6, 7})
        EXPECT_EQ(server.usage_of(id).nodes, Model::owned(model.live(), id));
    EXPECT_GT(commits, 20);
}

}  // namespace
}  // namespace rf::store
