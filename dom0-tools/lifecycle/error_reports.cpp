// SPDX-License-Identifier: MIT
#include "lifecycle/error_reports.hpp"

#include "config/values.hpp"
#include "lifecycle/devices.hpp"

namespace rf::lifecycle {
namespace {

/// Whether the domain of that number is gone. What names no domain is left alone.
Result<bool> is_gone(Session& session, const std::string& number)
{
    const auto id = config::parse_number(number);
    if (!id || *id > UINT16_MAX)
        return false;
    const auto info = session.control().info(DomainId(static_cast<std::uint16_t>(*id)));
    if (!info && info.error().code != ESRCH)
        return fail(info.error());
    return !info;
}

}  // namespace

Result<bool> remove_stale_reports(Session& session)
{
    bool left = false;
    const std::string backends = std::string(error_reports) + "/backend";
    for (const std::string& kind : BUILD_TRY(children_of(session, backends)))
        for (const std::string& domain : BUILD_TRY(children_of(session, backends + "/" + kind))) {
            if (BUILD_TRY(is_gone(session, domain)))
                BUILD_CHECK(remove_with_empty_parents(session, backends + "/" + kind + "/" + domain, error_reports));
            else
                left = true;
        }
    return left;
}

}  // namespace rf::lifecycle
