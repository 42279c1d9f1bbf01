// SPDX-License-Identifier: MIT
/// The three counters of a PC. Sources: IA-PC HPET specification 1.0a; ACPI specification 6.4, 4.8.2.1; Intel 8254 data
/// sheet.
#include "base/log.hpp"
#include "cpu/insn.hpp"
#include "dev/acpi.hpp"
#include "dev/clock_source.hpp"
#include "dev/command_line.hpp"
#include "mm/device_window.hpp"

namespace rf::dev {
namespace {

class Hpet final : public ReferenceCounter {
public:
    /// False when there is none, or what is there is no HPET.
    bool open()
    {
        if (!machine_tables.hpet || !options.use_hpet)
            return false;
        registers_ = static_cast<volatile std::uint32_t*>(mm::map_device({machine_tables.hpet->address}, 1024));
        if (!registers_)
            return false;
        std::uint32_t const period = registers_[1]; // femtoseconds
        if (period == 0 || period > 100'000'000)
            return false;
        hertz_ = 1'000'000'000'000'000ull / period;
        registers_[configuration] = registers_[configuration] | counter_enable;
        return true;
    }
    std::uint64_t read() override { return registers_[counter_low]; }
    std::uint64_t hertz() const override { return hertz_; }
    unsigned bits() const override { return 32; }
    char const* name() const override { return "HPET"; }

private:
    static constexpr unsigned configuration = 0x10 / 4;
    static constexpr unsigned counter_low = 0xf0 / 4;
    static constexpr std::uint32_t counter_enable = 1;
    volatile std::uint32_t* registers_ = nullptr;
    std::uint64_t hertz_ = 0;
};

class PmTimer final : public ReferenceCounter {
public:
    bool open()
    {
        if (!machine_tables.fadt || !machine_tables.fadt->pm_timer.exists())
            return false;
        acpi::Register const& place = machine_tables.fadt->pm_timer;
        bits_ = machine_tables.fadt->pm_timer_32_bit ? 32 : 24;
        if (place.space == acpi::AddressSpace::ports) {
            port_ = static_cast<std::uint16_t>(place.address);
            return true;
        }
        if (place.space == acpi::AddressSpace::memory)
            register_ = static_cast<volatile std::uint32_t*>(mm::map_device({place.address}, 4));
        return register_ != nullptr;
    }
    std::uint64_t read() override { return (register_ ? *register_ : cpu::in32(port_)) & ((1ull << bits_) - 1); }
    std::uint64_t hertz() const override { return 3'579'545; }
    unsigned bits() const override { return bits_; }
    char const* name() const override { return "ACPI timer"; }

private:
    std::uint16_t port_ = 0;
    volatile std::uint32_t* register_ = nullptr;
    unsigned bits_ = 24;
};

/// Channel 2 counts down from 65536 again and again; no interrupt hangs on it.
class Pit final : public ReferenceCounter {
public:
    bool open()
    {
        saved_control_ = cpu::in8(control_port);
        cpu::out8(control_port, static_cast<std::uint8_t>((saved_control_ & 0x0c) | gate));
        cpu::out8(command_port, channel_2_both_bytes_rate_generator);
        cpu::out8(data_port, 0);
        cpu::out8(data_port, 0);
        return true;
    }
    void close() { cpu::out8(control_port, static_cast<std::uint8_t>(saved_control_ & 0x0f)); }
    std::uint64_t read() override
    {
        cpu::out8(command_port, latch_channel_2);
        unsigned const low = cpu::in8(data_port);
        unsigned const high = cpu::in8(data_port);
        return 0xffff - (high << 8 | low);
    }
    std::uint64_t hertz() const override { return 1'193'182; }
    unsigned bits() const override { return 16; }
    char const* name() const override { return "PIT"; }

private:
    static constexpr std::uint16_t data_port = 0x42;
    static constexpr std::uint16_t command_port = 0x43;
    static constexpr std::uint16_t control_port = 0x61;
    static constexpr std::uint8_t gate = 1;
    static constexpr std::uint8_t channel_2_both_bytes_rate_generator = 0xb4;
    static constexpr std::uint8_t latch_channel_2 = 0x80;
    std::uint8_t saved_control_ = 0;
};

Result<std::uint64_t> try_counter(ReferenceCounter& counter)
{
    auto const khz = measure_khz(counter, [] { return cpu::read_tsc_ordered(); });
    if (khz)
        log::info("time: the TSC runs at ", *khz / 1000, ".", *khz % 1000 / 100, *khz % 100 / 10, *khz % 10,
                  " MHz (measured with the ", counter.name(), ")");
    else
        log::warning("time: the ", counter.name(), " is no usable reference (error ", khz.error(), ")");
    return khz;
}

} // namespace

Result<std::uint64_t> calibrate_tsc_khz()
{
    if (Hpet hpet; hpet.open())
        if (auto const khz = try_counter(hpet))
            return khz;
    if (PmTimer timer; timer.open())
        if (auto const khz = try_counter(timer))
            return khz;
    Pit pit;
    if (pit.open()) {
        auto const khz = try_counter(pit);
        pit.close();
        if (khz)
            return khz;
    }
    log::error("time: no counter tells how fast the TSC runs; enable the HPET or the ACPI timer in the firmware setup");
    return fail(Errno::enodev);
}

} // namespace rf::dev
