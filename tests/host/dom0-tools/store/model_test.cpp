// SPDX-License-Identifier: MIT
/// Story: the store in lock step with the simplest thing that could be right: a map from path to value and permission text,
/// transactions as whole copies of that map. A hundred and fifty thousand random requests by domain 0 and three guests; every
/// reply must be the one the map gives. The model knows permissions and conflicts but no quotas, which are kept out of reach.
#include <algorithm>
#include <map>
#include <functional>
#include <random>

#include "store/store_fixture.hpp"

namespace rf::store {
namespace {

struct ModelNode {
    std::string value;
    int owner = 0;
    char others = 'n';
    std::map<int, char> named;
    int version = 0;           ///< of value and permissions
    int children_version = 0;
};

bool allows(char letter, char need)
{
    return letter == 'b' || letter == need;
}

class Model {
public:
    using Nodes = std::map<std::string, ModelNode>;

    Model() { live_["/"] = {}; }

    Nodes& live() { return live_; }
    int next_version() { return ++version_; }

    static char access(const ModelNode& node, int who)
    {
        if (who == 0 || node.owner == who)
            return 'b';
        const auto named = node.named.find(who);
        return named == node.named.end() ? node.others : named->second;
    }
    static std::string parent_of(const std::string& path)
    {
        const std::size_t slash = path.rfind('/');
        return slash == 0 ? "/" : path.substr(0, slash);
    }
    static std::string nearest(const Nodes& nodes, std::string path)
    {
        while (!nodes.contains(path))
            path = parent_of(path);
        return path;
    }
    static std::string missing(const Nodes& nodes, const std::string& path, int who, char need)
    {
        return allows(access(nodes.at(nearest(nodes, path)), who), need) ? "ENOENT" : "EACCES";
    }

    std::string read(const Nodes& nodes, int who, const std::string& path)
    {
        const auto node = nodes.find(path);
        if (node == nodes.end())
            return missing(nodes, path, who, 'r');
        return allows(access(node->second, who), 'r') ? node->second.value : "EACCES";
    }

    std::string list(const Nodes& nodes, int who, const std::string& path)
    {
        const std::string checked = read(nodes, who, path);
        if (!nodes.contains(path) || !allows(access(nodes.at(path), who), 'r'))
            return checked;
        std::string names;
        for (const auto& [other, node] : nodes)
            if (other != "/" && parent_of(other) == path)
                names += (names.empty() ? "" : ",") + other.substr(other.rfind('/') + 1);
        return names;
    }

    std::string write(Nodes& nodes, int who, const std::string& path, const std::string& value)
    {
        if (const auto node = nodes.find(path); node != nodes.end()) {
            if (!allows(access(node->second, who), 'w'))
                return "EACCES";
            node->second.value = value;
            node->second.version = next_version();
            return "OK";
        }
        if (const std::string error = missing(nodes, path, who, 'w'); error != "ENOENT")
            return error;
        std::vector<std::string> fresh{path};
        while (!nodes.contains(parent_of(fresh.back())))
            fresh.push_back(parent_of(fresh.back()));
        std::reverse(fresh.begin(), fresh.end());
        for (const std::string& each : fresh) {
            ModelNode& parent = nodes.at(parent_of(each));
            parent.children_version = next_version();
            ModelNode node = parent;
            node.value = each == path ? value : "";
            if (who != 0)
                node.owner = who;
            node.version = node.children_version = next_version();
            nodes[each] = node;
        }
        return "OK";
    }

    std::string remove(Nodes& nodes, int who, const std::string& path)
    {
        const auto node = nodes.find(path);
        if (node == nodes.end()) {
            const std::string error = missing(nodes, path, who, 'w');
            return error == "ENOENT" && nodes.contains(parent_of(path)) ? "OK" : error;
        }
        if (!allows(access(node->second, who), 'w'))
            return "EACCES";
        nodes.at(parent_of(path)).children_version = next_version();
        std::erase_if(nodes, [&](const auto& entry) { return entry.first == path || entry.first.starts_with(path + "/"); });
        return "OK";
    }

