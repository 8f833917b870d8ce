#include <algorithm>
#include <cstddef>
#include <map>
#include <string>

#include "compiler/emit/c_ast.h"

namespace policyc::emit::c {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

constexpr std::size_t kMaxColumns = 100;
constexpr std::size_t kTabColumns = 8;

// C operator precedence (C17 section 6.5); larger binds tighter.
int precedence(const std::string& op) {
  static const std::map<std::string, int> kTable = {
      {"||", 3},  {"&&", 4}, {"|", 5},  {"^", 6},  {"&", 7},  {"==", 8},
      {"!=", 8},  {"<", 9},  {"<=", 9}, {">", 9},  {">=", 9}, {"<<", 10},
      {">>", 10}, {"+", 11}, {"-", 11}, {"*", 12}, {"/", 12}};
  return kTable.at(op);
}

std::string quote(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return result + "\"";
}

// Text from a manifest must not end the comment that it stands in.
std::string comment_safe(const std::string& text) {
  const bool plain = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (plain && !text.ends_with('\\') && text.find("*/") == std::string::npos &&
      text.find("/*") == std::string::npos)
    return text;
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    result += byte < 0x20 || byte == 0x7f ? '?' : text[i];
    if ((text[i] == '*' && i + 1 < text.size() && text[i + 1] == '/') ||
        (text[i] == '/' && i + 1 < text.size() && text[i + 1] == '*')) {
      result += ' ';
    }
    if (text[i] == '\\' && i + 1 == text.size()) result += ' ';
  }
  return result;
}

class Printer {
 public:
  std::string print(const Unit& unit) {
    for (const TopLevel& item : unit.items) {
      std::visit(
          Overloaded{[this](const Comment& c) { comment(c, ""); },
                     [this](const LineMark& m) { line_mark(m.line, m.file); },
                     [this](const HereMark& m) { here_mark(m); },
                     [this](const Include& i) { out_ += "#include " + quote(i.path) + "\n"; },
                     [this](const Define& d) { define(d); },
                     [this](const Raw& r) { out_ += r.text + ";\n"; },
                     [this](const Array& a) { array(a); },
                     [this](const Function& f) { function(f); },
                     [this](const Blank&) { out_ += "\n"; }},
          item);
    }
    return std::move(out_);
  }

 private:
  void comment(const Comment& c, const std::string& indent) {
    if (c.lines.size() == 1) {
      out_ += indent + "/* " + comment_safe(c.lines[0]) + " */\n";
      return;
    }
    out_ += indent + "/*\n";
    for (const std::string& line : c.lines)
      out_ += indent + (line.empty() ? " *" : " * " + comment_safe(line)) + "\n";
    out_ += indent + " */\n";
  }

  void line_mark(std::size_t line, const std::string& file) {
    out_ += "#line " + std::to_string(line) + " " + quote(file) + "\n";
  }

  void here_mark(const HereMark& mark) {
    lines_ += static_cast<std::size_t>(
        std::count(out_.begin() + static_cast<std::ptrdiff_t>(counted_), out_.end(), '\n'));
    counted_ = out_.size();
    line_mark(lines_ + 2, mark.file);  // the mark itself is line lines_ + 1
  }

  void define(const Define& d) {
    out_ += "#define " + d.name + " " + d.value;
    if (!d.comment.empty()) out_ += " /* " + comment_safe(d.comment) + " */";
    out_ += "\n";
  }

  void array(const Array& a) {
    out_ += a.declaration + " = {\n";
    for (const Initialiser& entry : a.values) {
      comment({{entry.comment}}, "\t");
      out_ += "\t[" + std::to_string(entry.index) + "] = " + expression(*entry.value) + ",\n";
    }
    out_ += "};\n";
  }

  void function(const Function& f) {
    out_ += f.signature + "\n{\n";
    for (const Statement& statement : f.body) {
      std::visit(Overloaded{[this](const Comment& c) { comment(c, "\t"); },
                            [this](const LineMark& m) { line_mark(m.line, m.file); },
                            [this](const HereMark& m) { here_mark(m); },
                            [this](const Declare& d) { out_ += "\t" + declaration(d) + ";\n"; },
                            [this](const Assign& a) { assign(a); },
                            [this](const Return& r) {
                              out_ += "\treturn " + expression(*r.value) + ";\n";
                            },
                            [this](const If& i) {
                              out_ += "\tif (" + condition(*i.condition) + ")\n\t\treturn " +
                                      expression(*i.result) + ";\n";
                            },
                            [this](const Blank&) { out_ += "\n"; }},
                 statement);
    }
    out_ += "}\n";
  }

  // `name = function(arguments);`, an argument on each line where one line is too short for all.
  void assign(const Assign& a) {
    std::string text = a.name + " = " + expression(*a.value);
    if (const auto* call = std::get_if<Call>(&a.value->node);
        call != nullptr && text.size() + kTabColumns > kMaxColumns) {
      text = a.name + " = " + call->function + "(";
      for (const ExprPtr& argument : call->arguments) {
        text += (&argument == &call->arguments.front() ? "\n\t\t" : ",\n\t\t") +
                condition(*argument, "\n\t\t    ");
      }
      text += ")";
    }
    out_ += "\t" + text + ";\n";
  }

