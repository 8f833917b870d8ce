#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/emit/c_ast.h"

namespace policyc::emit::c {
namespace {

using ::testing::HasSubstr;

std::string printed(const ExprPtr& expr) {
  Function function{"int f(void)", {Return{expr}}};
  const std::string text = print(Unit{{function}});
  const std::string head = "int f(void)\n{\n\treturn ";
  EXPECT_TRUE(text.starts_with(head) && text.ends_with(";\n}\n")) << text;
  return text.substr(head.size(), text.size() - head.size() - 4);
}

ExprPtr n(const char* text) { return name(text); }

TEST(CPrinter, ParenthesesStandWhereCNeedsThem) {
  EXPECT_EQ(printed(binary("*", binary("+", n("a"), n("b")), n("c"))), "(a + b) * c");
  EXPECT_EQ(printed(binary("+", binary("*", n("a"), n("b")), n("c"))), "a * b + c");
  EXPECT_EQ(printed(binary("-", n("a"), binary("-", n("b"), n("c")))), "a - (b - c)");
  EXPECT_EQ(printed(binary("-", binary("-", n("a"), n("b")), n("c"))), "a - b - c");
  EXPECT_EQ(printed(binary("==", binary("&", n("a"), n("b")), number(0))), "(a & b) == 0");
  EXPECT_EQ(printed(unary("!", binary("&&", n("a"), n("b")))), "!(a && b)");
  EXPECT_EQ(printed(arrow(unary("*", n("p")), "f")), "(*p)->f");
  EXPECT_EQ(printed(index(unary("*", n("p")), n("i"))), "(*p)[i]");
  EXPECT_EQ(printed(unary("&", arrow(n("p"), "f"))), "&p->f");
  EXPECT_EQ(printed(index(binary("+", n("p"), n("q")), binary("+", n("i"), n("j")))),
            "(p + q)[i + j]");
  EXPECT_EQ(printed(call("f", {binary("||", n("a"), n("b")), number(7)})), "f(a || b, 7)");
}

TEST(CPrinter, ParenthesesHelpTheReader) {
  EXPECT_EQ(printed(binary("||", binary("&&", n("a"), n("b")), n("c"))), "(a && b) || c");
  EXPECT_EQ(printed(binary("||", n("a"), binary("&&", n("b"), n("c")))), "a || (b && c)");
  EXPECT_EQ(printed(binary("&&", binary("&", n("a"), n("b")), binary("==", n("c"), number(1)))),
            "(a & b) && c == 1");
  EXPECT_EQ(printed(binary("&", n("a"), binary("|", n("b"), n("c")))), "a & (b | c)");
}

TEST(CPrinter, NothingPlusSomethingIsSomething) {
  EXPECT_EQ(conjunction(nullptr, nullptr), nullptr);
  EXPECT_EQ(printed(conjunction(nullptr, n("a"))), "a");
  EXPECT_EQ(printed(disjunction(n("a"), nullptr)), "a");
}

// A reader of its own for what the printer writes: precedence climbing over C's table.
class Reader {
 public:
  Reader(const std::string& text, const std::vector<unsigned>& values)
      : text_(text), values_(values) {}
  unsigned read() {
    const unsigned value = level(0);
    EXPECT_EQ(at_, text_.size()) << text_;
    return value;
  }

