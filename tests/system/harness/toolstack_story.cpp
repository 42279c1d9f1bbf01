// SPDX-License-Identifier: MIT
#include "harness/toolstack_story.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace rf::system {

namespace fs = std::filesystem;

namespace {

Result<fs::path> lay_overlay(const std::string& name, const std::vector<GuestDefinition>& guests) {
    const auto root = build_directory() / "run" / (name + ".overlay");
    if (auto laid = run_program({source_directory() / "tests/demo/lay", build_directory(), root}); !laid) return std::unexpected(laid.error());
    std::error_code error;
    const auto all = fs::copy_options::recursive | fs::copy_options::overwrite_existing;
    fs::copy(source_directory() / "tests/system/toolstack_root", root, all, error);
    if (!error) fs::create_directories(root / "usr/bin", error);
    if (!error) fs::copy_file("/usr/bin/script", root / "usr/bin/script", fs::copy_options::overwrite_existing, error);
    if (!error) fs::copy(build_directory() / "guests", root / "guests", all, error);
    if (error) return std::unexpected(Failure{"cannot lay the overlay " + root.string() + ": " + error.message()});
    for (const auto& guest : guests) std::ofstream{root / "etc/ringfort" / (guest.name + ".xml")} << xml_of(guest);
    return root;
}

}  // namespace

void ToolstackStory::boot_with_our_tools(MachineOptions options, const std::vector<GuestDefinition>& guests) {
    const auto root = lay_overlay(options.name, guests);
    ASSERT_TRUE(root) << root.error().message;
    options.hypervisor = hypervisor_from_environment();
    options.overlays.insert(options.overlays.begin(),
                            {build_directory() / "images/oracle.cpio", build_directory() / "images/guest-files.cpio", *root});
    ASSERT_NO_FATAL_FAILURE(boot(options));
    run("ringfort-start");
    wait_until("xenstore-exists /local/domain/0/name");
}

void ToolstackStory::expect_refusal(const std::string& command, int status, const std::string& message) {
    const auto result = machine().run(command, std::chrono::seconds{120});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->status, status) << command << ": " << result->output;
    EXPECT_NE(result->output.find(message), std::string::npos) << command << " says: " << result->output << "expected: " << message;
    EXPECT_EQ(std::count(result->output.begin(), result->output.end(), '\n'), 1) << command << " says more than one line: " << result->output;
}

std::string ToolstackStory::unanswered_pings(const std::string& file, unsigned under_way) {
    return run("awk '/ seq=/ { sub(/.* seq=/, \"\"); answered[$1 + 0] = 1; if ($1 >= due) due = $1 + 1 } /packets transmitted/ { sent = $1 } END { "
               "if (due == 0) print \"no answer at all\"; if (sent == 0) print \"the ping did not end\"; "
               "for (i = 0; i < due; ++i) if (!(i in answered)) print i; if (sent > due + " + std::to_string(under_way) + ") print \"none after\", due - 1, \"of\", sent }' " + file);
}

void ToolstackStory::expect_nothing_left(const std::string& before, long grown) {
    const auto after = leftovers();
    const std::string mark = "free pages ";
    const auto pages = [&mark](const std::string& text) {
        const auto at = text.find(mark);
        return at == std::string::npos ? -1 : std::atol(text.c_str() + at + mark.size());
    };
    const auto rest = [&mark](std::string text) {
        const auto at = text.find(mark);
        return at == std::string::npos ? text : text.erase(at, text.find(',', at) - at);
    };
    EXPECT_EQ(rest(after), rest(before));
    EXPECT_GE(pages(after), pages(before) - grown) << after;
}

void ToolstackStory::wait_until(const std::string& condition, std::chrono::seconds limit) {
    const auto turns = std::to_string(static_cast<long>(static_cast<double>(limit.count()) * 5 * time_scale()));
    run("for i in $(seq " + turns + "); do { " + condition + "; } > /dev/null 2>&1 && break; usleep 200000; done\n{ " + condition + "; }",
        limit + std::chrono::seconds{60});
}

}  // namespace rf::system
