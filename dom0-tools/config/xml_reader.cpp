// SPDX-License-Identifier: MIT
#include "config/xml_reader.hpp"

#include <cstring>
#include <memory>
#include <optional>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

namespace rf::config {
namespace {

std::string text_of(const xmlChar* text)
{
    return text ? reinterpret_cast<const char*>(text) : "";
}

/// Turns offsets, which must not decrease, into lines and columns.
class PositionCounter {
public:
    explicit PositionCounter(std::string_view text) : text_(text) {}

    void move_to(std::size_t offset)
    {
        for (; at_ < offset && at_ < text_.size(); ++at_) {
            if (text_[at_] == '\n') {
                ++line_;
                line_start_ = at_ + 1;
            }
        }
    }
    /// For a text whose bytes are not those that the parser counts.
    void set(int line, int column)
    {
        line_ = static_cast<unsigned>(std::max(line, 1));
        line_start_ = at_ - static_cast<std::size_t>(std::max(column, 1) - 1);
    }
    [[nodiscard]] unsigned line() const { return line_; }
    [[nodiscard]] unsigned column() const { return static_cast<unsigned>(at_ - line_start_ + 1); }

private:
    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_start_ = 0;
    unsigned line_ = 1;
};

/// Collects what libxml2 reports. The open elements are a path of pointers into the growing tree: only the last child of
/// each can grow, so the pointers stay good.
class TreeBuilder {
public:
    TreeBuilder(std::string_view text, const std::string& file) : text_(text), file_(file), position_(text) {}

    Result<Element> run();

private:
    static void start(void* self, const xmlChar* name, const xmlChar* prefix, const xmlChar* uri, int namespaces,
                      const xmlChar** namespace_list, int attributes, int defaulted, const xmlChar** attribute_list);
    static void end(void* self, const xmlChar* name, const xmlChar* prefix, const xmlChar* uri);
    static void characters(void* self, const xmlChar* text, int length);
    static void document_type(void* self, const xmlChar* name, const xmlChar* external, const xmlChar* system);
    static void error(void* self, xmlErrorPtr error);

    void open(Element element);
    void stop(std::string element, std::string what);
    /// Moves the position to the '<' of the tag that the parser has just read.
    void locate_tag();

