// SPDX-License-Identifier: MIT
#include "lifecycle/state_directory.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "config/values.hpp"
#include "lifecycle/json.hpp"

namespace rf::lifecycle {
namespace {

using builder::Kind;
using builder::fail;

constexpr std::string_view record_suffix = ".json";
constexpr std::string_view unfinished_suffix = ".new";
constexpr std::array<std::string_view, 4> stage_names = {"building", "running", "kept", "ending"};
constexpr std::string_view schema = "rf/v1";

json::value to_json(const DomainRecord& record)
{
    return json::object{
        {"schema", schema},
        {"domid", record.id.value},
        {"name", record.name},
        {"uuid", config::to_text(record.uuid)},
        {"stage", stage_names[static_cast<std::size_t>(record.stage)]},
        {"created", record.created},
        {"quick_ends", record.quick_ends},
        {"wants_backend", record.wants_backend},
        {"definition_file", record.definition_file},
        {"definition", record.definition},
    };
}

std::string text_in(const json::object& object, std::string_view key)
{
    const json::value* value = object.if_contains(key);
    return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::int64_t number_in(const json::object& object, std::string_view key)
{
    const json::value* value = object.if_contains(key);
    return value && value->is_int64() ? value->as_int64() : 0;
}

std::optional<DomainRecord> from_json(const json::value& value, xen::DomainId id)
{
    const json::object* object = value.if_object();
    if (!object || text_in(*object, "schema") != schema)
        return std::nullopt;
    const auto stage = std::ranges::find(stage_names, text_in(*object, "stage"));
    const auto uuid = config::parse_uuid(text_in(*object, "uuid"));
    if (stage == stage_names.end() || !uuid)
        return std::nullopt;
    DomainRecord record;
    record.id = id;
    record.name = text_in(*object, "name");
    record.uuid = *uuid;
    record.stage = static_cast<Stage>(stage - stage_names.begin());
    record.definition = text_in(*object, "definition");
    record.definition_file = text_in(*object, "definition_file");
    record.created = number_in(*object, "created");
    const json::value* const wants_backend = object->if_contains("wants_backend");
    record.wants_backend = wants_backend && wants_backend->is_bool() && wants_backend->as_bool();
    record.quick_ends = static_cast<unsigned>(number_in(*object, "quick_ends"));
    return record;
}

/// Replaces the file as a whole.
builder::Result<void> write_record(const std::string& path, const DomainRecord& record)
{
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    const std::string temporary = path + std::string(unfinished_suffix);
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const std::string text = pretty_json(to_json(record));
    const bool written = descriptor >= 0 && ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int problem = errno;
    if (descriptor >= 0)
        ::close(descriptor);
    if (!written)
        return fail(builder::kind_of(problem), "cannot write " + temporary + ": " + std::strerror(problem));
    if (::rename(temporary.c_str(), path.c_str()) != 0)
        return fail(builder::kind_of(errno), "cannot write " + path + ": " + std::strerror(errno));
    return {};
}

std::optional<DomainRecord> read_record(const std::string& path, xen::DomainId id)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file)
        return std::nullopt;
    const auto value = parse_json(text.str());
    return value ? from_json(*value, id) : std::nullopt;
}

/// Files of a directory that are named by a domain's number and `suffix`, rising.
std::vector<xen::DomainId> numbers_in(const std::string& directory, std::string_view suffix)
{
    std::vector<xen::DomainId> ids;
    const std::unique_ptr<DIR, int (*)(DIR*)> files(::opendir(directory.c_str()), ::closedir);
    while (const dirent* const file = files ? ::readdir(files.get()) : nullptr) {
        const std::string_view name = file->d_name;
        if (!name.ends_with(suffix))
            continue;
        const auto number = config::parse_number(name.substr(0, name.size() - suffix.size()));
        if (number && *number < xen::first_reserved_domid)
            ids.push_back(xen::DomainId(static_cast<std::uint16_t>(*number)));
    }
    std::ranges::sort(ids);
    return ids;
}

}  // namespace

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept
{
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

FileLock::~FileLock()
{
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

std::string StateDirectory::record_path(xen::DomainId id) const
{
    return root_ + "/domains/" + std::to_string(id.value) + std::string(record_suffix);
}

std::string StateDirectory::restart_path(const config::Uuid& uuid) const
{
    return root_ + "/restarts/" + config::to_text(uuid) + std::string(record_suffix);
}

builder::Result<void> StateDirectory::save(const DomainRecord& record) const
{
    return write_record(record_path(record.id), record);
}

builder::Result<void> StateDirectory::save_restart(const DomainRecord& record) const
{
    return write_record(restart_path(record.uuid), record);
}

void StateDirectory::remove_restart(const config::Uuid& uuid) const
{
    ::unlink(restart_path(uuid).c_str());
}

std::vector<DomainRecord> StateDirectory::restarts() const
{
    std::vector<DomainRecord> records;
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(root_ + "/restarts", error))
        if (file.path().extension() == record_suffix)
            if (auto record = read_record(file.path(), {}))
                records.push_back(std::move(*record));
    return records;
}

std::optional<RecordVersion> StateDirectory::version(xen::DomainId id) const
{
    struct ::stat file {};
    if (::stat(record_path(id).c_str(), &file) != 0)
        return std::nullopt;
    return RecordVersion{file.st_ino, file.st_mtim.tv_sec, file.st_mtim.tv_nsec};
}

std::optional<DomainRecord> StateDirectory::load(xen::DomainId id) const
{
    return read_record(record_path(id), id);
}

void StateDirectory::remove(xen::DomainId id) const
{
    ::unlink(record_path(id).c_str());
    ::unlink((record_path(id) + std::string(unfinished_suffix)).c_str());
    ::unlink((root_ + "/locks/" + std::to_string(id.value)).c_str());
}

std::vector<xen::DomainId> StateDirectory::list() const
{
    return numbers_in(root_ + "/domains", record_suffix);
}

std::vector<xen::DomainId> StateDirectory::remains(std::span<const xen::DomainId> known) const
{
    std::vector<xen::DomainId> ids = numbers_in(root_ + "/domains", std::string(record_suffix) + std::string(unfinished_suffix));
    std::ranges::copy(numbers_in(root_ + "/locks", ""), std::back_inserter(ids));
    std::ranges::sort(ids);
    ids.erase(std::ranges::unique(ids).begin(), ids.end());
    std::erase_if(ids, [known](xen::DomainId id) { return std::ranges::binary_search(known, id); });
    std::erase_if(ids, [this](xen::DomainId id) { return ::access(record_path(id).c_str(), F_OK) == 0; });
    return ids;
}

xen::DomainId StateDirectory::next_id(const FileLock& names) const
{
    std::array<char, 8> text{};
    const ssize_t count = ::pread(names.descriptor(), text.data(), text.size(), 0);
    std::string_view last(text.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    last = last.substr(0, last.find('\n'));
    const std::uint64_t next = config::parse_number(last).value_or(0) + 1;
    const xen::DomainId id(static_cast<std::uint16_t>(next < xen::first_reserved_domid ? next : 1));
    const std::string line = std::to_string(id.value) + "\n";
    // A number that is not remembered is tried again, and found to be taken.
    if (::pwrite(names.descriptor(), line.data(), line.size(), 0) > 0)
        (void)!::ftruncate(names.descriptor(), static_cast<off_t>(line.size()));
    return id;
}

builder::Result<FileLock> StateDirectory::lock_file(const std::string& name, Waiting waiting) const
{
    std::error_code error;
    std::filesystem::create_directories(root_ + "/locks", error);
    const std::string path = root_ + "/locks/" + name;
    for (;;) {
        FileLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (lock.descriptor() < 0)
            return fail(builder::kind_of(errno), "cannot open " + path + ": " + std::strerror(errno));
        int result;
        do
            result = ::flock(lock.descriptor(), LOCK_EX | (waiting == Waiting::yes ? 0 : LOCK_NB));
        while (result != 0 && errno == EINTR);
        if (result != 0 && errno == EWOULDBLOCK)
            return fail(Kind::conflict, "another operation holds " + path);
        if (result != 0)
            return fail(builder::kind_of(errno), "cannot lock " + path + ": " + std::strerror(errno));
        // The file may have been removed, and made anew by somebody else, while we waited.
        struct stat ours {}, there {};
        if (::fstat(lock.descriptor(), &ours) == 0 && ::stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino)
            return lock;
    }
}

builder::Result<FileLock> StateDirectory::lock(xen::DomainId id, Waiting waiting) const
{
    return lock_file(std::to_string(id.value), waiting);
}

bool StateDirectory::is_locked(xen::DomainId id) const
{
    return is_locked(std::to_string(id.value));
}

bool StateDirectory::is_locked(const std::string& name) const
{
    const FileLock file(::open((root_ + "/locks/" + name).c_str(), O_RDWR | O_CLOEXEC));
    return file.descriptor() >= 0 && ::flock(file.descriptor(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

builder::Result<FileLock> StateDirectory::lock_names() const
{
    return lock_file("names", Waiting::yes);
}

}  // namespace rf::lifecycle
