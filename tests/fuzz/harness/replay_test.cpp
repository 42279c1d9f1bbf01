// SPDX-License-Identifier: MIT
// Story: every fuzzer's corpus, and a fixed number of inputs made from it with a fixed seed, do no harm. A failure prints the
// input's name, or its number and bytes; `make fuzz` goes on where this stops.
#include "mutator.hpp"
#include "target.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iterator>

namespace rf::fuzz {

void PrintTo(Target const& target, std::ostream* stream) { *stream << target.name; }

namespace {

struct Seed {
    std::string file;
    Input bytes;
};

std::vector<Seed> corpus_of(Target const& target)
{
    std::vector<Seed> corpus;
    for (auto const& file : std::filesystem::directory_iterator(std::filesystem::path(RF_CORPUS) / target.name)) {
        std::ifstream in(file.path(), std::ios::binary);
        corpus.push_back({file.path().filename(), Input(std::istreambuf_iterator<char>(in), {})});
    }
    std::sort(corpus.begin(), corpus.end(), [](Seed const& a, Seed const& b) { return a.file < b.file; });
    return corpus;
}

std::string hexadecimal(Input const& input)
{
    std::ostringstream text;
    for (std::uint8_t byte : input)
        text << std::hex << std::setw(2) << std::setfill('0') << unsigned{byte};
    return text.str();
}

class Fuzz : public testing::TestWithParam<Target> {};

TEST_P(Fuzz, Corpus)
{
    auto const corpus = corpus_of(GetParam());
    ASSERT_FALSE(corpus.empty());
    for (Seed const& seed : corpus) {
        SCOPED_TRACE(seed.file);
        GetParam().run(seed.bytes);
        ASSERT_FALSE(HasFailure());
    }
}

TEST_P(Fuzz, Mutations)
{
    std::vector<Input> seeds;
    for (Seed& seed : corpus_of(GetParam()))
        seeds.push_back(std::move(seed.bytes));
    Mutator mutator(20260101, std::move(seeds));
    char const* const wanted = std::getenv("RF_FUZZ_MUTATIONS");
    unsigned long const count = wanted ? std::strtoul(wanted, nullptr, 10) : GetParam().mutations;
    for (unsigned long number = 0; number < count; ++number) {
        Input const input = mutator.next();
        GetParam().run(input);
        ASSERT_FALSE(HasFailure()) << "input " << number << " of " << input.size() << " bytes: " << hexadecimal(input);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Fuzz, testing::ValuesIn(targets()), [](auto const& each) { return each.param.name; });

} // namespace
} // namespace rf::fuzz
