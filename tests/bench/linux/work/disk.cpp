// SPDX-License-Identifier: MIT
// Reading a disk past the page cache, with Linux's native asynchronous I/O: the same requests in the same order on every machine.
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "verbs.hpp"
#include "window.hpp"

namespace rf::bench {

namespace {

struct Pattern {
    const char* name;
    std::size_t bytes;     ///< of one request
    unsigned depth;        ///< requests under way
    unsigned requests;
    bool random;
};

constexpr Pattern patterns[] = {
    {"4k_depth1", 4096, 1, 1000, true}, {"4k_depth32", 4096, 32, 4000, true}, {"128k_depth4", 128 * 1024, 4, 400, false}};

class Reader {
public:
    Reader(int descriptor, std::uint64_t bytes) : descriptor_(descriptor), bytes_(bytes) {}
    ~Reader()
    {
        if (context_ != 0)
            ::syscall(SYS_io_destroy, context_);
        ::close(descriptor_);
        std::free(buffers_);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    [[nodiscard]] bool prepare(const Pattern& pattern)
    {
        pattern_ = pattern;
        std::free(buffers_);
        buffers_ = std::aligned_alloc(4096, pattern.bytes * pattern.depth);
        if (buffers_ == nullptr)
            return false;
        std::memset(buffers_, 0, pattern.bytes * pattern.depth);
        return context_ != 0 || ::syscall(SYS_io_setup, 128, &context_) == 0;
    }

    /// All requests of the pattern; false when one failed.
    [[nodiscard]] bool read_all()
    {
        unsigned sent = 0, answered = 0;
        for (; sent < pattern_.depth; ++sent)
            if (!submit(sent, sent))
                return false;
        io_event done[32];
        while (answered < pattern_.requests) {
            const long count = ::syscall(SYS_io_getevents, context_, 1, 32, done, nullptr);
            if (count <= 0)
                return false;
            for (long i = 0; i < count; ++i, ++answered) {
                if (done[i].res != static_cast<std::int64_t>(pattern_.bytes))
                    return false;
                if (sent < pattern_.requests && !submit(static_cast<unsigned>(done[i].data), sent++))
                    return false;
            }
        }
        return true;
    }

private:
    bool submit(unsigned slot, unsigned number)
    {
        const std::uint64_t places = bytes_ / pattern_.bytes;
        // Knuth's multiplicative generator: far apart, the same every time
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        const std::uint64_t place = pattern_.random ? (state_ >> 33) % places : number % places;
        iocb request{};
        request.aio_data = slot;
        request.aio_lio_opcode = IOCB_CMD_PREAD;
        request.aio_fildes = static_cast<std::uint32_t>(descriptor_);
        request.aio_buf = reinterpret_cast<std::uint64_t>(buffers_) + slot * pattern_.bytes;
        request.aio_nbytes = pattern_.bytes;
        request.aio_offset = static_cast<std::int64_t>(place * pattern_.bytes);
        iocb* list[1] = {&request};
        return ::syscall(SYS_io_submit, context_, 1, list) == 1;
    }

    int descriptor_;
    std::uint64_t bytes_;
    std::uint64_t state_ = 1;
    aio_context_t context_ = 0;
    void* buffers_ = nullptr;
    Pattern pattern_{};
};

}  // namespace

int measure_disk(Words words)
{
    if (words.size() != 2)
        return 2;
    const std::string name = words[0];
    int descriptor = -1;
    for (int second = 0; descriptor < 0 && second < 30; ++second) {  // the frontend may still be connecting
        descriptor = ::open(words[1], O_RDONLY | O_DIRECT);
        if (descriptor < 0)
            ::sleep(1);
    }
    std::uint64_t bytes = 0;
    if (descriptor < 0 || ::ioctl(descriptor, BLKGETSIZE64, &bytes) != 0) {
        refuse_call(name, words[1]);
        return 1;
    }
    Reader reader(descriptor, bytes);
    for (const auto& pattern : patterns) {
        const std::string figure = name + "." + pattern.name;
        if (!reader.prepare(pattern)) {
            refuse_call(figure, "asynchronous I/O");
            return 1;
        }
        bool good = true;
        measure(figure, pattern.requests, [&] { good = good && reader.read_all(); });
        if (!good)
            refuse_call(figure, "reading");
    }
    return 0;
}

}  // namespace rf::bench
