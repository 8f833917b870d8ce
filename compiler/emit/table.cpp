#include "compiler/emit/table.h"

#include <algorithm>
#include <bit>
#include <string>
#include <unordered_map>

#include "compiler/emit/describe.h"
#include "compiler/emit/peer_names.h"
#include "runtime/abi/policy.h"

namespace policyc::emit {
namespace {

constexpr std::size_t kProtocols = 256;
// Few decisions are initialised in C. Of more, clang would take a tenth of a compilation to read
// the initialisers: their bytes are set afterwards, and add_listing() says what they are.
constexpr std::size_t kMaxInitialised = 16;
constexpr std::size_t kMaxListed = 64;

// One byte where every value fits, two otherwise: the tables stay in as few cache lines as they
// can.
struct Element {
  std::size_t bytes;
  std::string type;
};
Element element_for(std::size_t count) {
  return count <= 256 ? Element{1, "policyc_u8"} : Element{2, "policyc_u16"};
}

void append(std::vector<std::uint8_t>& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i)
    out.push_back(static_cast<std::uint8_t>((value >> (8 * i)) & 0xffU));
}

std::string dimension(std::size_t size) { return "[" + std::to_string(size) + "]"; }

c::ExprPtr masked(c::ExprPtr value, std::size_t power_of_two) {
  return c::binary("&", std::move(value), c::number(power_of_two - 1));
}

c::ExprPtr field(const char* name) { return c::arrow(c::name("context"), name); }

constexpr std::uint32_t kAuditedDefaultDeny = POLICY_DEFAULT_DENY | POLICYC_DECISION_AUDITED;

// The rule behind each number that a cell can hold; nothing where there is none.
std::vector<const ir::Rule*> rules_by_number(const ir::DirectionShape& part) {
  std::unordered_map<std::uint32_t, const ir::Rule*> by_decision;
  for (std::size_t r = 0; r < part.rules.size(); ++r)
    by_decision.try_emplace(part.matrix.rules()[r].decision, &part.rules[r]);
  std::vector<const ir::Rule*> by_number(part.decisions.size(), nullptr);
  for (std::size_t i = 1; i < part.decisions.size(); ++i) {
    const std::uint32_t of_rule = part.decisions[i] & ~POLICYC_DECISION_AUDITED;
    if (const auto found = by_decision.find(of_rule); found != by_decision.end())
      by_number[i] = found->second;
  }
  return by_number;
}

// What a number that a cell can hold means; empty when nothing needs to be said.
std::string description(const ir::Rule* rule, std::uint32_t decision,
                        const ir::DirectionShape& part, const std::vector<std::string>& names) {
  if (decision == kAuditedDefaultDeny) return "default deny in audit mode";
  return rule == nullptr ? std::string() : describe(*rule, peers_of(*rule, part, names));
}

// The code and tables of one direction.
class Writer {
 public:
  Writer(const ir::Shape& shape, std::size_t direction, c::Unit& unit, std::vector<Table>& tables)
      : shape_(shape),
        part_(shape.directions[direction]),
        names_(peer_names(shape, direction)),
        ports_(make_port_tables(part_.matrix)),
        unit_(unit),
        tables_(tables),
        end_(suffix(direction)),
        slots_(std::bit_ceil(ports_.page_of_block.size())),
        pages_(std::bit_ceil(ports_.columns.size())),
        columns_(std::bit_ceil(part_.matrix.column_count())),
        function_{verdict_signature(direction), {}} {}

  void write() {
    legend();
    if (part_.uses_rows()) raw("POLICYC_ROWS_MAP(" + named("policy_rows") + ")");
    raw("POLICYC_MATRIX_MAP(" + named("policy_matrix") + ", " + cell_type() + ", " +
        std::to_string(part_.padded_columns()) + ")");
    decisions();
    port_tables();
    if (part_.form == ir::Form::Bitset) port_rules();
    unit_.items.emplace_back(c::Blank{});
    if (part_.form == ir::Form::Bitset) {
      bitset_body();
    } else {
      table_body();
    }
    unit_.items.emplace_back(std::move(function_));
  }