    std::string chmod(Nodes& nodes, int who, const std::string& path, int owner, char others, int named, char access_named)
    {
        const auto node = nodes.find(path);
        if (node == nodes.end())
            return missing(nodes, path, who, 'w');
        if (who != 0 && node->second.owner != who)
            return "EACCES";
        if (who != 0 && node->second.owner != owner)
            return "EPERM";
        node->second.owner = owner;
        node->second.others = others;
        node->second.named = {{named, access_named}};
        node->second.version = next_version();
        return "OK";
    }

private:
    Nodes live_;
    int version_ = 0;
};

/// A transaction of the model: its start, its own copy, what it touched, what it did.
struct ModelTransaction {
    int who = 0;
    std::uint32_t id = 0;
    Model::Nodes start;
    Model::Nodes own;
    std::map<std::string, bool> touched;  ///< path to "its children too"
    std::vector<std::function<void(Model::Nodes&)>> log;

    void touch(const std::string& path, bool children = false)
    {
        touched[path] |= children;
        const std::string near = Model::nearest(start, path);
        if (near != path)
            touched.try_emplace(near, false);
    }
    [[nodiscard]] bool conflicts(const Model::Nodes& live) const
    {
        for (const auto& [path, children] : touched) {
            const auto then = start.find(path);
            const auto now = live.find(path);
            if ((then == start.end()) != (now == live.end()))
                return true;
            if (then != start.end() && (then->second.version != now->second.version ||
                                        (children && then->second.children_version != now->second.children_version)))
                return true;
        }
        return false;
    }
};

class ModelTest : public StoreTest {
protected:
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
        const auto alter = [&](auto operation) {
            const std::string expected = operation(nodes);
            if (transaction) {
                transaction->touch(path);
                if (expected == "OK")
                    transaction->log.push_back([operation](Model::Nodes& live) { operation(live); });
            }
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
                      alter([this, who, path, value](Model::Nodes& in) { return model.write(in, who, path, value); }));
            break;
        case 5:
            ASSERT_EQ(client.rm(path, id), alter([this, who, path](Model::Nodes& in) { return model.remove(in, who, path); }));
            break;
        case 6: {
            static const char letters[] = {'n', 'r', 'w', 'b'};
            const int owner = domains[random() % 5];
            const char others = letters[random() % 4];
            const int named = 5 + static_cast<int>(random() % 3);
            const char access = letters[random() % 4];
            ASSERT_EQ(client.chmod(path, {others + std::to_string(owner), access + std::to_string(named)}, id),
                      alter([=, this](Model::Nodes& in) { return model.chmod(in, who, path, owner, others, named, access); }));
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
        const bool conflict = transaction.conflicts(model.live());
        conflict ? ++conflicts : ++commits;
        ASSERT_EQ(client.commit(transaction.id), conflict ? "EAGAIN" : "OK");
        if (!conflict)
            for (const auto& operation : transaction.log)
                operation(model.live());
    }

    int conflicts = 0;
    int commits = 0;
};

TEST_F(ModelTest, LockStepWithAMap)
{
    clients.emplace(0, tools);
    tools.chmod("/", {"b0"});
    for (const std::uint16_t id : {5, 6, 7})
        clients.emplace(id, guest(id));
    tools.rm("/local");
    model.live()["/"].others = 'b';

    for (int step = 0; step < 150000; ++step) {
        const unsigned dice = random() % 20;
        if (dice == 0 && open.size() < 6)
            start_one();
        else if (dice == 1 && !open.empty())
            end_one();
        else
            one_request();
        ASSERT_FALSE(HasFatalFailure()) << "step " << step;
        for (auto& [who, client] : clients)
            if (step % 1000 == 0)
                (void)client.events();
    }
    // The run is worth nothing if transactions always or never conflict.
    EXPECT_GT(conflicts, 500);
    EXPECT_GT(commits, 500);
}

}  // namespace
}  // namespace rf::store
