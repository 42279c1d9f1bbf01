// SPDX-License-Identifier: MIT
/// Story: two domains, two references, and every sequence of what they can do with them, up to a length. What goes wrong
/// with grants mostly goes wrong between few operations in an unlucky order: here each order has its turn, and after each
/// step everything equals the model.
#include "model.hpp"

#include <functional>

namespace rf::grant_tests {
namespace {

constexpr unsigned granter = 0, user = 1;

using Operation = std::function<void(Model&)>;

void unmap_if_any(Model& model, bool newest)
{
    if (!model.live().empty())
        model.unmap(newest ? model.live().size() - 1 : 0, true, true);
}

/// What the two do to one reference.
void add_operations_on(std::uint32_t ref, std::vector<Operation>& all)
{
    for (std::uint16_t kind : {access_only, std::uint16_t{xen::GTF_permit_access | xen::GTF_readonly}, std::uint16_t{xen::GTF_invalid}})
        all.push_back([=](Model& model) { model.change_entry(granter, ref, kind, user, model.frame(granter, ref)); });
    for (std::uint32_t how : {host, host_read_only})
        all.push_back([=](Model& model) { model.map(user, granter, ref, how); });
}

std::vector<Operation> operations()
{
    std::vector<Operation> all;
    add_operations_on(0, all);
    all.push_back([](Model& model) { unmap_if_any(model, false); });
    all.push_back([](Model& model) { unmap_if_any(model, true); });
    all.push_back([](Model& model) { model.copy_bytes(user, granter, 0, true, 0); });
    all.push_back([](Model& model) { model.copy_bytes(user, granter, 0, false, 0); });
    // Reference 1 names the same frame: a second grant of one page.
    all.push_back([](Model& model) { model.change_entry(granter, 1, access_only, user, model.frame(granter, 0)); });
    all.push_back([](Model& model) { model.map(user, granter, 1, host); });
    // The same reference for somebody else.
    all.push_back([](Model& model) { model.change_entry(granter, 0, access_only, granter, model.frame(granter, 1)); });
    return all;
}

/// As at the start: nothing mapped, no entry valid.
void clear(Model& model)
{
    while (!model.live().empty())
        model.unmap(0, true, true);
    for (std::uint32_t ref : {0u, 1u})
        model.change_entry(granter, ref, xen::GTF_invalid, granter, model.frame(granter, 0));
}

/// Counts in base all.size(): each number is a sequence. False when there are no more.
bool next(std::vector<std::size_t>& sequence, std::size_t base)
{
    for (std::size_t& digit : sequence) {
        if (++digit < base)
            return true;
        digit = 0;
    }
    return false;
}

std::string text(std::vector<std::size_t> const& sequence)
{
    std::string all;
    for (std::size_t each : sequence)
        all += std::to_string(each) + " ";
    return all;
}

TEST(GrantSmallScope, EverySequenceOfFour)
{
    auto const all = operations();
    std::vector<std::size_t> sequence(4);
    Model model;
    do {
        for (std::size_t each : sequence) {
            all[each](model);
            model.compare();
        }
        ASSERT_FALSE(::testing::Test::HasFailure()) << "operations " << text(sequence);
        clear(model);
        model.compare();
    } while (next(sequence, all.size()));
}

TEST(GrantSmallScope, EverySequenceOfThreeAndADeath)
{
    auto const all = operations();
    for (unsigned dying : {granter, user}) {
        std::vector<std::size_t> sequence(3);
        do {
            Model model;
            for (std::size_t each : sequence)
                all[each](model);
            model.die(dying);
            model.compare();
            model.map(user, granter, 0, host);
            unmap_if_any(model, true);
            model.compare();
            ASSERT_FALSE(::testing::Test::HasFailure()) << "operations " << text(sequence) << "then the death of " << dying;
        } while (next(sequence, all.size()));
    }
}

} // namespace
} // namespace rf::grant_tests
