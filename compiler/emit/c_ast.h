#pragma once
// A small tree for the C that policyc emits. It knows no policy; precedence and indentation live in
// c_printer.cpp alone.

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace policyc::emit::c {

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

struct Name {
  std::string text;
};
struct Number {
  std::uint64_t value = 0;
};
struct Unary {
  std::string op;  // "!", "&", "*", "(int)"
  ExprPtr operand;
};
struct Binary {
  std::string op;  // C spelling: "&&", "==", ">>", ...
  ExprPtr left;
  ExprPtr right;
};
struct Call {
  std::string function;
  std::vector<ExprPtr> arguments;
};
struct Arrow {
  ExprPtr object;
  std::string field;
};
struct Index {
  ExprPtr array;
  ExprPtr index;
};

struct Expr {
  std::variant<Name, Number, Unary, Binary, Call, Arrow, Index> node;
};

[[nodiscard]] ExprPtr name(std::string text);
[[nodiscard]] ExprPtr number(std::uint64_t value);
[[nodiscard]] ExprPtr unary(std::string op, ExprPtr operand);
[[nodiscard]] ExprPtr binary(std::string op, ExprPtr left, ExprPtr right);
[[nodiscard]] ExprPtr call(std::string function, std::vector<ExprPtr> arguments);
[[nodiscard]] ExprPtr arrow(ExprPtr object, std::string field);
[[nodiscard]] ExprPtr index(ExprPtr array, ExprPtr position);
// left && right, or the one that is not null.
[[nodiscard]] ExprPtr conjunction(ExprPtr left, ExprPtr right);
[[nodiscard]] ExprPtr disjunction(ExprPtr left, ExprPtr right);

struct Comment {
  std::vector<std::string> lines;
};
struct LineMark {  // #line: what follows belongs to that line of the manifest
  std::uint32_t line = 0;
  std::string file;
};
struct HereMark {  // #line: what follows belongs to the emitted text itself again
  std::string file;
};
struct Declare {
  std::string type;  // "policyc_u32", "struct x *"
  std::string name;
  ExprPtr value;
};
struct Assign {
  std::string name;
  ExprPtr value;
};
struct Return {
  ExprPtr value;
};
struct If {
  ExprPtr condition;
  ExprPtr result;  // `if (condition) return result;`
};
struct Blank {};
using Statement = std::variant<Comment, LineMark, HereMark, Declare, Assign, Return, If, Blank>;

struct Include {
  std::string path;
};
struct Define {
  std::string name;
  std::string value;
  std::string comment;
};
struct Raw {  // one declaration at file scope, without its semicolon: a map or a table
  std::string text;
};
struct Initialiser {  // `[index] = value,` with a comment above it
  std::string comment;
  std::uint64_t index = 0;
  ExprPtr value;
};
struct Array {  // `declaration = { ... };`
  std::string declaration;
  std::vector<Initialiser> values;
};
struct Function {
  std::string signature;
  std::vector<Statement> body;
};
using TopLevel =
    std::variant<Comment, LineMark, HereMark, Include, Define, Raw, Array, Function, Blank>;

struct Unit {
  std::vector<TopLevel> items;
};

[[nodiscard]] std::string print(const Unit& unit);

}  // namespace policyc::emit::c
