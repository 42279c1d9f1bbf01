// SPDX-License-Identifier: MIT
#pragma once
/// Changes to inputs, drawn from a seed: what libFuzzer does, less its guidance by coverage. The same seed and corpus give
/// the same inputs everywhere.

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace rf::fuzz {

using Input = std::vector<std::uint8_t>;

class Mutator {
public:
    Mutator(unsigned seed, std::vector<Input> corpus) : random_(seed), corpus_(std::move(corpus)) {}

    /// One of the corpus, changed in one to eight places.
    [[nodiscard]] Input next()
    {
        Input input = any();
        for (std::size_t changes = 1 + below(8); changes > 0; --changes)
            change(input);
        return input;
    }

private:
    [[nodiscard]] std::size_t below(std::size_t limit) { return limit ? random_() % limit : 0; }
    [[nodiscard]] Input any() { return corpus_.empty() ? Input(16) : corpus_[below(corpus_.size())]; }

    void change(Input& input)
    {
        if (input.empty())
            input.resize(1 + below(64));
        std::size_t const at = below(input.size());
        switch (below(7)) {
        case 0:
            input[at] ^= static_cast<std::uint8_t>(1u << below(8));
            break;
        case 1:
            input[at] = static_cast<std::uint8_t>(random_());
            break;
        case 2:
            write_number(input, at);
            break;
        case 3:
            input.erase(input.begin() + static_cast<std::ptrdiff_t>(at),
                        input.begin() + static_cast<std::ptrdiff_t>(at + below(std::min<std::size_t>(input.size() - at, 32))));
            break;
        case 4:
            insert(input, at, 1 + below(32));
            break;
        case 5:
            repeat(input, at);
            break;
        default:
            splice(input, at);
        }
    }
    void write_number(Input& input, std::size_t at)
    {
        static constexpr std::uint64_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff'ffff, 0x8000'0000,
                                                  0xffff'ffff, 0x7fff'ffff'ffff'ffff, 0x8000'0000'0000'0000, ~0ull, 0x1000, 0xfff};
        std::uint64_t const value = edges[below(std::size(edges))];
        std::memcpy(input.data() + at, &value, std::min<std::size_t>(input.size() - at, std::size_t{1} << below(4)));
    }
    void insert(Input& input, std::size_t at, std::size_t count)
    {
        if (input.size() > 8192)
            return;
        Input fresh(count);
        for (std::uint8_t& byte : fresh)
            byte = static_cast<std::uint8_t>(random_());
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), fresh.begin(), fresh.end());
    }
    void repeat(Input& input, std::size_t at)
    {
        std::size_t const count = 1 + below(std::min<std::size_t>(input.size() - at, 64));
        Input const part(input.begin() + static_cast<std::ptrdiff_t>(at), input.begin() + static_cast<std::ptrdiff_t>(at + count));
        if (input.size() < 8192)
            input.insert(input.begin() + static_cast<std::ptrdiff_t>(below(input.size() + 1)), part.begin(), part.end());
    }
    void splice(Input& input, std::size_t at)
    {
        Input const other = any();
        if (other.empty())
            return;
        input.resize(at);
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(below(other.size())), other.end());
    }

    std::mt19937 random_;
    std::vector<Input> corpus_;
};

} // namespace rf::fuzz
