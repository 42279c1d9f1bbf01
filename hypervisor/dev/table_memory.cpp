// SPDX-License-Identifier: MIT
/// Windows onto the MSI-X tables of the machine's devices.
#include "base/spinlock.hpp"
#include "dev/fixed_vector.hpp"
#include "dev/msi.hpp"
#include "mm/device_window.hpp"
#include "mm/frame_table.hpp"

namespace rf::dev {
namespace {

class MachineTableMemory final : public TableMemory {
public:
    Result<std::uint32_t volatile*> map_entry(std::uint64_t address) override
    {
        // Firmware or Dom0 chose the address: a table that claims to lie in RAM would let us write there.
        if (mm::frames.find(MachineAddress{address}.frame()))
            return fail(Errno::einval);
        volatile void* const page = window_of(address & page_mask);
        if (!page)
            return fail(Errno::enomem);
        return reinterpret_cast<std::uint32_t volatile*>(static_cast<volatile char*>(page) + (address & ~page_mask));
    }

private:
    struct Window {
        std::uint64_t address;
        volatile void* page;
    };
    /// Windows are never taken back, so each table page gets one for good.
    volatile void* window_of(std::uint64_t address)
    {
        LockGuard guard(lock_);
        for (Window const& window : windows_)
            if (window.address == address)
                return window.page;
        Window const fresh{address, mm::map_device({address}, page_size)};
        return fresh.page && windows_.push_back(fresh) ? fresh.page : nullptr;
    }
    Spinlock lock_{LockRank::interrupt_routing};
    FixedVector<Window, 256> windows_;
};

constinit MachineTableMemory table_memory;

} // namespace

TableMemory& machine_table_memory() { return table_memory; }

} // namespace rf::dev
