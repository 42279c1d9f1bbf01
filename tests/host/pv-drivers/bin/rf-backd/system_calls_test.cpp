// SPDX-License-Identifier: MIT
// Story: the serving process finds its disk in the store, has it opened, joins the guest's ring, reads, writes, syncs and
// discards, loses the store and finds it again, and hands over when it is asked to: all under the very filter that confines it
// in Dom0. A system call that the filter lacks would end it. What is not on the list does end it, call by call. (Dom0's devices
// are a fake; their requests are made all the same, of a descriptor that knows none of them.)
#include <csignal>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "answering_store.hpp"
#include "bin/rf-backd/confinement.hpp"
#include "bin/rf-backd/opener_message.hpp"
#include "bin/rf-backd/service.hpp"
#include "event_device.hpp"
#include "fake_guest.hpp"
#include "ring/front_ring.hpp"

namespace rf {
namespace {

using namespace rf::test;
using block::RawRequest;

constexpr std::uint32_t disk_number = 51712, first_ref = 1000, data_page = 2, first_port = 100;
constexpr std::uint64_t disk_sectors = 2048;
const std::string backend = "/local/domain/0/backend/qdisk/7/51712", frontend = "/local/domain/7/device/vbd/51712";

/// The fake guest behind an event-channel device that can be waited on.
class WaitableGuest final : public xen::Kernel {
public:
    explicit WaitableGuest(FakeGuest& guest) : guest_(guest) {}
    EventDevice events;

    long open(const char* path, int flags) override
    {
        return std::string_view(path) == "/dev/xen/evtchn" ? events.descriptor : guest_.open(path, flags);
    }
    void close(int descriptor) override { guest_.close(descriptor); }
    long ioctl(int descriptor, unsigned long request, void* argument) override
    {
        (void)::ioctl(events.descriptor, request, argument);
        return guest_.ioctl(descriptor, request, argument);
    }
    long map(void*& address, std::size_t length, int protection, int flags, int descriptor, long offset) override
    {
        return guest_.map(address, length, protection, flags, descriptor, offset);
    }
    void unmap(void* address, std::size_t length) override { guest_.unmap(address, length); }
    long read(int, std::span<std::byte> to) override { return events.read(to); }
    long write(int, std::span<const std::byte> from) override { return events.write(from); }

private:
    FakeGuest& guest_;
};

struct Ends {
    int ours = -1, theirs = -1;
    explicit Ends(int type)
    {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
        ours = ends[0];
        theirs = ends[1];
    }
    ~Ends()
    {
        ::close(ours);
        ::close(theirs);
    }
};

class SystemCalls : public testing::Test {
protected:
    FakeGuest guest{16};
    WaitableGuest kernel{guest};
    AnsweringStore nodes;
    std::unique_ptr<Ends> store = std::make_unique<Ends>(SOCK_STREAM);
    Ends opener{SOCK_SEQPACKET};
    std::FILE* file = std::tmpfile();
    int journal = ::memfd_create("journal", 0);
    ring::FrontRing<112> rings[2] = {ring::FrontRing<112>{guest.page(0)}, ring::FrontRing<112>{guest.page(1)}};
    pid_t child = -1;
    bool asked_for_store = false;

    void SetUp() override
    {
        backd::Reactor trial;
        if (const auto opened = trial.open(); !opened)
            GTEST_SKIP() << "this machine has no io_uring for us: " << opened.error().text();
        ASSERT_EQ(::ftruncate(::fileno(file), disk_sectors * 512), 0);
        ASSERT_EQ(::ftruncate(journal, static_cast<off_t>(block::journal_bytes())), 0);
        for (std::uint32_t page = 0; page < 16; ++page)
            guest.grant(first_ref + page, page);
        nodes.store.nodes = {{backend + "/frontend", frontend}, {backend + "/state", "1"}, {backend + "/online", "1"},
                             {frontend + "/state", "3"}, {frontend + "/multi-queue-num-queues", "2"}};
        for (unsigned queue = 0; queue < 2; ++queue) {
            const std::string directory = frontend + "/queue-" + std::to_string(queue);
            nodes.store.nodes[directory + "/ring-ref"] = std::to_string(first_ref + queue);
            nodes.store.nodes[directory + "/event-channel"] = std::to_string(12 + queue);
        }
        (void)::fcntl(store->ours, F_SETFL, O_NONBLOCK);
    }
    void TearDown() override
    {
        std::fclose(file);
        ::close(journal);
    }

