// SPDX-License-Identifier: MIT
// block-load DEVICE: writes and reads a disk past all caches, and knows what every block must hold.
//
// Four threads own a quarter of the disk each. In turns one writes a run of up to 16 blocks of 4 KiB with a pattern that is
// another for each block, generation and word, and compares a run that it wrote before. Prints "block-load: done D wrong W" five
// times a second. When /tmp/stop-block exists each thread reads all of its quarter; the last line then is "block-load: ended done D
// wrong W".
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <random>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t block_bytes = 4096;
constexpr unsigned longest_run = 16;
constexpr unsigned threads = 4;
/// Leaves some of an emulated processor to the others.
constexpr unsigned pause_microseconds = 10000;

std::atomic<unsigned long> done = 0, wrong = 0;

std::uint64_t word_of(std::uint64_t block, std::uint64_t generation, std::uint64_t word) {
    std::uint64_t mixed = (block << 40 ^ generation << 12 ^ word) + 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    return mixed ^ mixed >> 27;
}

class Quarter {
public:
    Quarter(int disk, std::uint64_t first, std::uint64_t blocks, unsigned seed)
        : disk_(disk), first_(first), generations_(blocks), random_(seed),
          buffer_(static_cast<std::uint64_t*>(std::aligned_alloc(block_bytes, longest_run * block_bytes))) {}

    void work() {
        while (access("/tmp/stop-block", F_OK) != 0) {
            write_run();
            read_run(random_() % generations_.size(), 1 + random_() % longest_run);
            usleep(pause_microseconds);
        }
        for (std::uint64_t at = 0; at < generations_.size(); at += longest_run) read_run(at, longest_run);
    }

private:
    [[nodiscard]] std::uint64_t fitting(std::uint64_t at, std::uint64_t count) const { return std::min<std::uint64_t>(count, generations_.size() - at); }
    [[nodiscard]] off_t offset(std::uint64_t at) const { return static_cast<off_t>((first_ + at) * block_bytes); }

    void write_run() {
        const std::uint64_t at = random_() % generations_.size(), count = fitting(at, 1 + random_() % longest_run);
        for (std::uint64_t i = 0; i < count; ++i) {
            ++generations_[at + i];
            for (std::uint64_t word = 0; word < block_bytes / 8; ++word)
                buffer_[i * block_bytes / 8 + word] = word_of(first_ + at + i, generations_[at + i], word);
        }
        if (pwrite(disk_, buffer_, count * block_bytes, offset(at)) != static_cast<ssize_t>(count * block_bytes)) fail("written", at);
        else ++done;
    }
    void read_run(std::uint64_t at, std::uint64_t wanted) {
        const std::uint64_t count = fitting(at, wanted);
        if (pread(disk_, buffer_, count * block_bytes, offset(at)) != static_cast<ssize_t>(count * block_bytes)) return fail("read", at);
        ++done;
        for (std::uint64_t i = 0; i < count; ++i) {
            if (generations_[at + i] == 0) continue;
            for (std::uint64_t word = 0; word < block_bytes / 8; ++word)
                if (buffer_[i * block_bytes / 8 + word] != word_of(first_ + at + i, generations_[at + i], word)) {
                    ++wrong;
                    std::printf("block-load: block %lu is wrong from word %lu on\n", first_ + at + i, word);
                    break;
                }
        }
    }
    void fail(const char* what, std::uint64_t at) {
        ++wrong;
        std::printf("block-load: block %lu cannot be %s\n", first_ + at, what);
    }

    int disk_;
    std::uint64_t first_;
    std::vector<std::uint64_t> generations_;
    std::minstd_rand random_;
    std::uint64_t* buffer_;
};

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fputs("usage: block-load DEVICE\n", stderr);
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const int disk = open(arguments[1], O_RDWR | O_DIRECT);
    std::uint64_t bytes = 0;
    if (disk < 0 || ioctl(disk, BLKGETSIZE64, &bytes) != 0) {
        std::perror(arguments[1]);
        return 1;
    }
    const std::uint64_t blocks = bytes / block_bytes / threads;
    std::atomic<unsigned> running = threads;
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i)
        workers.emplace_back([&, i] {
            Quarter(disk, i * blocks, blocks, i + 1).work();
            --running;
        });
    while (running != 0) {
        usleep(200000);
        std::printf("block-load: done %lu wrong %lu\n", done.load(), wrong.load());
    }
    std::printf("block-load: ended done %lu wrong %lu\n", done.load(), wrong.load());
    return wrong == 0 ? 0 : 1;
}
