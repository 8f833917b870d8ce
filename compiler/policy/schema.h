#pragma once
// Schemas as data: what the API server's OpenAPI schema of Cilium 1.19.4 (and Kubernetes' own
// types) says about a document's shape. schema_table.cpp and schema_kubernetes.cpp hold the data,
// schema_check.cpp the engine.

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string_view>

#include "compiler/diag/diag.h"
#include "compiler/manifest/document.h"

namespace re2 {
class RE2;
}

namespace policyc::policy::schema {

enum class Kind : std::uint8_t {
  Any,
  String,
  Integer,
  Boolean,
  IntOrString,
  Object,  // `fields`
  Map,     // free keys, values of `items`
  List,    // elements of `items`
};

enum class Format : std::uint8_t { None, Cidr };

struct Type;

struct Field {
  std::string_view name;
  const Type* type = nullptr;
  bool required = false;
};

struct Type {
  Kind kind = Kind::Any;
  std::span<const Field> fields = {};
  const Type* items = nullptr;
  std::span<const std::string_view> values = {};  // enumeration
  std::string_view pattern = {};                  // RE2, searched for
  std::string_view pattern_in_words = {};
  Format format = Format::None;
  std::int64_t minimum = std::numeric_limits<std::int64_t>::min();
  std::int64_t maximum = std::numeric_limits<std::int64_t>::max();
  std::size_t min_length = 0;
  std::size_t max_length = std::numeric_limits<std::size_t>::max();  // Unicode code points
  std::size_t min_items = 0;
  std::size_t max_items = std::numeric_limits<std::size_t>::max();
  bool unique_items = false;
  std::span<const std::string_view> exactly_one = {};   // of these fields must be present
  std::span<const std::string_view> at_least_one = {};  // of these fields must be present
  bool string_in_files = false;  // the agent also takes a string, which the API server refuses
  std::string_view removed_in_favour_of = {};  // a feature that is gone: why a list must be empty
};

// The roots. Each includes apiVersion, kind and metadata.
[[nodiscard]] const Type&
cilium_policy();                         // CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy
[[nodiscard]] const Type& cidr_group();  // CiliumCIDRGroup
[[nodiscard]] const Type&
kubernetes_policy();  // NetworkPolicy: field types only, its rules are in schema_kubernetes.cpp
[[nodiscard]] const Type& metadata();

struct CheckOptions {
  bool constraints = true;  // patterns, enumerations, limits, required fields
  bool null_items_are_errors =
      true;  // as for custom resources; Kubernetes' own types read null as empty
  bool unknown_fields_are_errors = true;  // else warnings: the API server prunes them
  diag::RefusedBy refused_by = diag::RefusedBy::ApiServer;
};

struct Checked {
  bool well_typed = true;  // every value has the JSON type of its field: the document can be read
  bool valid = true;       // and nothing else is wrong with it
};

// The compiled patterns of the schemas, kept from one document to the next. Not thread-safe.
class PatternCache {
 public:
  PatternCache();
  ~PatternCache();
  PatternCache(const PatternCache&) = delete;
  PatternCache& operator=(const PatternCache&) = delete;
  const re2::RE2& get(std::string_view pattern);

 private:
  std::map<std::string_view, std::unique_ptr<re2::RE2>> compiled_;
};

// Walks the whole tree and reports everything that is wrong.
[[nodiscard]] Checked check(const manifest::Node& root, const Type& type,
                            const CheckOptions& options, PatternCache& patterns,
                            diag::Engine& diagnostics);

}  // namespace policyc::policy::schema