 private:
  [[nodiscard]] std::string named(const std::string& stem) const { return stem + "_" + end_; }
  [[nodiscard]] std::string cell_type() const {
    return part_.cell_bytes() == 8   ? "policyc_u64"
           : part_.cell_bytes() == 2 ? "policyc_u16"
                                     : "policyc_u8";
  }
  // How large it is, and who is who.
  void legend() {
    c::Comment comment{{std::to_string(part_.rules.size()) + " rules, " +
                        std::to_string(part_.predicates.size()) + " peer predicates, " +
                        std::to_string(part_.matrix.column_count()) + " port classes"}};
    const std::size_t listed = std::min(kMaxListed, part_.predicates.size());
    for (std::size_t i = 0; i < listed; ++i) {
      comment.lines.push_back("peer " + names_[i] + ": " +
                              shape_.predicates[part_.predicates[i]].to_string());
    }
    unit_.items.emplace_back(std::move(comment));
  }

  void raw(std::string text) { unit_.items.emplace_back(c::Raw{std::move(text)}); }
  void add(c::Statement statement) { function_.body.push_back(std::move(statement)); }

  [[nodiscard]] std::size_t padded_decisions() const {
    return std::bit_ceil(part_.decisions.size());
  }

  void decisions() {
    const std::string declaration =
        "const volatile policyc_u32 " + named("policy_decisions") + dimension(padded_decisions());
    if (part_.decisions.size() <= kMaxInitialised) {
      c::Array array{declaration, {}};
      const auto rules = rules_by_number(part_);
      for (std::size_t i = 1; i < rules.size(); ++i) {
        std::string text = description(rules[i], part_.decisions[i], part_, names_);
        if (!text.empty())
          array.values.push_back({std::move(text), i, value(rules[i], part_.decisions[i])});
      }
      unit_.items.emplace_back(std::move(array));
      return;
    }
    raw(declaration);
    Table table{named("policy_decisions"), {}};
    for (const std::uint32_t value : part_.decisions) append(table.bytes, value, 4);
    table.bytes.resize(padded_decisions() * 4, 0);
    tables_.push_back(std::move(table));
  }

  static c::ExprPtr value(const ir::Rule* rule, std::uint32_t number) {
    c::ExprPtr result = rule == nullptr ? default_deny() : decision(*rule);
    if ((number & POLICYC_DECISION_AUDITED) == 0) return result;
    return c::binary("|", std::move(result), c::name("POLICYC_DECISION_AUDITED"));
  }

  void port_tables() {
    const Element page_element = element_for(pages_);
    const Element column_element = element_for(columns_);
    raw("const volatile policyc_u8 " + named("protocol_slot") + dimension(kProtocols));
    raw("const volatile " + page_element.type + " " + named("port_page") + dimension(slots_) +
        dimension(ports_.page_of_block.front().size()));
    raw("const volatile " + column_element.type + " " + named("port_column") + dimension(pages_) +
        dimension(ports_.page_size()));
    Table page_table{named("port_page"), {}};
    Table column_table{named("port_column"), {}};
    for (const auto& blocks : ports_.page_of_block) {
      for (const std::uint16_t page : blocks) append(page_table.bytes, page, page_element.bytes);
    }
    for (const auto& page : ports_.columns) {
      for (const std::uint16_t column : page)
        append(column_table.bytes, column, column_element.bytes);
    }
    page_table.bytes.resize(slots_ * ports_.page_of_block.front().size() * page_element.bytes, 0);
    column_table.bytes.resize(pages_ * ports_.page_size() * column_element.bytes, 0);
    tables_.push_back({named("protocol_slot"), ports_.slot_of_protocol});
    tables_.push_back(std::move(page_table));
    tables_.push_back(std::move(column_table));
  }

