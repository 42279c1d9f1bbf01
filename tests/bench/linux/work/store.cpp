// SPDX-License-Identifier: MIT
// The store's operations by the local socket: whole machine, client, server and kernel.
#include <poll.h>

#include "rpc/store_client.hpp"
#include "verbs.hpp"
#include "window.hpp"

namespace rf::bench {

namespace {

using rpc::StoreClient;

constexpr unsigned requests = 500, transactions = 50, writes_each = 20, watches = 1000, fires = 100;
const std::string here = "/bench";

std::string node(const std::string& directory, unsigned number) { return here + "/" + directory + "/" + std::to_string(number); }

class StoreWork {
public:
    StoreWork(StoreClient client, std::string suffix) : client_(std::move(client)), suffix_(std::move(suffix)) {}

    int measure_all()
    {
        measure_requests();
        measure_transactions();
        measure_watches();
        expect(client_.remove(here), "clean");
        return failed_ ? 1 : 0;
    }

private:
    template <class T>
    void expect(const xen::Result<T>& result, const std::string& figure)
    {
        if (result || failed_)
            return;
        failed_ = true;
        refuse("M29." + figure + suffix_, result.error().text());
    }

    void measure_requests()
    {
        const std::string value = "some value of a usual length";
        expect(client_.write(node("requests", 0), value), "write");
        measure("M29.read" + suffix_, requests, [&] {
            for (unsigned i = 0; i < requests; ++i)
                expect(client_.read(node("requests", 0)), "read");
        });
        measure("M29.write" + suffix_, requests, [&] {
            for (unsigned i = 0; i < requests; ++i)
                expect(client_.write(node("requests", i % 10), value), "write");
        });
    }

    void measure_transactions()
    {
        measure("M29.transaction" + suffix_, transactions, [&] {
            for (unsigned i = 0; i < transactions; ++i)
                expect(client_.transact([&](StoreClient::TransactionId transaction) -> xen::Result<void> {
                    for (unsigned n = 0; n < writes_each; ++n)
                        if (auto done = client_.write(node("transaction", n), "value", transaction); !done)
                            return done;
                    return {};
                }),
                       "transaction");
        });
    }

    void measure_watches()
    {
        for (unsigned i = 0; i < watches; ++i)
            expect(client_.watch(node("watched", i), "token"), "watch");
        while (await_event(200)) {
        }  // each watch fires once when it is set
        measure("M29.watch" + suffix_, fires, [&] {
            for (unsigned i = 0; i < fires && !failed_; ++i) {
                expect(client_.write(node("watched", i * 7 % watches), "value"), "watch");
                if (!await_event(5000)) {
                    failed_ = true;
                    refuse("M29.watch" + suffix_, "a watch did not fire");
                }
            }
        });
        for (unsigned i = 0; i < watches; ++i)
            expect(client_.unwatch(node("watched", i), "token"), "watch");
    }

    bool await_event(int milliseconds)
    {
        const auto queued = client_.next_event();
        if (queued && *queued)
            return true;
        pollfd wait{client_.descriptor(), POLLIN, 0};
        if (::poll(&wait, 1, milliseconds) != 1)
            return false;
        const auto event = client_.next_event();
        return event && *event;
    }

    StoreClient client_;
    std::string suffix_;
    bool failed_ = false;
};

}  // namespace

int measure_store(Words words)
{
    const std::string suffix = words.empty() ? "" : words[0];
    auto client = StoreClient::connect();
    if (!client) {
        refuse("M29", client.error().text());
        return 1;
    }
    return StoreWork(std::move(*client), suffix).measure_all();
}

}  // namespace rf::bench
