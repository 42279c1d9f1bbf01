// SPDX-License-Identifier: MIT
// Story: an operator's kernel was packed in another way than Debian's, and boots as Dom0 all the same.
//
// Debian's kernel is taken out of its XZ bzImage and packed again as gzip, zstd and lz4, or left as a plain ELF file. Each
// reaches user space. (XZ itself is what every other story boots.)
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "harness/story.hpp"
#include "packers.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;
namespace pack = rf::dom0::test;
using pack::Bytes;

struct Packing {
    const char* name;
    Bytes (*pack)(const Bytes& plain);  // none: the file is the plain kernel
    bool own_size;                      // the format ends with the size of what it holds, as a bzImage's payload must
};

const Packing packings[] = {
    {"Elf", nullptr, false},
    {"Gzip", [](const Bytes& plain) { return pack::pack_gzip(plain, 1); }, true},
    {"Zstd", [](const Bytes& plain) { return pack::pack_zstd(plain, 1); }, false},
    {"Lz4", [](const Bytes& plain) { return pack::pack_lz4(plain); }, false},
};

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

class Dom0Kernels : public Story, public testing::WithParamInterface<Packing> {
protected:
    static Bytes repacked() {
        const BootImage debian(content(build_directory() / "images/vmlinuz"));
        const Bytes plain = debian.unpacked();
        if (GetParam().pack == nullptr) return plain;
        Bytes payload = GetParam().pack(plain);
        if (!GetParam().own_size) pack::append_word(payload, static_cast<std::uint32_t>(plain.size()));
        return debian.with_payload(payload);
    }
};

TEST_P(Dom0Kernels, ReachUserSpace) {
    MachineOptions options;
    options.name = std::string{"dom0_kernels."} + GetParam().name;
    options.hypervisor = hypervisor_from_environment();
    options.kernel_file = build_directory() / "run" / (options.name + ".kernel");
    options.memory_mib = 1536;
    const Bytes kernel = repacked();
    std::filesystem::create_directories(options.kernel_file.parent_path());
    std::ofstream{options.kernel_file, std::ios::binary}.write(reinterpret_cast<const char*>(kernel.data()),
                                                               static_cast<std::streamsize>(kernel.size()));
    ASSERT_NO_FATAL_FAILURE(boot(options));
    EXPECT_EQ(run("cat /sys/hypervisor/type"), "xen");
    STEP(machine().power_off());
    expect_healthy_log();
    std::filesystem::remove(options.kernel_file);
}

INSTANTIATE_TEST_SUITE_P(Packings, Dom0Kernels, testing::ValuesIn(packings), [](const auto& info) { return std::string{info.param.name}; });

}  // namespace
