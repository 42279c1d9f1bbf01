// SPDX-License-Identifier: MIT
#include "pvcpu/decode.hpp"

#include <algorithm>

namespace rf::pvcpu {
namespace {

using Registers = xen::cpu_user_regs;

/// Reads bytes in order; reading past the end marks the decoding as failed and yields zeros.
class Bytes {
public:
    explicit Bytes(std::span<std::uint8_t const> code) : code_(code.first(std::min(code.size(), instruction_limit))) {}
    std::uint8_t next()
    {
        if (at_ >= code_.size())
            return failed_ = true, 0;
        return code_[at_++];
    }
    /// Little-endian signed value of `count` bytes.
    std::int64_t next_signed(unsigned count)
    {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < count; ++i)
            value |= static_cast<std::uint64_t>(next()) << (8 * i);
        unsigned const unused = 64 - 8 * count;
        return count ? static_cast<std::int64_t>(value << unused) >> unused : 0;
    }
    [[nodiscard]] std::uint8_t peek() const { return at_ < code_.size() ? code_[at_] : 0; }
    [[nodiscard]] std::size_t used() const { return at_; }
    [[nodiscard]] bool failed() const { return failed_; }

private:
    std::span<std::uint8_t const> code_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

class Decoder {
public:
    Decoder(std::span<std::uint8_t const> code, Registers const& regs) : bytes_(code), regs_(regs) {}

    [[nodiscard]] std::optional<Instruction> run()
    {
        read_prefixes();
        std::uint8_t const opcode = bytes_.next();
        bool const known = opcode == 0x0f ? two_byte(bytes_.next()) : one_byte(opcode);
        if (!known || bytes_.failed())
            return std::nullopt;
        out_.length = static_cast<std::uint8_t>(bytes_.used());
        if (relative_)
            out_.address += regs_.rip + out_.length;
        return out_;
    }

private:
    void read_prefixes()
    {
        for (std::size_t i = 0; i < instruction_limit; ++i) {
            switch (bytes_.peek()) {
            case 0x66: operand_16_ = true; break;
            case 0x64: out_.segment = SegmentOverride::fs; break;
            case 0x65: out_.segment = SegmentOverride::gs; break;
            case 0xf2: case 0xf3: out_.repeated = true; break;
            case 0xf0: case 0x26: case 0x2e: case 0x36: case 0x3e: break; // LOCK changes nothing: we are always atomic
            default:
                if ((bytes_.peek() & 0xf0) == 0x40)
                    rex_ = bytes_.next();
                return;
            }
            (void)bytes_.next();
        }
    }

    [[nodiscard]] std::uint8_t full_size() const { return rex_ & 8 ? 8 : operand_16_ ? 2 : 4; }
    void set_size(bool byte) { out_.size = byte ? 1 : full_size(); }

    void read_modrm()
    {
        std::uint8_t const modrm = bytes_.next();
        out_.reg = static_cast<std::uint8_t>((modrm >> 3 & 7) | (rex_ & 4) << 1);
        out_.rm = static_cast<std::uint8_t>((modrm & 7) | (rex_ & 1) << 3);
        extension_ = modrm >> 3 & 7;
        unsigned const mode = modrm >> 6;
        out_.memory = mode != 3;
        out_.high_byte = out_.size == 1 && !rex_ && out_.reg >= 4 && out_.reg < 8;
        if (out_.memory)
            read_address(mode, modrm & 7);
    }

    [[nodiscard]] std::uint64_t value_of(unsigned number) const
    {
        return general_register(const_cast<Registers&>(regs_), number);
    }

    void read_address(unsigned mode, unsigned base)
    {
        std::uint64_t address = 0;
        bool absolute = false;
        if (base == 4) {
            std::uint8_t const sib = bytes_.next();
            unsigned const index = (sib >> 3 & 7) | (rex_ & 2u) << 2;
            base = sib & 7;
            if (index != 4)
                address += value_of(index) << (sib >> 6);
            absolute = base == 5 && mode == 0;
            if (!absolute)
                address += value_of(base | (rex_ & 1u) << 3);
        } else if (base == 5 && mode == 0) {
            relative_ = true;
            absolute = true;
        } else {
            address += value_of(base | (rex_ & 1u) << 3);
        }
        unsigned const displacement = mode == 1 ? 1 : mode == 2 || absolute ? 4 : 0;
        out_.address = address + static_cast<std::uint64_t>(bytes_.next_signed(displacement));
    }

    bool store(Operation operation, Source source, bool byte)
    {
        out_.operation = operation;
        out_.source = source;
        set_size(byte);
        read_modrm();
        return out_.memory;
    }
    void read_immediate(unsigned bytes) { out_.immediate = static_cast<std::uint64_t>(bytes_.next_signed(bytes)); }
    [[nodiscard]] unsigned immediate_bytes() const { return out_.size == 1 ? 1 : out_.size == 2 ? 2 : 4; }

    [[nodiscard]] static bool arithmetic(unsigned bits, Operation& operation)
    {
        operation = static_cast<Operation>(static_cast<unsigned>(Operation::add) + bits);
        return bits < 7; // 7 is CMP, which stores nothing
    }

    bool plain(Operation operation, Source source = Source::none)
    {
        out_.operation = operation;
        out_.source = source;
        return true;
    }
    bool port(Operation operation, Source source, bool byte)
    {
        plain(operation, source);
        out_.size = byte ? 1 : operand_16_ ? 2 : 4;
        if (source == Source::immediate)
            out_.immediate = bytes_.next();
        return true;
    }

