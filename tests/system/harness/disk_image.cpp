// SPDX-License-Identifier: MIT
#include "harness/disk_image.hpp"

#include <array>
#include <fstream>
#include <random>

namespace rf::system {

namespace {

constexpr std::uint64_t mebibyte = 1 << 20;

}  // namespace

Result<void> write_pattern(const std::filesystem::path& file, unsigned mebibytes, std::uint64_t seed) {
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    std::mt19937_64 random{seed};
    std::ofstream out{file, std::ios::binary};
    std::array<std::uint64_t, 512> block;
    for (std::uint64_t written = 0; written < mebibytes * mebibyte; written += sizeof block) {
        for (auto& word : block) word = random();
        out.write(reinterpret_cast<const char*>(block.data()), sizeof block);
    }
    if (!out.flush()) return std::unexpected(Failure{"cannot write " + file.string()});
    return {};
}

Result<std::string> sha256(const std::filesystem::path& file, std::uint64_t offset, std::uint64_t length) {
    std::ifstream in{file, std::ios::binary};
    std::string bytes(length, '\0');
    in.seekg(static_cast<std::streamoff>(offset));
    if (!in.read(bytes.data(), static_cast<std::streamsize>(length)))
        return std::unexpected(Failure{"cannot read " + std::to_string(length) + " bytes of " + file.string()});
    const auto part = file.string() + ".part";
    std::ofstream{part, std::ios::binary} << bytes;
    auto text = run_program({"sha256sum", part});
    std::filesystem::remove(part);
    if (!text) return text;
    return text->substr(0, text->find(' '));
}

}  // namespace rf::system
