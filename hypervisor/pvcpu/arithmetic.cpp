// SPDX-License-Identifier: MIT
#include "pvcpu/arithmetic.hpp"

#include <bit>

namespace rf::pvcpu {
namespace {

// RFLAGS status bits (SDM volume 1, section 3.4.3.1).
constexpr std::uint64_t carry = 1u << 0, parity = 1u << 2, adjust = 1u << 4, zero = 1u << 6, sign = 1u << 7,
                        overflow = 1u << 11;
constexpr std::uint64_t status = carry | parity | adjust | zero | sign | overflow;

[[nodiscard]] std::uint64_t sign_bit(unsigned size) { return 1ull << (size * 8 - 1); }

[[nodiscard]] std::uint64_t result_flags(std::uint64_t value, unsigned size)
{
    return ((value & size_mask(size)) == 0 ? zero : 0) | (value & sign_bit(size) ? sign : 0) |
           (std::popcount(value & 0xff) % 2 == 0 ? parity : 0);
}

/// a + b + carry_in; subtraction is addition of the complement with inverted carries.
[[nodiscard]] std::uint64_t sum_flags(std::uint64_t a, std::uint64_t b, std::uint64_t sum, unsigned size, bool carry_out)
{
    return result_flags(sum, size) | (carry_out ? carry : 0) | ((a ^ b ^ sum) & 0x10 ? adjust : 0) |
           (~(a ^ b) & (a ^ sum) & sign_bit(size) ? overflow : 0);
}

struct Sum {
    std::uint64_t value, flags;
};

[[nodiscard]] Sum add(std::uint64_t a, std::uint64_t b, bool carry_in, unsigned size)
{
    std::uint64_t const sum = (a + b + carry_in) & size_mask(size);
    bool const carry_out = sum < a || (carry_in && sum == a);
    return {sum, sum_flags(a, b, sum, size, carry_out)};
}

[[nodiscard]] Sum subtract(std::uint64_t a, std::uint64_t b, bool borrow_in, unsigned size)
{
    std::uint64_t const difference = (a - b - borrow_in) & size_mask(size);
    bool const borrow_out = a < b || (borrow_in && a == b);
    std::uint64_t const of = (a ^ b) & (a ^ difference) & sign_bit(size) ? overflow : 0;
    return {difference, result_flags(difference, size) | (borrow_out ? carry : 0) |
                            ((a ^ b ^ difference) & 0x10 ? adjust : 0) | of};
}

} // namespace

StoreResult compute_store(Instruction const& instruction, std::uint64_t old, std::uint64_t operand, std::uint64_t rax,
                          std::uint64_t flags)
{
    unsigned const size = instruction.size;
    std::uint64_t const mask = size_mask(size);
    old &= mask;
    operand &= mask;
    StoreResult result;
    std::uint64_t const kept = flags & ~status;
    auto const arithmetic = [&](Sum sum) { result.fresh = sum.value, result.flags = kept | sum.flags; };
    auto const logic = [&](std::uint64_t value) { arithmetic({value, result_flags(value, size)}); };
    auto const bit = [&](auto change) {
        std::uint64_t const selected = 1ull << (operand % (size * 8));
        result.fresh = change(old, selected);
        result.flags = (flags & ~carry) | (old & selected ? carry : 0);
    };

    switch (instruction.operation) {
    case Operation::exchange:
        result = {operand, flags, true, true, false, old};
        break;
    case Operation::exchange_add:
        arithmetic(add(old, operand, false, size));
        result.loads_register = true;
        result.loaded = old;
        break;
    case Operation::compare_exchange:
        arithmetic(subtract(rax & mask, old, false, size));
        result.stores = old == (rax & mask);
        result.fresh = result.stores ? operand : old;
        result.loads_rax = !result.stores;
        result.loaded = old;
        break;
    case Operation::add: arithmetic(add(old, operand, false, size)); break;
    case Operation::add_carry: arithmetic(add(old, operand, flags & carry, size)); break;
    case Operation::subtract: arithmetic(subtract(old, operand, false, size)); break;
    case Operation::subtract_borrow: arithmetic(subtract(old, operand, flags & carry, size)); break;
    case Operation::bit_or: logic(old | operand); break;
    case Operation::bit_and: logic(old & operand); break;
    case Operation::bit_xor: logic(old ^ operand); break;
    case Operation::bit_set: bit([](std::uint64_t value, std::uint64_t one) { return value | one; }); break;
    case Operation::bit_reset: bit([](std::uint64_t value, std::uint64_t one) { return value & ~one; }); break;
    case Operation::bit_complement: bit([](std::uint64_t value, std::uint64_t one) { return value ^ one; }); break;
    default:
        result.fresh = operand;
        result.flags = flags;
    }
    return result;
}

} // namespace rf::pvcpu
