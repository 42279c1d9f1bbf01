// SPDX-License-Identifier: MIT
#include "rpc/journal_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/journal.hpp"

namespace rf::rpc {
namespace {

/// Below this size growing is not worth a snapshot.
constexpr std::size_t quiet_growth = 1024 * 1024;
/// Reserved and mapped at a time: few enough calls, and memory that nobody misses.
constexpr std::size_t window_bytes = 256 * 1024;
constexpr std::size_t page_bytes = 4096;

bool write_all(int file, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(file, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

/// Creates each missing directory of the path.
bool make_directories(const std::string& path)
{
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        if (::mkdir(path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST)
            return false;
        if (slash == std::string::npos)
            return true;
    }
}

}  // namespace

std::string boot_identity()
{
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string identity;
    std::getline(file, identity);
    return identity;
}

JournalFile::JournalFile(JournalFile&& other) noexcept
    : path_(std::move(other.path_)), identity_(std::move(other.identity_)), lock_(std::exchange(other.lock_, -1)),
      file_(std::exchange(other.file_, -1)), window_(std::exchange(other.window_, {})), size_(other.size_),
      snapshot_size_(other.snapshot_size_)
{
}

JournalFile::~JournalFile()
{
    use({});
    if (file_ >= 0)
        ::close(file_);
    if (lock_ >= 0)
        ::close(lock_);
}

xen::Result<JournalFile> JournalFile::open(const std::string& directory, std::string identity)
{
    if (!make_directories(directory))
        return xen::failure(errno, "cannot create the store's directory " + directory);
    const std::string lock_path = directory + "/store.lock";
    const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0)
        return xen::failure(errno, "cannot open " + lock_path);
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        const int problem = errno;
        ::close(lock);
        return xen::failure(problem, "another store holds " + lock_path);
    }
    return JournalFile(directory + "/store.journal", std::move(identity), lock);
}

xen::Result<std::vector<std::string>> JournalFile::load() const
{
    std::ifstream file(path_, std::ios::binary);
    if (!file)
        return std::vector<std::string>{};
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (file.bad())
        return xen::failure(EIO, "cannot read " + path_);
    store::JournalReader reader(bytes);
    const auto owner = reader.next();
    std::vector<std::string> batches;
    if (!owner || *owner != identity_)
        return batches;
    while (const auto batch = reader.next())
        batches.emplace_back(*batch);
    return batches;
}

std::expected<JournalFile::Window, int> JournalFile::map_end(int file, std::size_t size, std::size_t needed)
{
    Window window;
    window.offset = size / page_bytes * page_bytes;
    const std::size_t used = size - window.offset;
    // Memory without room in the file system behind it would be a signal instead of an error. Where there is little, little will do.
    int problem = ENOSPC;
    for (const std::size_t room : {std::max(needed, window_bytes - used), std::max(needed, std::size_t{1})}) {
        window.length = (used + room + page_bytes - 1) / page_bytes * page_bytes;
        problem = ::posix_fallocate(file, static_cast<off_t>(window.offset), static_cast<off_t>(window.length));
        if (problem == 0)
            break;
    }
    if (problem != 0)
        return std::unexpected(problem);
    void* const start = ::mmap(nullptr, window.length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file,
                               static_cast<off_t>(window.offset));
    if (start == MAP_FAILED)
        return std::unexpected(errno);
    window.start = static_cast<char*>(start);
    return window;
}

void JournalFile::use(Window window)
{
    if (window_.start != nullptr)
        ::munmap(window_.start, window_.length);
    window_ = window;
}

xen::Result<void> JournalFile::append(std::string_view batch)
{
    const std::size_t needed = batch.size() + store::frame_overhead;
    if (size_ + needed > window_.offset + window_.length) {
        const auto window = map_end(file_, size_, needed);
        if (!window)
            return xen::failure(window.error(), "cannot make room in " + path_);
        use(*window);
    }
    store::put_journal_frame(window_.start + (size_ - window_.offset), batch);
    size_ += needed;
    return {};
}

xen::Result<void> JournalFile::replace(std::string_view snapshot)
{
    const std::string fresh = path_ + ".new";
    const int file = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return xen::failure(errno, "cannot create " + fresh);
    const std::string contents =
        std::string(store::journal_mark) + store::journal_frame(identity_) + store::journal_frame(snapshot);
    const auto failed = [&](int problem) {
        ::close(file);
        ::unlink(fresh.c_str());
        return xen::failure(problem, "cannot write " + fresh);
    };
    if (!write_all(file, contents))
        return failed(errno);
    const auto window = map_end(file, contents.size(), 0);
    if (!window)
        return failed(window.error());
    if (::rename(fresh.c_str(), path_.c_str()) != 0) {
        const int problem = errno;
        ::munmap(window->start, window->length);
        return failed(problem);
    }
    if (file_ >= 0)
        ::close(file_);
    file_ = file;
    use(*window);
    size_ = snapshot_size_ = contents.size();
    return {};
}

bool JournalFile::has_grown() const
{
    return size_ > quiet_growth + 4 * snapshot_size_;
}

}  // namespace rf::rpc
