// SPDX-License-Identifier: MIT
#pragma once
/// What the tools remember of domains across processes: one small JSON file and one lock for each, below /run/ringfort, so
/// that it is gone with the boot that it describes. Files are replaced by rename: a reader sees the old or the new one.
/// Whoever changes a domain holds its lock; readers need none.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "builder/failure.hpp"
#include "config/domain_spec.hpp"
#include "xen/types.hpp"

namespace rf::lifecycle {

/// How far a domain has come.
enum class Stage {
    building,  ///< by the process that holds the lock; if nobody does, it will never be finished
    running,
    kept,      ///< has ended and is preserved for inspection
    ending,    ///< being taken down by order; on_* actions no longer apply
};

struct DomainRecord {
    xen::DomainId id;
    std::string name;
    config::Uuid uuid{};
    Stage stage = Stage::building;
    std::string definition;       ///< the XML text
    std::string definition_file;  ///< where it came from; for messages
    std::int64_t created = 0;     ///< seconds since 1970
    unsigned quick_ends = 0;      ///< how often in a row it has ended soon after its start
    bool wants_backend = false;   ///< has devices that a backend process serves
};

/// Which file a record was read from. Files are replaced, never changed, so equal versions have equal contents.
struct RecordVersion {
    std::uint64_t inode = 0;
    std::int64_t seconds = 0, nanoseconds = 0;
    friend bool operator==(const RecordVersion&, const RecordVersion&) = default;
};

/// An exclusive lock held by this process until destruction. Move-only.
class FileLock {
public:
    FileLock() = default;
    explicit FileLock(int descriptor) : descriptor_(descriptor) {}
    FileLock(FileLock&& other) noexcept;
    FileLock& operator=(FileLock&& other) noexcept;
    ~FileLock();

    [[nodiscard]] int descriptor() const { return descriptor_; }

private:
    int descriptor_ = -1;
};

class StateDirectory {
public:
    explicit StateDirectory(std::string root = "/run/ringfort") : root_(std::move(root)) {}

    [[nodiscard]] builder::Result<void> save(const DomainRecord& record) const;
    /// nullopt when there is none, or none that can be read.
    [[nodiscard]] std::optional<DomainRecord> load(xen::DomainId id) const;
    /// Of the file with the record; nullopt when there is none.
    [[nodiscard]] std::optional<RecordVersion> version(xen::DomainId id) const;
    /// Removes the record, also a half-written one, and the lock file.
    void remove(xen::DomainId id) const;
    /// Numbers with a record, rising.
    [[nodiscard]] std::vector<xen::DomainId> list() const;
    /// Numbers without a record of which a lock file or half a record is there, rising: held, or left by somebody who died.
    /// `known` (rising) are numbers that had a record just now, and are not looked at.
    [[nodiscard]] std::vector<xen::DomainId> remains(std::span<const xen::DomainId> known = {}) const;
    /// The next number to try for a new domain: they rise and start over, so that a number rests before it is used again.
    /// `names` is the lock under which names are given; its file remembers the number.
    [[nodiscard]] xen::DomainId next_id(const FileLock& names) const;

    /// A domain that is to be created anew: kept from before its old form is destroyed until the new one is there, so that
    /// the death of whoever does it loses nothing. Known by its uuid.
    [[nodiscard]] builder::Result<void> save_restart(const DomainRecord& record) const;
    void remove_restart(const config::Uuid& uuid) const;
    [[nodiscard]] std::vector<DomainRecord> restarts() const;

    enum class Waiting { no, yes };
    /// The lock of one domain. conflict when somebody else holds it and we do not wait.
    [[nodiscard]] builder::Result<FileLock> lock(xen::DomainId id, Waiting waiting) const;
    /// Whether somebody holds a lock, of a domain or by its file name. Asking leaves no lock file behind.
    [[nodiscard]] bool is_locked(xen::DomainId id) const;
    [[nodiscard]] bool is_locked(const std::string& name) const;
    /// The lock under which names are given.
    [[nodiscard]] builder::Result<FileLock> lock_names() const;
    /// Any lock below the root, by its file name.
    [[nodiscard]] builder::Result<FileLock> lock_file(const std::string& name, Waiting waiting) const;

    [[nodiscard]] const std::string& root() const { return root_; }

private:
    [[nodiscard]] std::string record_path(xen::DomainId id) const;
    [[nodiscard]] std::string restart_path(const config::Uuid& uuid) const;

    std::string root_;
};

}  // namespace rf::lifecycle
