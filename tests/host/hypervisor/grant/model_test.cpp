// SPDX-License-Identifier: MIT
/// Story: three domains grant to each other and themselves, map, unmap, copy and change their entries under each other's
/// feet, die and come back, at random and for a long time; after each step everything equals the model. Seeds are fixed.
#include "model.hpp"

#include <random>

namespace rf::grant_tests {
namespace {

class Walk {
public:
    explicit Walk(unsigned seed) : random_(seed) {}

    void run(unsigned steps)
    {
        for (unsigned step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            one_step();
            model_.compare();
        }
    }

private:
    [[nodiscard]] unsigned pick(std::size_t bound) { return static_cast<unsigned>(random_() % bound); }
    [[nodiscard]] unsigned some_party() { return pick(Model::parties); }

    void one_step()
    {
        switch (pick(8)) {
        case 0:
        case 1:
            return change_entry();
        case 2:
        case 3:
        case 4:
            return map();
        case 5:
        case 6:
            return unmap();
        default:
            if (pick(60) == 0)
                return live_and_die();
            return model_.copy_bytes(some_party(), some_party(), pick(Model::refs), pick(2), pick(Model::frames_each));
        }
    }
    void change_entry()
    {
        static constexpr std::uint16_t kinds[] = {xen::GTF_permit_access, xen::GTF_permit_access, xen::GTF_permit_access,
                                                  xen::GTF_permit_access | xen::GTF_readonly, xen::GTF_invalid,
                                                  xen::GTF_accept_transfer};
        unsigned const index = some_party();
        unsigned const owner = pick(8) ? index : some_party();
        model_.change_entry(index, pick(Model::refs), kinds[pick(std::size(kinds))], some_party(),
                            model_.frame(owner, pick(Model::frames_each)));
    }
    void map()
    {
        static constexpr std::uint32_t hows[] = {host, host, host_read_only, host | xen::GNTMAP_device_map,
                                                 xen::GNTMAP_device_map | xen::GNTMAP_readonly, xen::GNTMAP_readonly};
        model_.map(some_party(), some_party(), pick(40) ? pick(Model::refs) : 512 + pick(100), hows[pick(std::size(hows))]);
    }
    void unmap()
    {
        if (model_.live().empty())
            return;
        unsigned const chosen = pick(model_.live().size());
        if (pick(10) == 0)
            model_.unmap_wrongly(chosen);
        else
            model_.unmap(chosen, pick(4) != 0, pick(4) != 0);
    }
    void live_and_die()
    {
        unsigned const index = some_party();
        if (model_.is_dead(index))
            model_.revive(index);
        else
            model_.die(index);
    }

    std::mt19937 random_;
    Model model_;
};

TEST(GrantModel, RandomWalk)
{
    for (unsigned seed : {1u, 2u, 3u, 4u}) {
        Walk walk(seed);
        walk.run(15000);
        ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
    }
}

} // namespace
} // namespace rf::grant_tests
