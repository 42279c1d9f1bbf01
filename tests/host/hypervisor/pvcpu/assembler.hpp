// SPDX-License-Identifier: MIT
#pragma once
/// Binutils as the authority on encodings: assembles lines of text and yields each line's bytes.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

namespace rf::pvcpu::test {

/// The machine code of each line (AT&T syntax, 64-bit mode).
inline std::vector<std::vector<std::uint8_t>> assemble(std::vector<std::string> const& lines)
{
    std::string directory = (std::filesystem::temp_directory_path() / "assemble-XXXXXX").string();
    if (!mkdtemp(directory.data()))
        throw std::runtime_error("no temporary directory");
    auto const path = [&](char const* name) { return directory + "/" + name; };
    {
        // Behind the code of all lines: the table of their ends.
        std::ofstream source(path("a.s"));
        source << ".section .code,\"ax\"\nstart:\n";
        for (std::size_t i = 0; i < lines.size(); ++i)
            source << lines[i] << "\nend" << i << ":\n";
        source << ".section .ends,\"a\"\n";
        for (std::size_t i = 0; i < lines.size(); ++i)
            source << ".long end" << i << " - start\n";
    }
    std::string const run = "cd " + directory + " && as --64 -o a.o a.s" +
                            " && objcopy -O binary -j .code a.o code && objcopy -O binary -j .ends a.o ends";
    if (std::system(run.c_str()) != 0)
        throw std::runtime_error("the assembler failed (binutils)");
    auto const read = [&](char const* name) {
        std::ifstream stream(path(name), std::ios::binary);
        return std::vector<std::uint8_t>((std::istreambuf_iterator<char>(stream)), {});
    };
    auto const code = read("code"), ends = read("ends");
    std::filesystem::remove_all(directory);
    std::vector<std::vector<std::uint8_t>> result;
    std::size_t at = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        std::size_t const end = ends.at(4 * i) | ends.at(4 * i + 1) << 8 | ends.at(4 * i + 2) << 16;
        result.emplace_back(code.begin() + static_cast<std::ptrdiff_t>(at), code.begin() + static_cast<std::ptrdiff_t>(end));
        at = end;
    }
    return result;
}

} // namespace rf::pvcpu::test
