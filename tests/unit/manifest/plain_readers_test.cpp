// Plain YAML and JSON are read without yaml-cpp: trees, places and reports are those of yaml-cpp.

#include <array>
#include <optional>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "compiler/manifest/plain_json.h"
#include "compiler/manifest/plain_yaml.h"
#include "tests/unit/manifest/readers_agree.h"

namespace policyc::manifest {
namespace {

class Text {
 public:
  explicit Text(unsigned seed) : random_(seed) {}

  // Lines of a block mapping, with one thing in twelve or so that does not belong there.
  std::string yaml() {
    text_.clear();
    const unsigned documents = 1 + below(3);
    for (unsigned i = 0; i < documents; ++i) {
      if (i != 0) text_ += "---\n";
      mapping(0, 0);
    }
    if (below(4) == 0) mutate();
    return text_;
  }

  std::string json() {
    text_.clear();
    const unsigned documents = 1 + below(3);
    for (unsigned i = 0; i < documents; ++i) {
      flow(true, 0, true);
      if (below(2) == 0) text_ += "\n";
    }
    if (below(4) == 0) mutate();
    return text_;
  }

 private:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  template <std::size_t N>
  const char* one_of(const std::array<const char*, N>& choices) {
    return choices[below(N)];
  }
  bool seldom() { return below(80) == 0; }

  void mutate() {
    static constexpr std::array<const char*, 26> kBits{
        " ", "\n", ":", ": ", "-",  "- ", "#",   " #", "\t",       "\"", "'",  "{",    "}",
        "[", "]",  ",", "&a", "*a", "!",  "|\n", "?",  "\xc3\xa4", "\\", "..", "\r\n", "~"};
    const unsigned at = below(static_cast<unsigned>(text_.size() + 1));
    if (below(2) == 0) {
      text_.insert(at, one_of(kBits));
    } else {
      text_.erase(at, 1 + below(3));
    }
  }

  void indent(unsigned columns) { text_.append(columns, ' '); }

  void key(bool json) {
    static constexpr std::array<const char*, 14> kPlain{
        "a",  "b",  "c-d", "app.kubernetes.io/name", "on", "1", "name", "x_y", "a:b", "~", "No",
        "-a", "<<", "end."};
    static constexpr std::array<const char*, 5> kQuoted{R"("q")", R"("a b")", R"("")", R"("1")",
                                                        R"("x: y")"};
    if (json) {
      text_ += one_of(kQuoted);
    } else if (below(8) == 0) {
      text_ += below(2) == 0 ? "'s'" : one_of(kQuoted);
    } else {
      text_ += kPlain[below(seldom() ? 14 : 4)];
      text_ += std::to_string(below(50));
    }
    if (json && below(3) == 0) text_ += " ";
    text_ += json && below(2) == 0 ? ":" : ": ";
    if (seldom()) text_ += " ";
  }

  void scalar(bool json, bool in_flow) {
    static constexpr std::array<const char*, 14> kJson{
        R"("x")", R"("10.0.0.1")", "1",           "true", "null",
        "-1.5e3", R"("\n\"")",     R"("")",       "0",    "1e9",
        "80.0",   R"("a#b")",      R"("\u0041")", "01"};
    static constexpr std::array<const char*, 34> kPlain{
        "web",     "10.1.2.3", "yes", "no",   "null", "0x1f", "017",       "1_000", "1.50",
        "-7",      "-",        "a b", "x-y",  "/usr", "a:b",  "TCP",       "'q'",   "\"d\"",
        "''",      "\"\"",     "~",   "a, b", "a?",   "a #b", "a#b",       "[x",    "a: b",
        "fd00::1", "@",        "%a",  "1e3",  ".5",   "a]",   "2001-01-01"};
    if (json) {
      text_ += kJson[below(seldom() ? 14 : 12)];
    } else {
      text_ += in_flow && !seldom() ? kPlain[below(10)] : one_of(kPlain);
    }
  }

  void flow(bool is_map, unsigned depth, bool json) {
    text_ += is_map ? "{" : "[";
    const unsigned count = below(4);
    for (unsigned i = 0; i < count; ++i) {
      if (i != 0) text_ += json && below(2) == 0 ? "," : ", ";
      if (json && below(8) == 0) text_ += "\n ";
      if (is_map) key(json);
      value(depth + 1, json);
    }
    if (seldom()) text_ += ",";
    text_ += is_map ? "}" : "]";
  }

  void value(unsigned depth, bool json) {
    if (depth < 4 && below(3) == 0) {
      flow(below(2) == 0, depth, json);
    } else {
      scalar(json, true);
    }
  }

  void end_of_line() {
    if (below(20) == 0) text_ += " ";
    if (seldom()) text_ += " # why";
    text_ += "\n";
    if (below(20) == 0) text_ += "\n";
    if (below(20) == 0) text_ += "   # comment\n";
    if (seldom()) text_ += "     more\n";
  }