    /// The child, from the filter to its end.
    [[noreturn]] void serve()
    {
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigprocmask(SIG_BLOCK, &signals, nullptr);
        ::alarm(60);
        backd::Reactor reactor;
        void* const arena = ::mmap(nullptr, 512 * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        backd::Resources resources{std::make_unique<backd::StoreConnection>(xen::Descriptor(xen::Kernel::host(), ::dup(store->theirs))),
                                   *xen::EventChannels::open(kernel), *xen::GrantMapper::open(kernel), *block::BufferPool::create(320),
                                   xen::Mapping(xen::Kernel::host(), arena, 512 * 1024), ::signalfd(-1, &signals, SFD_NONBLOCK),
                                   backd::OpenerClient(opener.theirs)};
        // our copies of the parent's ends would keep the connections open
        store.reset();
        ::close(opener.ours);
        if (!reactor.open() || !reactor.restrict() || !backd::filter_system_calls())
            ::_exit(101);
        backd::Service service(FakeGuest::domain.value, std::move(resources), reactor);
        ::_exit(service.run());
    }
    void start()
    {
        child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0)
            serve();
        ::close(store->theirs);
        store->theirs = -1;
    }
    /// The privileged half: a disk once, the store whenever it is asked for.
    void open_what_is_asked()
    {
        backd::OpenRequest request{};
        if (::recv(opener.ours, &request, sizeof request, MSG_DONTWAIT) != sizeof request)
            return;
        backd::OpenReply reply;
        if (request.what == backd::OpenRequest::What::disk) {
            EXPECT_EQ(request.device, disk_number);
            reply.disk = {.sectors = disk_sectors, .discard_granularity = 4096};
            const int descriptors[] = {::fileno(file), journal};
            EXPECT_TRUE(backd::send_reply(opener.ours, reply, descriptors));
        } else {
            asked_for_store = true;
            store = std::make_unique<Ends>(SOCK_STREAM);
            (void)::fcntl(store->ours, F_SETFL, O_NONBLOCK);
            EXPECT_TRUE(backd::send_reply(opener.ours, reply, std::span(&store->theirs, 1)));
        }
    }
    /// Does the parent's part until `reached` holds; false if the child ends or nothing comes of it.
    template <class Condition>
    [[nodiscard]] bool until(Condition reached)
    {
        for (int i = 0; i < 3000; ++i) {
            if (reached())
                return true;
            pollfd waiting[] = {{store->ours, POLLIN, 0}, {opener.ours, POLLIN, 0}};
            (void)::poll(waiting, 2, 10);
            open_what_is_asked();
            nodes.answer(store->ours);
            siginfo_t ended{};
            if (::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == child)
                return reached();
        }
        return false;
    }
    [[nodiscard]] std::int16_t carry_out(std::uint8_t operation, std::uint64_t sector, unsigned queue = 0)
    {
        auto& ring = rings[queue];
        RawRequest raw{};
        raw.operation = operation;
        raw.sector_number = sector;
        if (operation == ::xen::BLKIF_OP_DISCARD) {
            ::xen::blkif_request_discard discard{};
            discard.operation = operation;
            discard.sector_number = sector;
            discard.nr_sectors = 8;
            std::memcpy(&raw, &discard, sizeof discard);
        } else if (operation != ::xen::BLKIF_OP_FLUSH_DISKCACHE) {
            raw.nr_segments = 1;
            raw.seg[0] = {first_ref + data_page, 0, 7};
        }
        EXPECT_TRUE(ring.put(raw));
        (void)ring.publish();
        kernel.events.raise(first_port + queue);
        if (!until([&] { return ring.waiting() != 0; }))
            return -100;
        return ring.take<::xen::blkif_response>().status;
    }
    [[nodiscard]] int end()
    {
        int status = 0;
        ::kill(child, SIGTERM);
        EXPECT_TRUE(until([&] { return ::waitpid(child, &status, WNOHANG) == child; }));
        return status;
    }
};

TEST_F(SystemCalls, OfAWholeLifeAreOnTheList)
{
    start();
    ASSERT_TRUE(until([this] { return nodes.store.nodes[backend + "/state"] == "4"; })) << "the frontend is not served";
    std::memset(guest.page(data_page).data(), 0x5c, 4096);
    EXPECT_EQ(carry_out(::xen::BLKIF_OP_WRITE, 64), 0);
    EXPECT_EQ(carry_out(::xen::BLKIF_OP_FLUSH_DISKCACHE, 0), 0);
    std::memset(guest.page(data_page).data(), 0, 4096);
    EXPECT_EQ(carry_out(::xen::BLKIF_OP_READ, 64), 0);
    EXPECT_EQ(guest.page(data_page)[4095], std::byte{0x5c});
    const std::int16_t discarded = carry_out(::xen::BLKIF_OP_DISCARD, 64);
    EXPECT_TRUE(discarded == 0 || discarded == ::xen::BLKIF_RSP_EOPNOTSUPP) << discarded;
    ::close(std::exchange(store->ours, -1));
    EXPECT_TRUE(until([this] { return asked_for_store; })) << "a store that went away is looked for";
    EXPECT_EQ(carry_out(::xen::BLKIF_OP_READ, 0), 0);
    const int status = end();
    EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), backd::exit_handed_over);
}

