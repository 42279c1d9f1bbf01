// SPDX-License-Identifier: MIT
#pragma once
/// The <devices> of a definition.

#include "config/reading.hpp"

namespace rf::config {

class DeviceReader {
public:
    DeviceReader(Reading& reading, DomainSpec& spec) : reading_(reading), spec_(spec) {}

    [[nodiscard]] Result<void> read(const Element& devices);

private:
    [[nodiscard]] Result<void> disk(const Element& element);
    [[nodiscard]] Result<void> disk_driver(const Element& element, DiskSpec& disk);
    [[nodiscard]] Result<void> disk_source(const Element& element, DiskSpec& disk);
    [[nodiscard]] Result<void> disk_target(const Element& element, DiskSpec& disk);
    [[nodiscard]] Result<void> interface(const Element& element);
    [[nodiscard]] Result<void> interface_source(const Element& element, InterfaceSpec& interface);
    [[nodiscard]] Result<void> controller(const Element& element);
    [[nodiscard]] Result<void> console(const Element& element);
    [[nodiscard]] Result<void> ignored(const Element& element);
    [[nodiscard]] Result<void> unsupported(const Element& element);

    Reading& reading_;
    DomainSpec& spec_;
};

}  // namespace rf::config
