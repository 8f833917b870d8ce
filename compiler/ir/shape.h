#pragma once
// A shape: everything about an endpoint's policy that does not depend on who exists in the cluster.
// Endpoints with equal shapes share one object and one loaded program. The object carries its shape
// (compiler/driver/object_meta.h); the loader reads it to bind predicates to peer classes and to
// name rules in events.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/direction_matrix.h"
#include "compiler/ir/ir.h"
#include "compiler/matrix/matrix.h"
#include "compiler/policy/labels.h"
#include "compiler/policy/predicate.h"
#include "compiler/support/result.h"

namespace policyc::ir {

// A row number has 16 bits. A shape with more rows needs Form::Bitset.
inline constexpr std::uint32_t kMaxRows = 0xffff;

struct DirectionShape {
  Form form = Form::Constant;
  bool enforced = false;
  bool default_deny = false;
  std::vector<std::uint32_t>
      predicates;           // indices into Shape::predicates that this direction asks, in bit order
  std::vector<Rule> rules;  // their PredicateIds index Shape::predicates
  std::vector<Origin> default_deny_origins;  // the policies that put the endpoint into default deny
  matrix::VerdictMatrix matrix;              // over `predicates` by position
  // What the program can answer, POLICYC_DECISION. Number 0 is default deny without a rule. Of
  // Form::Bitset number n + 1 is that of the n-th strongest rule.
  std::vector<std::uint32_t> decisions;

  [[nodiscard]] bool uses_rows() const { return form == Form::Compares || form == Form::Table; }
  [[nodiscard]] bool uses_matrix() const { return form == Form::Table || form == Form::Bitset; }
  // Bytes of one element of the matrix map.
  [[nodiscard]] std::size_t row_bytes() const;
  // Bytes of one cell: 1 or 2 for the number of a decision, 8 for the bits of 64 rules.
  [[nodiscard]] std::size_t cell_bytes() const;
  // Cells of one element: the column count rounded up to a power of two, or the words of a bit set.
  [[nodiscard]] std::size_t padded_columns() const;
  // False when there are more port classes or decisions than a program can number.
  [[nodiscard]] bool emittable() const;
};

// What a shape says, as compact JSON: the two documents that an object carries
// (driver/object_meta.h).
struct Documents {
  std::string predicates;
  std::string rules;  // the subject and both directions
};

struct Shape {
  std::uint32_t abi_version = 0;
  std::string subject;  // for people: the selector or the endpoint class
  std::vector<policy::Predicate> predicates;
  std::array<DirectionShape, 2> directions;  // [policyc_direction]: 0 ingress, 1 egress
  Documents documents;                       // written once, for the hash and for the object
  std::string hash;  // SHA-256 of the ABI version (32 bits, little endian) and both documents

  [[nodiscard]] std::uint32_t tag() const;  // first four bytes of the hash as a number; never 0
  [[nodiscard]] const Rule* find_rule(std::size_t direction, std::uint32_t rule_id) const;
  // Truth of the predicates that a direction asks, in its order.
  [[nodiscard]] matrix::PredicateTruth truth(std::size_t direction,
                                             const policy::LabelSet& peer) const;
  // The row value of Form::Compares.
  [[nodiscard]] std::uint16_t bit_row(std::size_t direction,
                                      const matrix::PredicateTruth& truth) const;
  // The matrix map's element for a peer, row_bytes() long, little endian. Of a table: the number of
  // a decision for each column. Of a bit set: the rules that name the peer, strongest first.
  [[nodiscard]] std::vector<std::uint8_t> row(std::size_t direction,
                                              const matrix::PredicateTruth& truth) const;
  // The decision in user space: what the compiled program must return (POLICYC_DECISION).
  [[nodiscard]] std::uint32_t decide(std::size_t direction, const policy::LabelSet& peer,
                                     std::uint8_t protocol, std::uint16_t port) const;
};

// Takes forms and matrices from IR of Stage::Formed; from IR of Stage::Ranked that fits() it makes
// the same ones. Writes the documents and computes the hash.
[[nodiscard]] Shape make_shape(const EndpointPolicy& policy);

// The documents of everything else that the shape holds.
[[nodiscard]] Documents write_documents(const Shape& shape);
// Version, documents and hash as one JSON object.
[[nodiscard]] std::string to_json(const Shape& shape);
// Both take exactly what was written here: anything else, down to white space, is an Error.
[[nodiscard]] Result<Shape> shape_from_json(std::string_view json);
[[nodiscard]] Result<Shape> shape_from(std::uint32_t version, const std::string& hash,
                                       const Documents& documents);

}  // namespace policyc::ir