  void mapping(unsigned columns, unsigned depth) {
    const unsigned count = 1 + below(3);
    for (unsigned i = 0; i < count; ++i) {
      if (i != 0 || depth == 0) indent(seldom() ? columns + 1 : columns);
      key(false);
      content(columns, depth);
    }
  }

  // After a key: a scalar, or a collection on lines of its own.
  void content(unsigned columns, unsigned depth) {
    const unsigned kind = depth < 4 ? below(6) : 5;
    if (kind == 0) {
      text_ += "\n";
      const unsigned deeper = columns + 1 + below(3);
      indent(deeper);
      mapping(deeper, depth + 1);
    } else if (kind == 1) {
      text_ += "\n";
      sequence(columns + below(3), depth + 1);
    } else if (kind == 2) {
      flow(below(2) == 0, 0, false);
      end_of_line();
    } else {
      if (!seldom()) scalar(false, false);
      end_of_line();
    }
  }

  void sequence(unsigned columns, unsigned depth) {
    const unsigned count = 1 + below(3);
    for (unsigned i = 0; i < count; ++i) {
      indent(columns);
      const unsigned spaces = below(10) == 0 ? 3 : 1;
      text_ += "-" + std::string(spaces, ' ');
      if (depth < 4 && below(3) == 0) {
        mapping(columns + 1 + spaces, depth + 1);
      } else if (below(4) == 0) {
        flow(below(2) == 0, 0, false);
        end_of_line();
      } else {
        scalar(false, false);
        end_of_line();
      }
    }
  }

  std::mt19937 random_;
  std::string text_;
};

TEST(PlainReaders, YamlIsReadAsYamlCppReadsIt) {
  for (unsigned seed = 0; seed < 15'000; ++seed) {
    const std::string text = Text(seed).yaml();
    ASSERT_TRUE(readers_agree(text)) << "seed " << seed << "\n" << text;
  }
}

TEST(PlainReaders, JsonIsReadAsYamlCppReadsIt) {
  for (unsigned seed = 0; seed < 15'000; ++seed) {
    const std::string text = Text(seed).json();
    ASSERT_TRUE(readers_agree(text)) << "seed " << seed << "\n" << text;
  }
}

// How many trees the reader gives; nothing: it leaves the text to yaml-cpp.
std::optional<std::size_t> trees_of(decltype(read_plain_json)& reader, const std::string& text) {
  source::SourceMap sources;
  diag::Engine diagnostics;
  const Limits limits;
  Positions positions(text);
  ReadContext context{sources, sources.add_file("text", text), diagnostics, limits, positions};
  std::size_t count = 0;
  const bool is_plain =
      reader(context, text, {0, text.size()}, [&count](const Node& /*root*/) { ++count; });
  return is_plain ? std::optional(count) : std::nullopt;
}

TEST(PlainReaders, TakeWhatTheClusterWritesAndLeaveTheRest) {
  EXPECT_EQ(trees_of(read_plain_json, "{\"kind\": \"Pod\", \"n\": [1, null]}\n{\"a\":{}}"), 2U);
  EXPECT_EQ(trees_of(read_plain_yaml,
                     "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {app: web}\n  name: \"a\"\n"
                     "spec:\n  containers:\n  - image: repo/i:v1\n    name: c\n"),
            1U);
  EXPECT_EQ(trees_of(read_plain_json, "{\"a\": \"\\u0041\"}"), std::nullopt);
  for (const char* text : {"a: &x 1\n", "a: |\n  b\n", "a: !!str 1\n", "a: 1 # why\n", "a:\n", ""})
    EXPECT_EQ(trees_of(read_plain_yaml, text), std::nullopt) << text;
}

TEST(PlainReaders, SameLimits) {
  const std::string nested = [] {
    std::string text;
    for (unsigned depth = 0; depth < 70; ++depth) text += std::string(depth, ' ') + "a:\n";
    return text + std::string(70, ' ') + "b: c\n";
  }();
  EXPECT_TRUE(readers_agree(nested));
  EXPECT_TRUE(readers_agree("a: " + std::string(64, '[') + std::string(64, ']') + "\n"));
  EXPECT_TRUE(readers_agree("a: " + std::string(63, '[') + std::string(63, ']') + "\n"));
  EXPECT_TRUE(readers_agree("{\"a\": " + std::string(64, '[') + std::string(64, ']') + "}\n"));
  EXPECT_TRUE(readers_agree("{\"a\": " + std::string(63, '[') + std::string(63, ']') + "}\n"));
  const std::string large(std::size_t{1} << 20U, 'x');
  for (const char* more : {"", "x"}) {
    EXPECT_TRUE(readers_agree("a: " + large + more + "\n"));
    EXPECT_TRUE(readers_agree("{\"a\": \"" + large + more + "\"}\n"));
  }
  for (const unsigned length : {990U, 1010U, 1030U}) {
    const std::string key(length, 'k');
    EXPECT_TRUE(readers_agree(key + ": 1\n"));
    EXPECT_TRUE(readers_agree("{\"" + key + "\": 1}\n"));
  }
}

}  // namespace
}  // namespace policyc::manifest
