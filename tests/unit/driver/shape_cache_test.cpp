// Shapes compiled with a cache: the same bytes, found again exactly when nothing that they hold has
// changed.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/driver/compilation.h"
#include "compiler/driver/quoted_lines.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/driver/cli_sample.h"

namespace policyc::driver {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

const std::string kWeb(testing::kPolicy);

class ShapeCache : public ::testing::Test {
 protected:
  // Compiles the one shape of a manifest.
  CompiledObject compile(const std::string& text, bool with_cache = true,
                         const std::string& name = "web.yaml") {
    Compilation compilation({});
    EXPECT_TRUE(compilation.parse({{name, text}}, {}) && compilation.resolve() &&
                compilation.build_shapes())
        << diag::render_text(compilation.sources(), compilation.diagnostics());
    EXPECT_EQ(compilation.shapes().size(), 1U);
    auto compiled = compile_shape(compilation.shapes().front().shape, compilation.sources(),
                                  {.cache = with_cache ? &cache_ : nullptr});
    EXPECT_TRUE(compiled) << compiled.error().message;
    return std::move(*compiled);
  }

  static std::string quotes(const CompiledObject& compiled) {
    const auto btf = backend::read_section(compiled.object, ".BTF");
    EXPECT_TRUE(btf);
    return {btf->begin(), btf->end()};
  }

  testing::TemporaryFolder folder_;
  backend::ObjectCache cache_ = backend::ObjectCache::open((folder_ / "cache").string()).value();
};

TEST_F(ShapeCache, GivesTheBytesThatACompilationGives) {
  const auto fresh = compile(kWeb, false);
  const auto first = compile(kWeb);
  const auto second = compile(kWeb);
  EXPECT_FALSE(fresh.cached);
  EXPECT_FALSE(first.cached);
  EXPECT_TRUE(second.cached);
  EXPECT_EQ(first.object, fresh.object);
  EXPECT_EQ(second.object, fresh.object);
  EXPECT_EQ(second.info.instructions, fresh.info.instructions);
  EXPECT_EQ(second.info.functions.size(), fresh.info.functions.size());
  EXPECT_EQ(second.info.sections, fresh.info.sections);
  EXPECT_EQ(cache_.stats().hits, 1U);
}

// The origins of the sample are its lines 11 (default deny) and 15 (the rule).
TEST_F(ShapeCache, ALineThatIsNotQuotedDoesNotCount) {
  EXPECT_FALSE(compile(kWeb).cached);
  const std::string others[] = {
      changed(kWeb, "kind: CiliumNetworkPolicy", "kind: CiliumNetworkPolicy  # edited"),
      changed(kWeb, "            app: frontend", "            app: frontend # edited"),
      changed(kWeb, "protocol: TCP", "protocol:   TCP"),
      kWeb + "# one more line\n",
  };
  for (const std::string& text : others) {
    const auto again = compile(text);
    EXPECT_TRUE(again.cached) << text;
    EXPECT_EQ(again.object, compile(text, false).object) << text;
  }
}

TEST_F(ShapeCache, AQuotedLineCounts) {
  EXPECT_FALSE(compile(kWeb).cached);
  const std::string text = changed(kWeb, "        - ports:", "        - ports: # edited");
  const auto edited = compile(text);
  EXPECT_FALSE(edited.cached);
  EXPECT_THAT(quotes(edited), HasSubstr("- ports: # edited"));
  EXPECT_TRUE(compile(text).cached);
  EXPECT_TRUE(compile(kWeb).cached) << "the first is still there";
}

TEST_F(ShapeCache, TheNameOfTheFileAndTheNumberOfTheLineCount) {
  EXPECT_FALSE(compile(kWeb).cached);
  EXPECT_FALSE(compile(kWeb, true, "other.yaml").cached);
  EXPECT_FALSE(compile("# a line above\n" + kWeb).cached);
  EXPECT_FALSE(compile(changed(kWeb, "\"80\"", "\"81\"")).cached);
}

TEST_F(ShapeCache, ADamagedObjectIsCompiledAgain) {
  const auto first = compile(kWeb);
  for (const auto& [name, text] : testing::folder_content(folder_ / "cache")) {
    if (name != "lock") testing::write_text(folder_ / "cache" / name, text.substr(0, 1000));
  }
  const auto again = compile(kWeb);
  EXPECT_FALSE(again.cached);
  EXPECT_EQ(again.object, first.object);
  EXPECT_TRUE(compile(kWeb).cached);
}

TEST_F(ShapeCache, ACacheThatCannotBeWrittenCostsNothing) {
  const auto fresh = compile(kWeb, false);
  std::filesystem::remove_all(folder_ / "cache");
  EXPECT_EQ(compile(kWeb).object, fresh.object);
  EXPECT_THAT(cache_.stats().problem, HasSubstr("cache"));
}

// ---- what is quoted

ir::Shape shape_with(std::initializer_list<std::pair<const char*, std::uint32_t>> places) {
  ir::EndpointPolicy policy;
  policy.directions[0].enforced = true;
  std::uint32_t id = 1;
  for (const auto& [file, line] : places) {
    ir::Rule rule;
    rule.id = id++;
    rule.any_peer = true;
    rule.ports = {{6, static_cast<std::uint16_t>(id), static_cast<std::uint16_t>(id)}};
    rule.origin = {"object", "path", file, line};
    policy.directions[0].rules.push_back(rule);
  }
  return ir::make_shape(policy);
}

TEST(QuotedLines, HoldTheRulesLinesForAllLinesOfAStatement) {
  source::SourceMap sources;
  sources.add_file("a.yaml", "one\ntwo\nthree\nfour\nfive\nsix\n");
  sources.add_file("b.yaml", "secret\n");
  const ir::Shape shape = shape_with({{"a.yaml", 2}, {"a.yaml", 5}});
  const QuotedLines quoted(shape, sources);
  const auto texts = quoted.texts();
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_EQ(texts[0].file_name, "a.yaml");
  EXPECT_THAT(std::string(texts[0].text), ::testing::StartsWith("\ntwo\ntwo\ntwo\nfive\nfive\n"));
  EXPECT_THAT(std::string(texts[0].text), Not(HasSubstr("six")));
}

TEST(QuotedLines, LinesThatAreNotThereQuoteNothing) {
  source::SourceMap sources;
  sources.add_file("a.yaml", "one\n");
  const ir::Shape shape =
      shape_with({{"a.yaml", 4000000000U}, {"none.yaml", 4000000000U}, {"", 0}});
  for (const auto& text : QuotedLines(shape, sources).texts()) EXPECT_EQ(text.text, "");
}

TEST(QuotedLines, OfFilesWithEqualNamesTheFirstCounts) {
  source::SourceMap sources;
  sources.add_file("a.yaml", "first\n");
  sources.add_file("a.yaml", "second\n");
  const ir::Shape shape = shape_with({{"a.yaml", 1}});
  const QuotedLines quoted(shape, sources);
  EXPECT_THAT(std::string(quoted.texts()[0].text), ::testing::StartsWith("first\n"));
}

}  // namespace
}  // namespace policyc::driver