    bool one_byte(std::uint8_t opcode)
    {
        bool const byte = !(opcode & 1);
        if (opcode < 0x40 && (opcode & 7) < 2) {
            Operation operation;
            return arithmetic(opcode >> 3, operation) && store(operation, Source::reg, byte);
        }
        switch (opcode) {
        case 0x80: case 0x81: case 0x83: {
            if (!store(Operation::add, Source::immediate, opcode == 0x80) || !arithmetic(extension_, out_.operation))
                return false;
            read_immediate(opcode == 0x83 ? 1 : immediate_bytes());
            return true;
        }
        case 0x86: case 0x87: return store(Operation::exchange, Source::reg, byte);
        case 0x88: case 0x89: return store(Operation::move, Source::reg, byte);
        case 0xc6: case 0xc7:
            if (!store(Operation::move, Source::immediate, byte) || extension_ != 0)
                return false;
            read_immediate(immediate_bytes());
            return true;
        case 0x6c: case 0x6d: return port(Operation::in_string, Source::dx, byte);
        case 0x6e: case 0x6f: return port(Operation::out_string, Source::dx, byte);
        case 0xe4: case 0xe5: return port(Operation::in, Source::immediate, byte);
        case 0xe6: case 0xe7: return port(Operation::out, Source::immediate, byte);
        case 0xec: case 0xed: return port(Operation::in, Source::dx, byte);
        case 0xee: case 0xef: return port(Operation::out, Source::dx, byte);
        case 0xf4: return plain(Operation::halt);
        case 0xfa: return plain(Operation::clear_interrupts);
        case 0xfb: return plain(Operation::set_interrupts);
        default: return false;
        }
    }

    bool two_byte(std::uint8_t opcode)
    {
        bool const byte = !(opcode & 1);
        switch (opcode) {
        case 0x01: return group_7();
        case 0x06: return plain(Operation::clear_task_switched);
        case 0x08: case 0x09: return plain(Operation::invalidate_caches);
        case 0x20: return special_register(Operation::read_control);
        case 0x21: return special_register(Operation::read_debug);
        case 0x22: return special_register(Operation::write_control);
        case 0x23: return special_register(Operation::write_debug);
        case 0x30: return plain(Operation::write_msr);
        case 0x31: return plain(Operation::read_tsc);
        case 0x32: return plain(Operation::read_msr);
        case 0x33: return plain(Operation::read_pmc);
        case 0xab: return store(Operation::bit_set, Source::reg, false);
        case 0xb3: return store(Operation::bit_reset, Source::reg, false);
        case 0xbb: return store(Operation::bit_complement, Source::reg, false);
        case 0xba: return bit_by_immediate();
        case 0xb0: case 0xb1: return store(Operation::compare_exchange, Source::reg, byte);
        case 0xc0: case 0xc1: return store(Operation::exchange_add, Source::reg, byte);
        default: return false;
        }
    }

    bool group_7()
    {
        std::uint8_t const second = bytes_.peek();
        if (second == 0xd1)
            return (void)bytes_.next(), plain(Operation::set_xcr);
        if (second == 0xf9)
            return (void)bytes_.next(), plain(Operation::read_tscp);
        out_.size = 8;
        read_modrm();
        out_.operation = Operation::invalidate_page;
        return out_.memory && extension_ == 7;
    }

    /// MOV to and from CR and DR: both ModRM fields name registers whatever the mode bits say.
    bool special_register(Operation operation)
    {
        std::uint8_t const modrm = bytes_.next();
        out_.reg = static_cast<std::uint8_t>((modrm >> 3 & 7) | (rex_ & 4) << 1);
        out_.rm = static_cast<std::uint8_t>((modrm & 7) | (rex_ & 1) << 3);
        out_.size = 8;
        return plain(operation);
    }

    bool bit_by_immediate()
    {
        if (!store(Operation::bit_set, Source::immediate, false))
            return false;
        read_immediate(1);
        switch (extension_) {
        case 5: return true;
        case 6: return out_.operation = Operation::bit_reset, true;
        case 7: return out_.operation = Operation::bit_complement, true;
        default: return false; // 4 is BT, which stores nothing
        }
    }

    Bytes bytes_;
    Registers const& regs_;
    Instruction out_{};
    std::uint8_t rex_ = 0;
    unsigned extension_ = 0;
    bool operand_16_ = false;
    bool relative_ = false;
};

} // namespace

std::optional<Instruction> decode(std::span<std::uint8_t const> code, Registers const& regs)
{
    return Decoder{code, regs}.run();
}

std::uint64_t merged(std::uint64_t old, std::uint64_t value, unsigned size)
{
    if (size >= 4)
        return value & size_mask(size);
    return (old & ~size_mask(size)) | (value & size_mask(size));
}

std::uint64_t read_register(Registers const& regs, Instruction const& instruction)
{
    auto& mutable_regs = const_cast<Registers&>(regs);
    if (instruction.high_byte)
        return general_register(mutable_regs, instruction.reg - 4u) >> 8 & 0xff;
    return general_register(mutable_regs, instruction.reg) & size_mask(instruction.size);
}

void write_register(Registers& regs, Instruction const& instruction, std::uint64_t value)
{
    if (instruction.high_byte) {
        std::uint64_t& full = general_register(regs, instruction.reg - 4u);
        full = (full & ~0xff00ull) | (value & 0xff) << 8;
        return;
    }
    std::uint64_t& full = general_register(regs, instruction.reg);
    full = merged(full, value, instruction.size);
}

} // namespace rf::pvcpu
