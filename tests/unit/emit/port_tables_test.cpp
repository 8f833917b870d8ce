#include <bit>

#include <gtest/gtest.h>

#include "compiler/emit/emit.h"
#include "compiler/emit/table.h"
#include "tests/unit/ir/sample.h"
#include "tests/unit/matrix/random_rules.h"

namespace policyc::emit {
namespace {

using ir::testing::kTcp;
using ir::testing::kUdp;

constexpr std::uint8_t kProtocols[] = {0, 1, 6, 17, 58, 132, 255};

std::uint32_t looked_up(const PortTables& tables, std::uint8_t protocol, std::uint16_t port) {
  const std::uint8_t slot = tables.slot_of_protocol.at(protocol);
  return tables.columns.at(tables.page_of_block.at(slot).at(port >> tables.page_bits))
      .at(port & (tables.page_size() - 1));
}

TEST(PortTables, EqualTheMatrixForEveryPortOfEveryProtocol) {
  for (const std::uint32_t seed : {1U, 2U, 3U}) {
    matrix::testing::RandomRules random(seed);
    const matrix::VerdictMatrix matrix(random.rules(12, 3), 0);
    const PortTables tables = make_port_tables(matrix);
    ASSERT_EQ(tables.slot_of_protocol.size(), 256U);
    for (unsigned protocol = 0; protocol < 256; ++protocol) {
      const auto number = static_cast<std::uint8_t>(protocol);
      // Protocols without rules share a slot: all ports of one, and the ends of the others.
      const bool own = tables.slot_of_protocol[protocol] != 0 || protocol == 0;
      for (unsigned port = 0; port < 65536; port += own ? 1 : 257) {
        ASSERT_EQ(looked_up(tables, number, static_cast<std::uint16_t>(port)),
                  matrix.column_of(number, static_cast<std::uint16_t>(port)))
            << "seed " << seed << " protocol " << protocol << " port " << port;
      }
    }
  }
}

TEST(PortTables, EqualPagesAreStoredOnce) {
  const matrix::VerdictMatrix matrix({{1, 1, true, {}, {{kTcp, 80, 80}, {kUdp, 80, 80}}}}, 0);
  const PortTables tables = make_port_tables(matrix);
  EXPECT_EQ(tables.columns.size(), 2U);
  EXPECT_EQ(tables.page_of_block.size(), 3U);
}

TEST(PortTables, TakeThePageSizeWithTheFewestBytes) {
  const auto with_ports = [](std::uint16_t count, std::uint16_t step) {
    std::vector<matrix::MatrixRule> rules;
    for (std::uint16_t i = 0; i < count; ++i) {
      const auto port = static_cast<std::uint16_t>(i * step);
      rules.push_back({i + 1U, 1, true, {}, {{kTcp, port, port}}});
    }
    return make_port_tables(matrix::VerdictMatrix(rules, 0));
  };
  const PortTables dense = with_ports(200, 1);
  const PortTables scattered = with_ports(200, 300);
  EXPECT_GT(dense.page_bits, scattered.page_bits);
  EXPECT_LT(dense.bytes(), 2048U);
  EXPECT_LT(scattered.bytes(), 16384U);
}

// The bytes written into the object, read as the emitted C reads them.
class EmittedTables {
 public:
  EmittedTables(const Emitted& emitted, const std::string& end, unsigned page_bits)
      : page_bits_(page_bits) {
    for (const Table& table : emitted.tables) {
      if (table.variable == "protocol_slot_" + end) slots_ = table.bytes;
      if (table.variable == "port_page_" + end) pages_ = table.bytes;
      if (table.variable == "port_column_" + end) columns_ = table.bytes;
    }
    page_bytes_ = width_of(emitted.text, "port_page_" + end);
    column_bytes_ = width_of(emitted.text, "port_column_" + end);
  }
  std::uint32_t column(std::uint8_t protocol, std::uint16_t port) const {
    const std::size_t page =
        element(pages_, page_bytes_,
                slots_.at(protocol) * (std::size_t{65536} >> page_bits_) + (port >> page_bits_));
    return element(columns_, column_bytes_,
                   (page << page_bits_) + (port & ((1U << page_bits_) - 1)));
  }
  bool sizes_are_powers_of_two() const {
    return std::has_single_bit(pages_.size()) && std::has_single_bit(columns_.size()) &&
           slots_.size() == 256;
  }
  std::size_t column_bytes() const { return column_bytes_; }

 private:
  static std::size_t width_of(const std::string& text, const std::string& name) {
    if (text.find("const volatile policyc_u8 " + name + "[") != std::string::npos) return 1;
    EXPECT_NE(text.find("const volatile policyc_u16 " + name + "["), std::string::npos);
    return 2;
  }
  static std::uint32_t element(const std::vector<std::uint8_t>& bytes, std::size_t width,
                               std::size_t index) {
    std::uint32_t value = bytes.at(index * width);
    if (width == 2) value |= static_cast<std::uint32_t>(bytes.at(index * width + 1)) << 8U;
    return value;
  }

  unsigned page_bits_;
  std::vector<std::uint8_t> slots_, pages_, columns_;
  std::size_t page_bytes_ = 0;
  std::size_t column_bytes_ = 0;
};

ir::Shape shape_of_ports(std::uint32_t rules) {
  ir::EndpointPolicy policy;
  policy.subject = "s";
  policy.predicates = {ir::testing::label("app", "a"), ir::testing::label("app", "b")};
  policy.directions[1].enforced = true;
  for (std::uint32_t i = 0; i < rules; ++i) {
    ir::Rule rule;
    rule.id = i + 1;
    rule.peers = {i % 2};
    const auto port = static_cast<std::uint16_t>(i * 97 + 1);
    rule.ports = {{i % 3 == 0 ? kUdp : kTcp, port, static_cast<std::uint16_t>(port + i % 5)}};
    policy.directions[1].rules.push_back(rule);
  }
  return ir::make_shape(policy);
}

TEST(EmittedTables, HoldTheColumnOfEveryPort) {
  for (const std::uint32_t rules : {6U, 200U, 600U}) {
    const ir::Shape shape = shape_of_ports(rules);
    ASSERT_EQ(shape.directions[1].form, ir::Form::Table);
    const EmittedTables tables(emit(shape), "out",
                               make_port_tables(shape.directions[1].matrix).page_bits);
    EXPECT_TRUE(tables.sizes_are_powers_of_two());
    EXPECT_EQ(tables.column_bytes(), rules < 256 ? 1U : 2U);
    for (const std::uint8_t protocol : kProtocols) {
      for (unsigned port = 0; port < 65536; ++port) {
        ASSERT_EQ(tables.column(protocol, static_cast<std::uint16_t>(port)),
                  shape.directions[1].matrix.column_of(protocol, static_cast<std::uint16_t>(port)))
            << rules << " rules, protocol " << int{protocol} << " port " << port;
      }
    }
  }
}

}  // namespace
}  // namespace policyc::emit
