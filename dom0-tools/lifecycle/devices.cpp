// SPDX-License-Identifier: MIT
#include "lifecycle/devices.hpp"

#include <algorithm>
#include <filesystem>

#include "lifecycle/device_wait.hpp"
#include "lifecycle/domain_list.hpp"
#include "lifecycle/store_tree.hpp"

namespace rf::lifecycle {
namespace {

/// The backend directories of a domain: /local/domain/0/backend/<kind>/<domain>/<device>.
Result<std::vector<std::string>> backends_of(Session& session, DomainId domain)
{
    std::vector<std::string> result;
    const std::string root(backend_root);
    for (const std::string& kind : BUILD_TRY(children_of(session, root))) {
        const std::string directory = root + "/" + kind + "/" + std::to_string(domain.value);
        for (const std::string& device : BUILD_TRY(children_of(session, directory)))
            result.push_back(directory + "/" + device);
    }
    return result;
}

/// One device that is being closed.
struct Closing {
    std::string backend;
    std::string frontend;   ///< empty if the backend names none of this domain
    bool connected = false; ///< some driver serves the backend and will say when it has closed
};

/// Tells the backend that its guest's half has closed for good. Works for a guest that can no longer do so itself.
Result<Closing> ask_to_close(Session& session, DomainId domain, const std::string& backend)
{
    Closing closing{backend, BUILD_TRY(session.store.read_if_exists(backend + "/frontend")).value_or(""), false};
    if (!closing.frontend.starts_with(domain_path(domain) + "/"))
        closing.frontend.clear();
    BUILD_CHECK(session.store.transact([&](auto transaction) -> xen::Result<void> {
        // Read inside: a backend that closes at this very moment must not be set back to closing.
        const auto text = session.store.read_if_exists(backend + "/state", transaction);
        if (!text)
            return std::unexpected(text.error());
        const std::uint64_t state = config::parse_number(text->value_or("")).value_or(::xen::XenbusStateUnknown);
        closing.connected = state > ::xen::XenbusStateInitialising && state != ::xen::XenbusStateClosed;
        auto written = session.store.write(backend + "/online", "0", transaction);
        if (written && closing.connected)
            written = session.store.write(backend + "/state", std::to_string(::xen::XenbusStateClosing), transaction);
        if (written && !closing.frontend.empty())
            written = session.store.write(closing.frontend + "/state", std::to_string(::xen::XenbusStateClosed), transaction);
        return written;
    }));
    return closing;
}

/// Whether a backend that Dom0's kernel served is no longer there. Its disk driver leaves without writing its state when the
/// nodes of a dead guest are gone before it was asked to close.
bool kernel_has_let_go(const std::string& backend)
{
    const std::string path = kernel_device_path(backend);
    std::error_code problem;
    return !path.empty() && !std::filesystem::exists(path, problem) && !problem;
}

/// The backend is done when it says so, has removed its node, or is gone.
Result<bool> has_closed(Session& session, const std::string& backend)
{
    const std::uint64_t state = BUILD_TRY(device_state(session, backend));
    return state == ::xen::XenbusStateClosed || state == ::xen::XenbusStateUnknown || kernel_has_let_go(backend);
}

}  // namespace

Result<std::vector<std::string>> children_of(Session& session, const std::string& path)
{
    auto names = session.store.list(path);
    if (!names && names.error().code == ENOENT)
        return std::vector<std::string>{};
    if (!names)
        return fail(names.error());
    return std::move(*names);
}

Result<void> remove_with_empty_parents(Session& session, const std::string& path, std::string_view top)
{
    BUILD_CHECK(session.store.transact([&](auto transaction) -> xen::Result<void> {
        auto removed = session.store.remove(path, transaction);
        for (std::string above = path.substr(0, path.rfind('/')); removed && above.size() >= top.size(); above = above.substr(0, above.rfind('/'))) {
            const auto rest = session.store.list(above, transaction);
            if (!rest && rest.error().code == ENOENT)
                continue;
            if (!rest)
                return std::unexpected(rest.error());
            if (!rest->empty())
                break;
            removed = session.store.remove(above, transaction);
        }
        return removed;
    }));
    return {};
}

Result<std::vector<std::string>> remove_devices(Session& session, DomainId domain, Clock::time_point deadline)
{
    std::vector<Closing> devices;
    for (const std::string& backend : BUILD_TRY(backends_of(session, domain)))
        devices.push_back(BUILD_TRY(ask_to_close(session, domain, backend)));
    std::vector<std::string> stuck;
    for (const Closing& device : devices) {
        const bool closed = !device.connected ||
                            BUILD_TRY(wait_for_change(session, device.backend, deadline, [&] { return has_closed(session, device.backend); }));
        if (!closed)
            stuck.push_back(device.backend);
        if (!device.frontend.empty())
            BUILD_CHECK(session.store.remove(device.frontend));
        BUILD_CHECK(remove_with_empty_parents(session, device.backend, backend_root));
    }
    return stuck;
}

}  // namespace rf::lifecycle
