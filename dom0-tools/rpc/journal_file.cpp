// SPDX-License-Identifier: MIT
#include "rpc/journal_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/journal.hpp"

namespace rf::rpc {
namespace {

/// Below this size growing is not worth a snapshot.
constexpr std::size_t quiet_growth = 1024 * 1024;

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
      file_(std::exchange(other.file_, -1)), size_(other.size_), snapshot_size_(other.snapshot_size_)
{
}

JournalFile::~JournalFile()
{
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

xen::Result<void> JournalFile::append(std::string_view batch)
{
    if (write_all(file_, store::journal_frame(batch))) {
        size_ += batch.size() + 8;
        return {};
    }
    const int problem = errno;
    // Without this a torn frame would hide all later ones.
    if (::ftruncate(file_, static_cast<off_t>(size_)) != 0)
        return xen::failure(problem, "cannot append to " + path_ + ", nor cut it back");
    return xen::failure(problem, "cannot append to " + path_);
}

xen::Result<void> JournalFile::replace(std::string_view snapshot)
{
    const std::string fresh = path_ + ".new";
    const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0)
        return xen::failure(errno, "cannot create " + fresh);
    const std::string contents =
        std::string(store::journal_mark) + store::journal_frame(identity_) + store::journal_frame(snapshot);
    if (!write_all(file, contents) || ::rename(fresh.c_str(), path_.c_str()) != 0) {
        const int problem = errno;
        ::close(file);
        ::unlink(fresh.c_str());
        return xen::failure(problem, "cannot write " + fresh);
    }
    if (file_ >= 0)
        ::close(file_);
    file_ = file;
    size_ = snapshot_size_ = contents.size();
    return {};
}

bool JournalFile::has_grown() const
{
    return size_ > quiet_growth + 4 * snapshot_size_;
}

}  // namespace rf::rpc