  // Bits of the rules that name a port, strongest first.
  void port_rules() {
    const std::size_t words = part_.padded_columns();
    raw("const volatile policyc_u64 " + named("port_rules") + dimension(columns_) +
        dimension(words));
    std::vector<std::size_t> rank(part_.rules.size());
    for (std::size_t i = 0; i < rank.size(); ++i) rank[part_.matrix.strength_order()[i]] = i;
    Table table{named("port_rules"), std::vector<std::uint8_t>(columns_ * words * 8, 0)};
    for (std::size_t column = 0; column < part_.matrix.column_count(); ++column) {
      for (const std::uint32_t rule : part_.matrix.column_rules(column)) {
        std::uint8_t& byte = table.bytes[column * words * 8 + rank[rule] / 8];
        byte = static_cast<std::uint8_t>(byte | (1U << (rank[rule] % 8)));
      }
    }
    tables_.push_back(std::move(table));
  }

  // (protocol, port) -> column.
  void column_lookup() {
    add(c::Declare{"policyc_u32", "slot",
                   c::index(c::name(named("protocol_slot")), field("protocol"))});
    add(c::Declare{"policyc_u32", "page",
                   c::index(c::index(c::name(named("port_page")), masked(c::name("slot"), slots_)),
                            c::binary(">>", field("host_port"), c::number(ports_.page_bits)))});
    add(c::Declare{
        "policyc_u32", "column",
        c::index(c::index(c::name(named("port_column")), masked(c::name("page"), pages_)),
                 masked(field("host_port"), ports_.page_size()))});
  }

  void matrix_lookup(const std::string& variable, const std::string& key) {
    const std::string map = named("policy_matrix");
    add(c::Declare{
        "const struct " + map + "_value *", variable,
        c::call("policyc_map_lookup", {c::unary("&", c::name(map)), c::unary("&", c::name(key))})});
    add(c::If{c::unary("!", c::name(variable)), c::name("POLICYC_NO_DECISION")});
  }

  void answer(const std::string& number) {
    add(c::Return{
        c::index(c::name(named("policy_decisions")), masked(c::name(number), padded_decisions()))});
  }

  void table_body() {
    add(c::Declare{"policyc_u32", "row",
                   c::call("policy_row",
                           {c::unary("&", c::name(named("policy_rows"))), field("peer_class")})});
    matrix_lookup("cells", "row");
    column_lookup();
    add(c::Declare{"policyc_u32", "number",
                   c::index(c::arrow(c::name("cells"), "cell"),
                            masked(c::name("column"), part_.padded_columns()))});
    add(c::Blank{});
    answer("number");
  }

  void bitset_body() {
    add(c::Declare{"policyc_u32", "peer_class", field("peer_class")});
    matrix_lookup("peer", "peer_class");
    column_lookup();
    add(c::Declare{"policyc_u32", "number",
                   c::call("policy_strongest", {c::arrow(c::name("peer"), "cell"),
                                                c::index(c::name(named("port_rules")),
                                                         masked(c::name("column"), columns_)),
                                                c::number(part_.padded_columns())})});
    add(c::Blank{});
    answer("number");
  }

  const ir::Shape& shape_;
  const ir::DirectionShape& part_;
  std::vector<std::string> names_;
  PortTables ports_;
  c::Unit& unit_;
  std::vector<Table>& tables_;
  std::string end_;
  std::size_t slots_, pages_, columns_;
  c::Function function_;
};

}  // namespace

void emit_table(const ir::Shape& shape, std::size_t direction, c::Unit& unit,
                std::vector<Table>& tables) {
  Writer(shape, direction, unit, tables).write();
}

void add_listing(const ir::Shape& shape, std::size_t direction, c::Unit& unit) {
  const ir::DirectionShape& part = shape.directions[direction];
  if (part.decisions.size() <= kMaxInitialised) return;
  const auto names = peer_names(shape, direction);
  c::Comment comment{{"policy_decisions_" + suffix(direction)}};
  const auto rules = rules_by_number(part);
  for (std::size_t i = 1; i < rules.size(); ++i) {
    const std::string text = description(rules[i], part.decisions[i], part, names);
    if (!text.empty()) comment.lines.push_back("[" + std::to_string(i) + "] " + text);
  }
  unit.items.emplace_back(c::Blank{});
  unit.items.emplace_back(std::move(comment));
}

}  // namespace policyc::emit