 private:
  static constexpr const char* kLevels[] = {"||", "&&", "|", "&", "==", "<<", "+"};
  bool take(const std::string& word) {
    if (text_.compare(at_, word.size(), word) != 0) return false;
    at_ += word.size();
    return true;
  }
  unsigned level(std::size_t depth) {
    if (depth == std::size(kLevels)) return primary();
    unsigned left = level(depth + 1);
    while (take(std::string(" ") + kLevels[depth] + " ")) {
      const unsigned right = level(depth + 1);
      switch (depth) {
        case 0:
          left = left != 0 || right != 0;
          break;
        case 1:
          left = left != 0 && right != 0;
          break;
        case 2:
          left |= right;
          break;
        case 3:
          left &= right;
          break;
        case 4:
          left = left == right;
          break;
        case 5:
          left <<= right & 7U;
          break;
        default:
          left += right;
          break;
      }
    }
    return left;
  }
  unsigned primary() {
    if (take("!")) return primary() == 0;
    if (take("(")) {
      const unsigned value = level(0);
      EXPECT_TRUE(take(")")) << text_;
      return value;
    }
    const std::size_t index = static_cast<std::size_t>(text_.at(at_++) - 'a');
    return values_.at(index);
  }

  const std::string& text_;
  const std::vector<unsigned>& values_;
  std::size_t at_ = 0;
};

unsigned value_of(const Expr& expr, const std::vector<unsigned>& values) {
  if (const auto* leaf = std::get_if<Name>(&expr.node))
    return values.at(static_cast<std::size_t>(leaf->text[0] - 'a'));
  if (const auto* one = std::get_if<Unary>(&expr.node)) return value_of(*one->operand, values) == 0;
  const auto& two = std::get<Binary>(expr.node);
  const unsigned left = value_of(*two.left, values);
  const unsigned right = value_of(*two.right, values);
  if (two.op == "||") return left != 0 || right != 0;
  if (two.op == "&&") return left != 0 && right != 0;
  if (two.op == "|") return left | right;
  if (two.op == "&") return left & right;
  if (two.op == "==") return left == right;
  if (two.op == "<<") return left << (right & 7U);
  return left + right;
}

ExprPtr random_expression(std::mt19937& random, int depth) {
  static constexpr const char* kOperators[] = {"||", "&&", "|", "&", "==", "<<", "+"};
  const auto below = [&random](int limit) {
    return std::uniform_int_distribution<int>(0, limit - 1)(random);
  };
  if (depth == 0 || below(5) == 0) return name(std::string(1, static_cast<char>('a' + below(6))));
  if (below(6) == 0) return unary("!", random_expression(random, depth - 1));
  return binary(kOperators[below(7)], random_expression(random, depth - 1),
                random_expression(random, depth - 1));
}

TEST(CPrinter, TextMeansWhatTheTreeMeans) {
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    const ExprPtr expr = random_expression(random, 5);
    std::vector<unsigned> values;
    for (int i = 0; i < 6; ++i)
      values.push_back(std::uniform_int_distribution<unsigned>(0, 9)(random));
    const std::string text = printed(expr);
    ASSERT_EQ(Reader(text, values).read(), value_of(*expr, values)) << text;
  }
}

TEST(CPrinter, LongConditionsBreakWithoutChangingTheirMeaning) {
  ExprPtr condition;
  for (int i = 0; i < 12; ++i)
    condition = disjunction(condition, binary("&&", n("first_condition"), n("second_condition")));
  const std::string text =
      print(Unit{{Function{"int f(void)", {If{condition, number(1)}, Return{number(0)}}}}});
  EXPECT_THAT(text, HasSubstr("(first_condition && second_condition) ||\n"));
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = text.find('\n', start);
    EXPECT_LE(end - start, 100U);
    start = end + 1;
  }
}

TEST(CPrinter, AHereMarkNamesItsOwnLine) {
  Unit unit;
  unit.items.emplace_back(Comment{{"one", "two"}});
  unit.items.emplace_back(LineMark{70, "policy.yaml"});
  unit.items.emplace_back(Blank{});
  unit.items.emplace_back(HereMark{"out.c"});
  unit.items.emplace_back(Blank{});
  unit.items.emplace_back(HereMark{"out.c"});
  EXPECT_EQ(print(unit),
            "/*\n * one\n * two\n */\n#line 70 \"policy.yaml\"\n\n#line 8 \"out.c\"\n\n#line 10 "
            "\"out.c\"\n");
}

}  // namespace
}  // namespace policyc::emit::c
