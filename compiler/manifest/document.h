#pragma once
// Kubernetes documents as located trees. This folder is the only one that knows YAML. yaml-cpp
// reads it, but for what is plain (docs/decisions/0011-plain-readers.md).
//
// A document means what kubectl (sigs.k8s.io/yaml over go-yaml v2) would send for it, and what
// kubectl refuses is refused. Where readers of YAML disagree, or kubectl drops something without a
// word, the document is refused too:
// - files are cut at lines that start with `---`; after it only a comment may follow; directives
// are refused;
// - keys become strings (`on:` is the key "true", with a warning); null, sequences and mappings are
// no keys; a key is
//   given once, also when two are equal only after this (`1` and `"1"`);
// - aliases are expanded; `<<` merges, but must stand before the keys that override it: after them
// kubectl lets the
//   merged one win, against the YAML specification;
// - the tags are !!str, !!int, !!float, !!bool, !!null, !!map and !!seq; .inf and .nan have no JSON
// form;
// - a file (or document) that starts with `{` may hold several JSON objects one after the other;
// - UTF-8 only, without control characters and without the line separators that only some readers
// know.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/source/source.h"

namespace policyc::manifest {

enum class NodeKind : std::uint8_t { Scalar, Sequence, Mapping };

// What a scalar is once converted to JSON, as kubectl does before it sends a document (YAML 1.1
// core rules of sigs.k8s.io/yaml): a quoted scalar is always String. Int fits int64; `80.0` and
// `1e3` are Int, as JSON has them.
enum class ScalarType : std::uint8_t { Null, Bool, Int, Float, String };

struct Member;

struct Node {
  NodeKind kind = NodeKind::Scalar;
  ScalarType type = ScalarType::Null;
  std::string
      text;  // scalars: the value; for Bool "true" or "false", for Int and Float the JSON number
  std::vector<Node> items;      // sequences
  std::vector<Member> members;  // mappings, in document order, keys unique
  // A scalar from its first to its last character, quotes included; `{...}` and `[...]` as a whole;
  // other collections by their first key or dash; an absent value by the point where it would
  // stand; an alias where it is written.
  source::NodeId id;

  [[nodiscard]] bool is_null() const {
    return kind == NodeKind::Scalar && type == ScalarType::Null;
  }
  [[nodiscard]] bool is_string() const {
    return kind == NodeKind::Scalar && type == ScalarType::String;
  }
  [[nodiscard]] bool is_mapping() const { return kind == NodeKind::Mapping; }
  [[nodiscard]] bool is_sequence() const { return kind == NodeKind::Sequence; }
  // The value of a member, or nullptr.
  [[nodiscard]] const Node* find(std::string_view key) const;
  [[nodiscard]] const Member* find_member(std::string_view key) const;
};

struct Member {
  std::string key;
  source::NodeId key_id;
  Node value;
};

// "mapping", "sequence", "string", "integer", "boolean", "number" or "null": for messages.
[[nodiscard]] std::string_view type_name(const Node& node);

struct Document {
  source::FileId file;
  Node root;  // a mapping
  source::Located<std::string> api_version;
  source::Located<std::string> kind;
  source::Located<std::string> name;        // metadata.name; empty when absent
  source::Located<std::string> namespace_;  // metadata.namespace; empty when absent
};

struct Limits {
  std::size_t max_file_bytes = 64U << 20U;
  std::size_t max_depth = 64;
  std::size_t max_nodes = 4'000'000;
  std::size_t max_alias_nodes =
      100'000;  // nodes that aliases may add in one document; 256 bytes of text are one more
  std::size_t max_scalar_bytes = 1U << 20U;
  // Without places ids of nodes are of nothing in the source map: for whoever reads the text again
  // when there is something to say of one.
  bool places = true;
  // Otherwise yaml-cpp reads all of it: to compare with.
  bool plain_readers = true;
};

// Every document of a file: several documents, `kind: List` (its items become documents), YAML or
// JSON. Documents that are empty are skipped. A document that is broken is reported and left out;
// the others of the file are returned. Items of a typed list (PodList) without apiVersion and kind
// take them from the list, as members of `root` too. Never throws; never follows a tag or reads
// anything but the text given.
[[nodiscard]] std::vector<Document> read_documents(source::SourceMap& sources, source::FileId file,
                                                   diag::Engine& diagnostics,
                                                   const Limits& limits = {});

using TakeDocument = std::function<void(Document)>;

// As read_documents(); each document is given to `take` once it is read, before the next one is,
// so that what a file says can be had without the trees of all of it. `take` throws nothing but
// std::bad_alloc.
void visit_documents(source::SourceMap& sources, source::FileId file, diag::Engine& diagnostics,
                     const Limits& limits, const TakeDocument& take);

struct ReadManyOptions {
  unsigned workers = 1;  // threads, this one included
  // Bytes that were read, of how many; from any of the threads.
  std::function<void(std::size_t done, std::size_t total)> progress;
};

// The documents of each of `files`, in their order: the same as read_documents() one after the
// other gives, up to the numbers of nodes, and in the same order in `diagnostics`. Once these are
// exhausted what follows is left out.
[[nodiscard]] std::vector<std::vector<Document>> read_many(source::SourceMap& sources,
                                                           std::span<const source::FileId> files,
                                                           diag::Engine& diagnostics,
                                                           const ReadManyOptions& options = {});

// As read_documents() for a file that is no Kubernetes document, such as a configuration: what
// stands in it, document by document, whatever it says of itself; empty ones are left out.
[[nodiscard]] std::vector<Node> read_trees(source::SourceMap& sources, source::FileId file,
                                           diag::Engine& diagnostics, const Limits& limits = {});

}  // namespace policyc::manifest
