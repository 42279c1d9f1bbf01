// SPDX-License-Identifier: MIT
#include "definition.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "config/xml_reader.hpp"
#include "output.hpp"

namespace rf::cli {
namespace {

/// Reads at most one byte more than a definition may have, so that a longer one is noticed.
Result<std::string> read_text(const std::string& file)
{
    std::FILE* const stream = file == "-" ? stdin : std::fopen(file.c_str(), "re");
    if (!stream)
        return fail(errno == ENOENT || errno == ENOTDIR ? Kind::not_found : builder::kind_of(errno),
                    "cannot read " + file + ": " + std::strerror(errno));
    std::string text(config::most_definition_bytes + 1, '\0');
    errno = 0;
    text.resize(std::fread(text.data(), 1, text.size(), stream));
    const bool failed = std::ferror(stream);
    const int problem = errno;
    if (stream != stdin)
        std::fclose(stream);
    if (failed)
        return fail(problem == EISDIR ? Kind::invalid : builder::kind_of(problem), "cannot read " + file + ": " + std::strerror(problem));
    return text;
}

}  // namespace

Result<config::DomainSpec> read_definition(const std::string& file, config::Unknown unknown)
{
    const std::string text = BUILD_TRY(read_text(file));
    config::ReadOptions options;
    options.file = file == "-" ? "standard input" : file;
    options.unknown = unknown;
    auto definition = config::read_domain(text, options);
    if (!definition)
        return fail(Kind::invalid, definition.error().text());
    for (const config::Problem& warning : definition->warnings)
        say("warning: " + warning.text());
    return std::move(definition->spec);
}

}  // namespace rf::cli