    std::string_view text_;
    const std::string& file_;
    PositionCounter position_;
    xmlParserCtxtPtr context_ = nullptr;
    Element root_;
    std::vector<Element*> open_;
    unsigned elements_ = 0;
    std::optional<Problem> problem_;
};

void TreeBuilder::stop(std::string element, std::string what)
{
    if (!problem_)
        problem_ = Problem{{file_, position_.line(), position_.column()}, std::move(element), std::move(what)};
    xmlStopParser(context_);
}

void TreeBuilder::locate_tag()
{
    const xmlParserInputPtr input = context_->input;
    if (input->buf && input->buf->encoder)
        return position_.set(input->line, input->col);  // the end of the tag, which is better than nothing
    std::size_t offset = std::min<std::size_t>(input->consumed + static_cast<std::size_t>(input->cur - input->base), text_.size());
    // No attribute value may hold a '<', so the last one before here begins the tag.
    offset = text_.rfind('<', offset == 0 ? 0 : offset - 1);
    if (offset != std::string_view::npos)
        position_.move_to(offset);
}

void TreeBuilder::open(Element element)
{
    const std::string name = element.name;
    if (open_.size() >= most_depth)
        return stop(name, "nested deeper than " + std::to_string(most_depth) + " elements");
    if (++elements_ > most_elements)
        return stop(name, "more than " + std::to_string(most_elements) + " elements");
    if (open_.empty()) {
        root_ = std::move(element);
        open_.push_back(&root_);
        return;
    }
    open_.back()->children.push_back(std::move(element));
    open_.push_back(&open_.back()->children.back());
}

void TreeBuilder::start(void* self, const xmlChar* name, const xmlChar*, const xmlChar* uri, int, const xmlChar**,
                        int attributes, int, const xmlChar** attribute_list)
{
    auto& builder = *static_cast<TreeBuilder*>(self);
    builder.locate_tag();
    Element element{text_of(name), text_of(uri), builder.position_.line(), builder.position_.column(), {}, {}, {}};
    // Five pointers for each attribute: name, prefix, URI, start and end of the value.
    for (int i = 0; i < attributes; ++i) {
        const xmlChar** parts = attribute_list + 5 * i;
        if (parts[2])
            continue;  // of another namespace
        element.attributes.push_back(
            {text_of(parts[0]), std::string(reinterpret_cast<const char*>(parts[3]), reinterpret_cast<const char*>(parts[4]))});
    }
    builder.open(std::move(element));
}

void TreeBuilder::end(void* self, const xmlChar*, const xmlChar*, const xmlChar*)
{
    auto& builder = *static_cast<TreeBuilder*>(self);
    if (!builder.open_.empty())
        builder.open_.pop_back();
}

void TreeBuilder::characters(void* self, const xmlChar* text, int length)
{
    auto& builder = *static_cast<TreeBuilder*>(self);
    if (!builder.open_.empty())
        builder.open_.back()->text.append(reinterpret_cast<const char*>(text), static_cast<std::size_t>(length));
}

void TreeBuilder::document_type(void* self, const xmlChar*, const xmlChar*, const xmlChar*)
{
    auto& builder = *static_cast<TreeBuilder*>(self);
    builder.locate_tag();
    builder.stop("", "document type declarations (<!DOCTYPE>) are not accepted: remove it");
}

void TreeBuilder::error(void* self, xmlErrorPtr error)
{
    auto& builder = *static_cast<TreeBuilder*>(self);
    if (builder.problem_ || error->level < XML_ERR_ERROR)
        return;
    std::string what = error->message ? error->message : "not well-formed XML";
    what.erase(what.find_last_not_of(" \n") + 1);
    builder.problem_ = Problem{{builder.file_, static_cast<unsigned>(std::max(error->line, 1)),
                                static_cast<unsigned>(std::max(error->int2, 1))},
                               "", "not well-formed XML: " + what};
}

Result<Element> TreeBuilder::run()
{
    const std::unique_ptr<xmlParserCtxt, decltype(&xmlFreeParserCtxt)> context(
        xmlCreateMemoryParserCtxt(text_.data(), static_cast<int>(text_.size())), xmlFreeParserCtxt);
    if (!context)
        return std::unexpected(Problem{{file_, 0, 0}, "", "no memory to read it"});
    context_ = context.get();
    std::memset(context_->sax, 0, sizeof *context_->sax);
    context_->sax->initialized = XML_SAX2_MAGIC;
    context_->sax->startElementNs = start;
    context_->sax->endElementNs = end;
    context_->sax->characters = characters;
    context_->sax->ignorableWhitespace = characters;
    context_->sax->cdataBlock = characters;
    context_->sax->internalSubset = document_type;
    context_->sax->serror = reinterpret_cast<xmlStructuredErrorFunc>(error);
    context_->userData = this;
    xmlCtxtUseOptions(context_, XML_PARSE_NONET);
    // The option call may restore default handlers for some options; none of those set here is among them.
    const bool parsed = xmlParseDocument(context_) == 0 && context_->wellFormed;
    if (problem_)
        return std::unexpected(std::move(*problem_));
    if (!parsed)
        return std::unexpected(Problem{{file_, 1, 1}, "", "not well-formed XML"});
    return std::move(root_);
}

/// Some faults of encodings libxml2 would print to standard error, besides reporting them.
void say_nothing(void*, const char*, ...) {}

}  // namespace

Result<Element> read_xml(std::string_view text, const std::string& file)
{
    if (text.size() > most_definition_bytes)
        return std::unexpected(Problem{{file, 0, 0}, "", "larger than " + std::to_string(most_definition_bytes) + " bytes"});
    if (text.empty())
        return std::unexpected(Problem{{file, 0, 0}, "", "the file is empty"});
    xmlInitParser();
    xmlSetGenericErrorFunc(nullptr, say_nothing);
    return TreeBuilder(text, file).run();
}

}  // namespace rf::config
