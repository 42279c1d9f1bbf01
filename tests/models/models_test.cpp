// SPDX-License-Identifier: MIT
// Story: the protocols that no test can catch in the act are searched through, every order of steps, by SPIN. Each model holds
// as it is built, and its search finds each defect that we put back: a model that cannot fail proves nothing.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "harness/process.hpp"

namespace {

using rf::system::run_program;
namespace fs = std::filesystem;

struct Case {
    const char* model;
    const char* defect;  // a macro that the model knows; "" for the model as it is built
};

const Case cases[] = {
    {"event_delivery", ""},   {"event_delivery", "CHECK_BEFORE_BLOCK"},   {"event_delivery", "CLEAR_AFTER_SCAN"},
    {"iret_unmask", ""},      {"iret_unmask", "SENDER_LOOKS_AT_MASK"},    {"iret_unmask", "INTERRUPT_FIRST"},
    {"type_transition", ""},  {"type_transition", "STAMP_TOO_EARLY"},     {"type_transition", "FLUSHED_AT_STAMP"},
    {"type_transition", "NO_FLUSH"},
    {"grant_revoke", ""},     {"grant_revoke", "PLAIN_STORE"},            {"grant_revoke", "UNMARK_FIRST"},
    {"grant_revoke", "FLUSH_AT_LAST"},
    {"backend_restart", ""},  {"backend_restart", "CLOSED_BEFORE_UNMAP"}, {"backend_restart", "FORGETS"},
};

class Models : public testing::TestWithParam<Case> {};

TEST_P(Models, HoldUntilTheyAreBroken) {
    const auto [model, defect] = GetParam();
    const auto source = fs::path{RF_SOURCE_DIRECTORY} / "tests/models" / (std::string{model} + ".pml");
    const auto directory = fs::temp_directory_path() / ("ringfort-model." + std::to_string(::getpid()));
    fs::create_directories(directory);
    const std::string define = *defect ? std::string{"-D"} + defect : "";
    // spin writes pan.c where it stands; the search is exhaustive, with fair scheduling, for safety and liveness
    const auto searched = run_program({"sh", "-c", "cd \"$1\" && spin '-Pgcc-12 -E -x c' $2 -a \"$3\" >&2 && gcc-12 -O1 -w -DNFAIR=3 -o pan pan.c && "
                                       "timeout 120 ./pan -a -f -m1000000", "search", directory, define, source});
    fs::remove_all(directory);
    ASSERT_TRUE(searched) << searched.error().message;
    std::smatch errors, depth;
    ASSERT_TRUE(std::regex_search(*searched, errors, std::regex{"errors: ([0-9]+)"})) << *searched;
    EXPECT_EQ(searched->find("max search depth too small"), std::string::npos) << *searched;
    if (*defect)
        EXPECT_NE(errors[1], "0") << "the search does not find the defect\n" << *searched;
    else
        EXPECT_EQ(errors[1], "0") << *searched;
}

void PrintTo(const Case& value, std::ostream* out) { *out << value.model << ' ' << value.defect; }

std::string name_of(const testing::TestParamInfo<Case>& info) {
    return std::string{info.param.model} + (*info.param.defect ? std::string{"__"} + info.param.defect : "");
}

INSTANTIATE_TEST_SUITE_P(Spin, Models, testing::ValuesIn(cases), name_of);

}  // namespace
