// SPDX-License-Identifier: MIT
#include "kernel_packing.hpp"

#include <fstream>
#include <iterator>

#include "packers.hpp"

namespace rf::system {
namespace {

namespace pack = rf::dom0::test;
using pack::Bytes;

/// Offsets in a bzImage: Linux's Documentation/arch/x86/boot.rst.
constexpr std::size_t setup_sectors_at = 0x1f1, paragraphs_at = 0x1f4, payload_offset_at = 0x248, payload_length_at = 0x24c;

std::uint32_t word_at(const Bytes& bytes, std::size_t at) {
    std::uint32_t word;
    std::memcpy(&word, &bytes.at(at + 3) - 3, sizeof word);
    return word;
}

void set_word(Bytes& bytes, std::size_t at, std::size_t value) {
    const auto word = static_cast<std::uint32_t>(value);
    std::memcpy(&bytes.at(at + 3) - 3, &word, sizeof word);
}

Bytes content(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

class BootImage {
public:
    explicit BootImage(Bytes file)
        : file_(std::move(file)), kernel_start_((file_.at(setup_sectors_at) + std::size_t{1}) * 512),
          payload_start_(kernel_start_ + word_at(file_, payload_offset_at)), payload_length_(word_at(file_, payload_length_at)) {}

    Bytes unpacked() const {
        Bytes plain(word_at(file_, payload_start_ + payload_length_ - 4));
        std::uint64_t memory = UINT64_MAX;
        std::size_t read = 0, written = 0;
        const auto done = lzma_stream_buffer_decode(&memory, 0, nullptr, &file_.at(payload_start_), &read, payload_length_,
                                                    plain.data(), &written, plain.size());
        pack::expect_ok(done == LZMA_OK && written == plain.size(), "Debian's kernel is no longer packed as XZ");
        return plain;
    }

    Bytes with_payload(const Bytes& payload) const {
        Bytes image(file_.begin(), file_.begin() + static_cast<std::ptrdiff_t>(payload_start_));
        image.insert(image.end(), payload.begin(), payload.end());
        image.insert(image.end(), file_.begin() + static_cast<std::ptrdiff_t>(payload_start_ + payload_length_), file_.end());
        image.resize((image.size() + 15) & ~std::size_t{15});
        set_word(image, payload_length_at, payload.size());
        set_word(image, paragraphs_at, (image.size() - kernel_start_) / 16);
        return image;
    }

private:
    Bytes file_;
    std::size_t kernel_start_, payload_start_, payload_length_;
};

Bytes payload_of(const Bytes& plain, Packing packing) {
    Bytes payload = packing == Packing::gzip   ? pack::pack_gzip(plain, 1)
                    : packing == Packing::zstd ? pack::pack_zstd(plain, 1)
                                               : pack::pack_lz4(plain);
    // A payload ends with the size of what it holds; gzip's own trailer is that.
    if (packing != Packing::gzip) pack::append_word(payload, static_cast<std::uint32_t>(plain.size()));
    return payload;
}

}  // namespace

void pack_kernel(const std::filesystem::path& from, const std::filesystem::path& to, Packing packing) {
    std::filesystem::create_directories(to.parent_path());
    Bytes kernel = content(from);
    if (packing != Packing::xz) {
        const BootImage debian(kernel);
        const Bytes plain = debian.unpacked();
        kernel = packing == Packing::elf ? plain : debian.with_payload(payload_of(plain, packing));
    }
    std::ofstream{to, std::ios::binary}.write(reinterpret_cast<const char*>(kernel.data()), static_cast<std::streamsize>(kernel.size()));
}

}  // namespace rf::system
