// SPDX-License-Identifier: MIT
// The moves of hostile_moves.hpp at random: after each step the audit counts everything, and now and then a model in plain
// words looks at what the hypervisor let through.
//
// RF_RANDOM_STEPS: steps of each run (default 300). RF_RANDOM_SEEDS: how many runs (default 4). A failure names its seed.
#include "hostile_moves.hpp"

#include <cstdlib>
#include <random>

namespace rf::pvmmu_tests {
namespace {

[[nodiscard]] unsigned setting(char const* name, unsigned otherwise)
{
    char const* const text = std::getenv(name);
    return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

class Generator final : public MoveSource {
public:
    std::uint64_t bits() override { return generator(); }
    std::mt19937_64 generator;
};

class Random : public HostileMoves {
protected:
    Random() : HostileMoves(generator_) {}
    Generator generator_;
};

TEST_F(Random, NothingBreaksTheCounts)
{
    unsigned const steps = setting("RF_RANDOM_STEPS", 300), seeds = setting("RF_RANDOM_SEEDS", 4);
    unsigned const first = setting("RF_RANDOM_FIRST", 1);
    for (Guest* guest : guests_)
        start(*guest);
    for (unsigned seed = first; seed < first + seeds; ++seed) {
        generator_.generator.seed(seed);
        for (unsigned number = 0; number < steps; ++number) {
            step();
            if (number % 16 == 0)
                look_through_the_processors_eyes();
            ASSERT_FALSE(HasFailure()) << "seed " << seed << ", step " << number;
        }
    }
}

} // namespace
} // namespace rf::pvmmu_tests
