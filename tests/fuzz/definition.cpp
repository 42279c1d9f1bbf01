// SPDX-License-Identifier: MIT
/// Fuzzer of domain definitions: any text through the XML reader and the reader of <domain>. What is accepted must satisfy
/// what the rest of the toolstack relies on; what is refused must say where and why in one line.
#include "harness/target.hpp"

#include "config/domain_reader.hpp"

#include <gtest/gtest.h>

namespace rf::fuzz {
namespace {

using namespace config;

void check_problem(Problem const& problem)
{
    EXPECT_FALSE(problem.what.empty());
    std::string const text = problem.text();
    EXPECT_EQ(text.find('\n'), text.npos) << text;
    EXPECT_TRUE(text.starts_with("definition.xml")) << text;
}

void check_spec(DomainSpec const& spec)
{
    EXPECT_TRUE(is_good_name(spec.name)) << spec.name;
    EXPECT_GT(spec.memory_bytes, 0u);
    EXPECT_GE(spec.maximum_memory_bytes, spec.memory_bytes);
    EXPECT_GE(spec.maximum_vcpus, 1u);
    EXPECT_GE(spec.online_vcpus, 1u);
    EXPECT_LE(spec.online_vcpus, spec.maximum_vcpus);
    for (Pinning const& pinning : spec.pinnings) {
        EXPECT_LT(pinning.vcpu, spec.maximum_vcpus);
        EXPECT_FALSE(pinning.cpus.empty());
    }
    EXPECT_FALSE(spec.kernel.empty());
    for (std::string const* text : {&spec.kernel, &spec.initrd, &spec.command_line, &spec.title})
        EXPECT_EQ(text->find('\0'), text->npos);
    for (DiskSpec const& disk : spec.disks) {
        EXPECT_FALSE(disk.target.empty());
        EXPECT_EQ(disk.path.find('\0'), disk.path.npos);
    }
    for (InterfaceSpec const& interface : spec.interfaces)
        EXPECT_LT(interface.device_name.size(), 16u) << interface.device_name;
}

void run(Bytes bytes)
{
    std::string const text(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    for (Unknown unknown : {Unknown::warn, Unknown::refuse}) {
        auto const read = read_domain(text, {.file = "definition.xml", .unknown = unknown, .uuid = Uuid{1}});
        if (!read) {
            check_problem(read.error());
            continue;
        }
        check_spec(read->spec);
        for (Problem const& warning : read->warnings)
            check_problem(warning);
        if (unknown == Unknown::refuse) {
            auto const again = read_domain(read->spec.definition, {.file = "definition.xml", .unknown = unknown, .uuid = Uuid{1}});
            EXPECT_TRUE(again && again->spec.name == read->spec.name && again->spec.uuid == read->spec.uuid);
        }
    }
}

Registration const registration({"definition", run, 2000});

} // namespace
} // namespace rf::fuzz
