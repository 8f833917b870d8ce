#include "compiler/driver/endpoint_shape.h"

#include <algorithm>
#include <set>

#include "compiler/ir/conflicts.h"
#include "compiler/ir/form.h"

namespace policyc::driver {
namespace {

// Whether the peers that exist need more rows in one direction than a table can number.
bool too_many_rows(const ir::Shape& shape, const PeerRows& rows) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    if (!may_exceed(shape.directions[direction], rows.max)) continue;
    const std::vector<policy::LabelSet>& peers = rows.peers();
    if (peers.size() <= rows.max) return false;
    std::set<std::vector<std::uint8_t>> seen;
    for (const policy::LabelSet& peer : peers) {
      seen.insert(shape.row(direction, shape.truth(direction, peer)));
      if (seen.size() > rows.max) return true;
    }
  }
  return false;
}

// Such a table is loaded: what has no row is denied, and the loader says whom that concerns.
void warn_of_rows(const std::string& subject, std::size_t max_rows, diag::Engine& diagnostics) {
  diagnostics
      .report(diag::Id::TooManyRows, {},
              "the policies of " + diag::quoted(subject) + " tell more than " +
                  std::to_string(max_rows) + " kinds of peers apart: those beyond are denied")
      .help = "up to " + std::to_string(ir::kMaxBitsetRules) +
              " rules for each direction fit into a bit set, which has no such limit";
}

}  // namespace

std::string subject_key(const ir::Subject& subject) {
  std::string key = subject.namespace_ + "\n" + std::to_string(static_cast<int>(subject.kind)) +
                    "\n" + subject.labels->to_string();
  for (const policy::NamedPort& port : *subject.ports)
    key += "\n" + port.protocol + " " + std::to_string(port.port) + " " + port.name;
  return key;
}

bool may_exceed(const ir::DirectionShape& direction, std::size_t max) {
  constexpr std::size_t kMaxBits = 62;
  const std::size_t bits = std::min(direction.predicates.size(), kMaxBits);
  return direction.form == ir::Form::Table && std::uint64_t{1} << bits > max;
}

ir::Shape fitting_shape(ir::EndpointPolicy& policy, const PeerRows& rows, const std::string& user,
                        diag::Engine& diagnostics) {
  ir::Shape shape = ir::make_shape(policy);
  if (!too_many_rows(shape, rows)) return shape;
  ir::prefer_form(policy, ir::Form::Bitset);
  shape = ir::make_shape(policy);
  if (too_many_rows(shape, rows)) warn_of_rows(user, rows.max, diagnostics);
  return shape;
}

bool emittable(const ir::Shape& shape) {
  return shape.directions[0].emittable() && shape.directions[1].emittable();
}

void report_large(const std::string& user, diag::Engine& diagnostics) {
  if (ir::already_reported(diagnostics, diag::Id::TooManyPortClasses, {})) return;
  diagnostics
      .report(diag::Id::TooManyPortClasses, {},
              "the policies of " + diag::quoted(user) +
                  " have too many rules for too many different ports")
      .help =
      "at most " + std::to_string(matrix::kMaxColumns) + " port classes fit into one program";
}

}  // namespace policyc::driver
