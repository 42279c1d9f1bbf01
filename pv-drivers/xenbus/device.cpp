// SPDX-License-Identifier: MIT
#include "xenbus/device.hpp"

#include <utility>

namespace rf::xenbus {
namespace {

/// More steps than any sequence of the handshake has; bounds the loop should a store never settle.
constexpr int step_limit = 8;

std::string text_of(State state)
{
    return std::to_string(static_cast<unsigned>(state));
}

}  // namespace

std::string backend_directory(std::string_view type, std::uint16_t domain)
{
    return "/local/domain/0/backend/" + std::string(type) + "/" + std::to_string(domain);
}

Result<DevicePaths> read_paths(Store& store, std::string_view type, std::uint16_t domain, std::string_view device)
{
    DevicePaths paths;
    paths.backend = backend_directory(type, domain) + "/" + std::string(device);
    const auto frontend = store.read(paths.backend + "/frontend");
    if (!frontend)
        return std::unexpected(frontend.error());
    const std::string home = "/local/domain/" + std::to_string(domain) + "/";
    if (!*frontend || !(*frontend)->starts_with(home))
        return xen::failure(EINVAL, paths.backend + "/frontend must name a directory below " + home);
    paths.frontend = **frontend;
    return paths;
}

Result<View> Device::look(Store& store, Domain domain) const
{
    View view;
    const auto own = store.read(paths_.backend + "/state");
    if (!own)
        return std::unexpected(own.error());
    if (!*own)
        return view;
    view.own = parse_state(*own);
    if (domain == Domain::gone)
        return view;
    const auto online = store.read(paths_.backend + "/online");
    if (!online)
        return std::unexpected(online.error());
    view.online = online->value_or("1") != "0";
    const auto peer = store.read(paths_.frontend + "/state");
    if (!peer)
        return std::unexpected(peer.error());
    view.peer = parse_state(*peer);
    return view;
}

Result<Device::Outcome> Device::evaluate(Store& store, Domain domain)
{
    for (int i = 0; i < step_limit; ++i) {
        const auto view = look(store, domain);
        if (!view)
            return std::unexpected(view.error());
        Step step = next_step(*view);
        if (step == Step::serve && backend_->serving())
            step = Step::wait;
        if (failed_ && step != Step::forget && step != Step::finish_close)
            step = Step::wait;
        if (refused_ && (step == Step::serve || step == Step::connect))
            step = Step::wait;
        if (step == Step::wait)
            return Outcome::settled;
        if (step == Step::forget)
            return backend_->disconnect() == Backend::Rest::reached ? Outcome::over : Outcome::pending;
        const auto outcome = take(store, step);
        if (!outcome || *outcome != Outcome::settled || failed_)
            return outcome;
    }
    return Outcome::pending;
}

Result<Device::Outcome> Device::take(Store& store, Step step)
{
    switch (step) {
    case Step::announce: return announce(store);
    case Step::connect: return connect(store, Start::fresh);
    case Step::serve: return connect(store, Start::resumed);
    case Step::restart:
        if (backend_->disconnect() == Backend::Rest::not_yet)
            return Outcome::pending;
        return announce(store);
    case Step::begin_close: return close(store, State::closing);
    case Step::finish_close: return close(store, State::closed);
    case Step::wait:
    case Step::forget: break;
    }
    return Outcome::settled;
}

Result<Device::Outcome> Device::prepare(Store& store)
{
    if (prepared_)
        return Outcome::settled;
    const auto ready = backend_->prepare();
    prepared_ = ready.has_value();
    if (ready)
        return Outcome::settled;
    if (ready.error().code != EAGAIN)
        return give_up(store, ready.error());
    if (!std::exchange(told_to_wait_, true))
        logger_(ready.error().text() + "; waiting");
    return Outcome::pending;
}

Result<Device::Outcome> Device::announce(Store& store)
{
    if (backend_->disconnect() == Backend::Rest::not_yet)
        return Outcome::pending;
    if (const auto outcome = prepare(store); !prepared_)
        return outcome;
    refused_ = false;
    std::vector<Node> nodes = backend_->features();
    nodes.push_back({"hotplug-status", "connected"});
    nodes.push_back({"state", text_of(State::init_wait)});
    const auto updated = store.update(paths_.backend, nodes);
    if (!updated)
        return std::unexpected(updated.error());
    return Outcome::settled;
}

Result<Device::Outcome> Device::connect(Store& store, Start start)
{
    // Served already, but the store went away before it could be told: the frontend has asked nothing yet.
    if (start == Start::fresh && backend_->serving() && backend_->disconnect() == Backend::Rest::not_yet)
        return Outcome::pending;
    if (const auto outcome = prepare(store); !prepared_)
        return outcome;
    const auto connected = backend_->connect(store, paths_.frontend, start);
    if (!connected) {
        logger_(connected.error().text());
        const auto told = write_state(store, State::closing);
        refused_ = told.has_value();
        return told;
    }
    return start == Start::fresh ? write_state(store, State::connected) : Outcome::settled;
}

Result<Device::Outcome> Device::close(Store& store, State state)
{
    if (backend_->disconnect() == Backend::Rest::not_yet)
        return Outcome::pending;
    return write_state(store, state);
}

Result<Device::Outcome> Device::write_state(Store& store, State state)
{
    const Node node{"state", text_of(state)};
    const auto updated = store.update(paths_.backend, std::span(&node, 1));
    if (!updated)
        return std::unexpected(updated.error());
    return Outcome::settled;
}

Result<Device::Outcome> Device::give_up(Store& store, const xen::Error& error)
{
    logger_(error.text());
    const Node nodes[] = {{"hotplug-status", "error"}, {"hotplug-error", error.text()}};
    const auto updated = store.update(paths_.backend, nodes);
    if (!updated)
        return std::unexpected(updated.error());
    failed_ = true;
    return Outcome::settled;
}

}  // namespace rf::xenbus