TEST_F(SystemCalls, AnEventThatComesWhileTheEventsAreReadIsHeardToo)
{
    start();
    ASSERT_TRUE(until([this] { return nodes.store.nodes[backend + "/state"] == "4"; })) << "the frontend is not served";
    EXPECT_EQ(carry_out(::xen::BLKIF_OP_READ, 0), 0);
    kernel.events.raise_during_read(first_port + 1);
    EXPECT_EQ(carry_out(::xen::BLKIF_OP_READ, 0), 0);
    EXPECT_EQ(carry_out(::xen::BLKIF_OP_READ, 0, 1), 0) << "the other queue's port stays masked for ever";
    EXPECT_EQ(WEXITSTATUS(end()), backd::exit_handed_over);
}

/// How a child ends that makes one call under the filter.
int end_of(void (*call)())
{
    const pid_t child = ::fork();
    if (child == 0) {
        if (!backd::filter_system_calls())
            ::_exit(101);
        call();
        ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
}

TEST(SystemCallFilter, LetsTheListThrough)
{
    static constexpr void (*calls[])() = {
        [] { (void)::getpid(); },
        // packets cross the tap by these three and the ring; the card's own requests are refused by what is not a tap, and that is all
        [] { (void)::read(-1, nullptr, 0); },
        [] { (void)::write(-1, nullptr, 0); },
        [] { (void)::poll(nullptr, 0, 0); },
        [] { (void)::syscall(SYS_io_uring_register, -1, IORING_REGISTER_BUFFERS_UPDATE, nullptr, 0); },
        [] { (void)::ioctl(-1, TUNSETOFFLOAD, 0ul); },
        [] { (void)::ioctl(-1, TUNSETQUEUE, nullptr); },
    };
    for (const auto call : calls)
        EXPECT_EQ(end_of(call), 0);
}

TEST(SystemCallFilter, EndsTheProcessAtAnyOtherCall)
{
    static constexpr void (*calls[])() = {
        [] { (void)::open("/dev/null", O_RDONLY); },
        [] { (void)::socket(AF_UNIX, SOCK_STREAM, 0); },
        [] { (void)::execl("/bin/true", "true", nullptr); },
        [] { (void)::fork(); },
        [] { (void)::ioctl(-1, TIOCSTI, "x"); },
        [] { (void)::ioctl(-1, TUNSETIFF, nullptr); },
        [] { (void)::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); },
        [] { (void)::kill(1, 0); },
        [] { (void)::readv(-1, nullptr, 0); },
        [] { (void)::syscall(SYS_io_uring_register, -1, IORING_REGISTER_FILES, nullptr, 0); },
    };
    for (std::size_t i = 0; i < std::size(calls); ++i) {
        const int status = end_of(calls[i]);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << "call " << i << ", status " << status;
    }
}

}  // namespace
}  // namespace rf
