// SPDX-License-Identifier: MIT
#include "lifecycle/preflight.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "lifecycle/bridge.hpp"

namespace rf::lifecycle {
namespace {

constexpr std::uint64_t mebibyte = 1u << 20;
/// The hypervisor's own needs for a domain: its records, page tables of shared pages, grant table; and for each vCPU.
constexpr std::uint64_t domain_overhead = 1 * mebibyte;
constexpr std::uint64_t vcpu_overhead = 64u << 10;

constexpr auto lock_pause = std::chrono::milliseconds(50);
constexpr unsigned lock_attempts = 60;

std::string in_mebibytes(std::uint64_t bytes)
{
    return std::to_string((bytes + mebibyte - 1) / mebibyte) + " MiB";
}

std::string at(const std::string& file, unsigned line, const char* element)
{
    return file + (line ? ":" + std::to_string(line) : "") + ": <" + element + ">: ";
}

/// Whether a backend process could take its lock on the disk. One that is just ending may still hold it for a moment.
bool is_free(int disk, config::WriteAccess access)
{
    const int kind = access == config::WriteAccess::read_only ? LOCK_SH : LOCK_EX;
    for (unsigned attempt = 0; ::flock(disk, kind | LOCK_NB) != 0; ++attempt) {
        if (errno != EWOULDBLOCK || attempt == lock_attempts)
            return errno != EWOULDBLOCK;
        std::this_thread::sleep_for(lock_pause);
    }
    return true;  // closing the file gives the lock back
}

Result<void> check_disk(const config::DiskSpec& disk, const std::string& where)
{
    const std::string place = at(where, disk.line, "disk") + "disk " + disk.target + ", " + disk.path + ": ";
    struct stat status {};
    if (::stat(disk.path.c_str(), &status) != 0)
        return fail(errno == ENOENT || errno == ENOTDIR ? Kind::not_found : builder::kind_of(errno), place + std::strerror(errno));
    const bool block = disk.source == config::DiskSpec::Source::block;
    if (block && !S_ISBLK(status.st_mode))
        return fail(Kind::invalid, place + "not a block device: use type='file' for an image file");
    if (!block && !S_ISREG(status.st_mode))
        return fail(Kind::invalid, place + "not a regular file: use type='block' for a block device");
    if (!block && status.st_size == 0)
        return fail(Kind::invalid, place + "the image is empty");
    const int mode = disk.access == config::WriteAccess::read_only ? O_RDONLY : O_RDWR;
    const int descriptor = ::open(disk.path.c_str(), mode | O_CLOEXEC);
    if (descriptor < 0)
        return fail(builder::kind_of(errno), place + std::strerror(errno));
    const bool free = disk.backend == config::Backend::kernel || is_free(descriptor, disk.access);
    ::close(descriptor);
    if (!free)
        return fail(Kind::conflict, place + "in use by another domain or program: what one guest writes, no other may use");
    return {};
}

}  // namespace

Result<void> check_devices(const config::DomainSpec& spec, const std::string& where)
{
    for (const config::DiskSpec& disk : spec.disks)
        BUILD_CHECK(check_disk(disk, where));
    for (const config::InterfaceSpec& interface : spec.interfaces) {
        if (interface.bridge.empty() || is_bridge(interface.bridge))
            continue;
        const std::string why = interface_exists(interface.bridge) ? "is not a bridge" : "does not exist";
        return fail(Kind::not_found, at(where, interface.line, "interface") + "bridge " + interface.bridge + " " + why +
                                         " (ip link add " + interface.bridge + " type bridge)");
    }
    return {};
}

Result<void> check_name(const config::DomainSpec& spec, const std::vector<DomainView>& domains)
{
    for (const DomainView& domain : domains) {
        if (domain.name == spec.name && !domain.is_dying())
            return fail(Kind::conflict, "domain " + std::to_string(domain.id.value) + " is already called '" + spec.name +
                                            "': destroy it, or choose another <name>");
        if (domain.uuid() == spec.uuid && !domain.is_dying())
            return fail(Kind::conflict, "domain " + std::to_string(domain.id.value) + " ('" + domain.shown_name() + "') already has the identifier " +
                                            config::to_text(spec.uuid) + ": choose another <uuid>");
    }
    return {};
}

Result<MemoryState> memory_state(Session& session, const std::vector<DomainView>& domains)
{
    const auto machine = BUILD_TRY(session.system().physical_info());
    MemoryState state;
    const std::uint64_t claimed = std::min(machine.outstanding_pages, machine.free_pages);
    state.free_bytes = (machine.free_pages - claimed) * xen::page_size;
    for (const DomainView& domain : domains)
        state.holders.emplace_back(domain.shown_name() + (domain.is_dying() ? " (being destroyed)" : ""), domain.memory_bytes());
    return state;
}

std::uint64_t memory_needed(const config::DomainSpec& spec)
{
    return spec.memory_bytes + domain_overhead + spec.maximum_vcpus * vcpu_overhead;
}

Result<void> check_memory(const config::DomainSpec& spec, const MemoryState& memory)
{
    const std::uint64_t needed = memory_needed(spec);
    if (needed <= memory.free_bytes)
        return {};
    std::string text = "not enough memory for domain '" + spec.name + "': " + in_mebibytes(needed) + " needed, " +
                       in_mebibytes(memory.free_bytes) + " free; held by";
    const char* separator = " ";
    for (const auto& [name, bytes] : memory.holders) {
        text += separator + name + " " + in_mebibytes(bytes);
        separator = ", ";
    }
    return fail(Kind::no_resource, text + ". Give the domain less, destroy another, or shrink one (xl mem-set)");
}

Result<void> check_processors(const config::DomainSpec& spec, unsigned processors)
{
    const auto check = [processors](const std::vector<unsigned>& cpus) -> Result<void> {
        if (!cpus.empty() && cpus.front() >= processors)
            return fail(Kind::invalid, "a vCPU shall run on processor " + std::to_string(cpus.front()) + ", but the machine has only " +
                                           std::to_string(processors));
        return {};
    };
    BUILD_CHECK(check(spec.cpus));
    for (const config::Pinning& pinning : spec.pinnings)
        BUILD_CHECK(check(pinning.cpus));
    return {};
}

}  // namespace rf::lifecycle