  std::string declaration(const Declare& d) {
    const std::string space = d.type.ends_with("*") ? "" : " ";
    return d.type + space + d.name + (d.value ? " = " + expression(*d.value) : "");
  }

  // A condition that does not fit on the line is broken before each operand of its outermost
  // operator.
  std::string condition(const Expr& expr, const std::string& line_break = "\n\t    ") {
    std::string text = expression(expr);
    const auto* top = std::get_if<Binary>(&expr.node);
    if (text.size() + 2 * kTabColumns <= kMaxColumns || top == nullptr ||
        (top->op != "&&" && top->op != "||" && top->op != "&" && top->op != "|"))
      return text;
    std::vector<const Expr*> operands;
    flatten(expr, top->op, operands);
    text.clear();
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (i > 0) text += " " + top->op + line_break;
      text += operand(*operands[i], top->op, i > 0);
    }
    return text;
  }

  static void flatten(const Expr& expr, const std::string& op, std::vector<const Expr*>& operands) {
    const auto* node = std::get_if<Binary>(&expr.node);
    if (node == nullptr || node->op != op) {
      operands.push_back(&expr);
      return;
    }
    flatten(*node->left, op, operands);
    flatten(*node->right, op, operands);
  }

  // A binary operand gets parentheses where C needs them, where compilers warn without them (&& in
  // ||), and around bit operators, whose precedence few people remember.
  std::string operand(const Expr& expr, const std::string& parent, bool right) {
    const auto* child = std::get_if<Binary>(&expr.node);
    const std::string text = expression(expr);
    if (child == nullptr) return text;
    const int own = precedence(child->op);
    const int outer = precedence(parent);
    const bool associative =
        child->op == parent && (parent == "&&" || parent == "||" || parent == "|" || parent == "&");
    const bool needs = own < outer || (own == outer && right && !associative);
    const bool clearer = (parent == "||" && child->op == "&&") ||
                         (is_bit_operator(child->op) && child->op != parent);
    return needs || clearer ? "(" + text + ")" : text;
  }

  static bool is_bit_operator(const std::string& op) {
    return op == "&" || op == "|" || op == "^" || op == "<<" || op == ">>";
  }

  // Operands of unary and postfix operators bind tightest: any binary one is put in parentheses.
  std::string tight(const Expr& expr) {
    const std::string text = expression(expr);
    return std::holds_alternative<Binary>(expr.node) ? "(" + text + ")" : text;
  }

  // Postfix operators bind tighter than unary ones.
  std::string postfix_operand(const Expr& expr) {
    return std::holds_alternative<Unary>(expr.node) ? "(" + expression(expr) + ")" : tight(expr);
  }

  std::string expression(const Expr& expr) {
    return std::visit(
        Overloaded{[](const Name& n) { return n.text; },
                   [](const Number& n) { return std::to_string(n.value); },
                   [this](const Unary& u) { return u.op + tight(*u.operand); },
                   [this](const Binary& b) {
                     return operand(*b.left, b.op, false) + " " + b.op + " " +
                            operand(*b.right, b.op, true);
                   },
                   [this](const Call& c) {
                     std::string text = c.function + "(";
                     for (std::size_t i = 0; i < c.arguments.size(); ++i) {
                       text += (i == 0 ? "" : ", ") + expression(*c.arguments[i]);
                     }
                     return text + ")";
                   },
                   [this](const Arrow& a) { return postfix_operand(*a.object) + "->" + a.field; },
                   [this](const Index& i) {
                     return postfix_operand(*i.array) + "[" + expression(*i.index) + "]";
                   }},
        expr.node);
  }

  std::string out_;
  std::size_t lines_ = 0;  // in the first counted_ bytes of out_
  std::size_t counted_ = 0;
};

}  // namespace

ExprPtr name(std::string text) { return std::make_shared<Expr>(Expr{Name{std::move(text)}}); }
ExprPtr number(std::uint64_t value) { return std::make_shared<Expr>(Expr{Number{value}}); }
ExprPtr unary(std::string op, ExprPtr operand) {
  return std::make_shared<Expr>(Expr{Unary{std::move(op), std::move(operand)}});
}
ExprPtr binary(std::string op, ExprPtr left, ExprPtr right) {
  return std::make_shared<Expr>(Expr{Binary{std::move(op), std::move(left), std::move(right)}});
}
ExprPtr call(std::string function, std::vector<ExprPtr> arguments) {
  return std::make_shared<Expr>(Expr{Call{std::move(function), std::move(arguments)}});
}
ExprPtr arrow(ExprPtr object, std::string field) {
  return std::make_shared<Expr>(Expr{Arrow{std::move(object), std::move(field)}});
}
ExprPtr index(ExprPtr array, ExprPtr position) {
  return std::make_shared<Expr>(Expr{Index{std::move(array), std::move(position)}});
}
ExprPtr conjunction(ExprPtr left, ExprPtr right) {
  if (!left) return right;
  if (!right) return left;
  return binary("&&", std::move(left), std::move(right));
}
ExprPtr disjunction(ExprPtr left, ExprPtr right) {
  if (!left) return right;
  if (!right) return left;
  return binary("||", std::move(left), std::move(right));
}

std::string print(const Unit& unit) { return Printer().print(unit); }

}  // namespace policyc::emit::c
