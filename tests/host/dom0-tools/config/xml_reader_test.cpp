// SPDX-License-Identifier: MIT
/// Story: a tenant's definition is an attack: entities that grow or read files, endless nesting, endless elements, broken
/// bytes. Each ends in one located refusal; none reads a file, none takes more memory than the text itself justifies.
#include "config/xml_reader.hpp"

#include <gtest/gtest.h>
#include <random>

namespace rf::config {
namespace {

std::string syntax_error(const std::string& text)
{
    const auto root = read_xml(text, "f.xml");
    return root ? "accepted" : root.error().text();
}

TEST(XmlReader, KeepsElementsAttributesAndPlaces)
{
    const auto root = read_xml("<a x='1' y='&lt;2&gt;'>\n  hello\n  <b/>\n    <c z='&#65;'\n       w=''>text<![CDATA[<&]]></c>\n</a>", "f.xml");
    ASSERT_TRUE(root) << root.error().text();
    EXPECT_EQ(root->name, "a");
    EXPECT_EQ(root->attribute("y"), "<2>");
    EXPECT_EQ(root->attribute("nothing"), std::nullopt);
    EXPECT_EQ(root->trimmed_text(), "hello");
    ASSERT_EQ(root->children.size(), 2u);
    EXPECT_EQ(root->children[0].line, 3u);
    EXPECT_EQ(root->children[0].column, 3u);
    const Element& c = root->children[1];
    EXPECT_EQ(c.line, 4u);
    EXPECT_EQ(c.column, 5u);
    EXPECT_EQ(c.attribute("z"), "A");
    EXPECT_EQ(c.attribute("w"), "");
    EXPECT_EQ(c.text, "text<&");
}

TEST(XmlReader, DocumentTypesAreRefused)
{
    const std::string laughs = "<!DOCTYPE x [<!ENTITY a 'haha'><!ENTITY b '&a;&a;&a;&a;'>]>\n<x>&b;</x>";
    EXPECT_TRUE(syntax_error(laughs).starts_with("f.xml:1:1: document type declarations")) << syntax_error(laughs);
    EXPECT_TRUE(syntax_error("<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>").find("document type") != std::string::npos);
    EXPECT_NE(syntax_error("<x>&undefined;</x>"), "accepted");
}

TEST(XmlReader, LimitsHold)
{
    std::string deep;
    for (unsigned i = 0; i < most_depth + 1; ++i)
        deep += "<d>";
    EXPECT_NE(syntax_error(deep).find("nested deeper"), std::string::npos);
    std::string many = "<m>";
    for (unsigned i = 0; i < most_elements; ++i)
        many += "<e/>";
    EXPECT_NE(syntax_error(many + "</m>").find("more than"), std::string::npos);
    EXPECT_NE(syntax_error("<x>" + std::string(most_definition_bytes, ' ') + "</x>").find("larger than"), std::string::npos);
}

TEST(XmlReader, BrokenBytesAreRefusedWithoutHarm)
{
    EXPECT_NE(syntax_error("<x>\xff\xfe</x>"), "accepted");
    EXPECT_NE(syntax_error(std::string("<x>\0</x>", 8)), "accepted");
    EXPECT_NE(syntax_error("<x a='1' a='2'/>"), "accepted");
    EXPECT_NE(syntax_error("<x/><y/>"), "accepted");
    // Mutations of a good text: whatever comes out, it comes out as a value.
    const std::string good = "<domain type='xen'><name>a</name><os><kernel>/k</kernel></os><!-- c --><devices><disk/></devices></domain>";
    std::mt19937 random(20240917);
    unsigned refused = 0;
    for (int round = 0; round < 3000; ++round) {
        std::string text = good;
        for (unsigned change = 0; change < 1 + random() % 3; ++change)
            text[random() % text.size()] = static_cast<char>(random());
        const auto root = read_xml(text, "f.xml");
        if (!root) {
            ++refused;
            EXPECT_FALSE(root.error().what.empty());
        }
    }
    EXPECT_GT(refused, 1000u);
}

TEST(XmlReader, ARefusalIsOneLine)
{
    // libxml2's own text for broken bytes has two lines; a quoted value may hold any character but the worst.
    EXPECT_EQ(syntax_error("<x>\n\x91\x90\x8b\xb9</x>").find('\n'), std::string::npos) << syntax_error("<x>\n\x91\x90\x8b\xb9</x>");
    const Problem quoting{{"f.xml", 1, 1}, "name", "'a\nf.xml: all is well\x7f' is no name"};
    EXPECT_EQ(quoting.text(), "f.xml:1:1: <name>: 'a f.xml: all is well ' is no name");
}

TEST(XmlReader, LibxmlSaysNothingItself)
{
    // Bytes that are none of the announced encoding make libxml2 print, past the handler of errors, to standard error: that of
    // a daemon, at a tenant's pleasure.
    testing::internal::CaptureStderr();
    EXPECT_NE(syntax_error("<?xml version='1.0' encoding='EUC-JP'?><x>\xff\xff</x>"), "accepted");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(XmlReader, OtherEncodingsDoNotConfusePlaces)
{
    const auto latin = read_xml("<?xml version='1.0' encoding='ISO-8859-1'?>\n<x>\xe9<y/></x>", "f.xml");
    ASSERT_TRUE(latin) << latin.error().text();
    EXPECT_EQ(latin->text, "\u00e9");
    EXPECT_EQ(latin->children.at(0).line, 2u);
}

}  // namespace
}  // namespace rf::config
