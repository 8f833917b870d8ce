#pragma once
// From yaml-cpp's events to our tree, with everything checked that yaml-cpp lets through: exact
// ranges, duplicate and complex keys, tags, aliases under a budget, depth, size.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include "compiler/diag/diag.h"
#include "compiler/manifest/document.h"
#include "compiler/manifest/positions.h"
#include "compiler/manifest/read_context.h"
#include "compiler/manifest/scalar.h"
#include "compiler/manifest/source_scan.h"

namespace policyc::manifest {

class TreeBuilder final : public YAML::EventHandler {
 public:
  // Reads the document(s) in `part` of the file. `is_json`: several flow mappings may follow each
  // other.
  TreeBuilder(ReadContext& context, std::string_view text, const Extent& part, bool is_json);

  // The tree of the document that was read last; nothing when there was none or an error was
  // reported in it.
  [[nodiscard]] std::optional<Node> take_root();
  // To be called after the last document: everything that is left in the part must be blank.
  void check_rest();

  // Reports an error of yaml-cpp at its place.
  void report_syntax_error(const YAML::Mark& mark, const std::string& message, bool too_deep);

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override;
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override;
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override;

 private:
  // What a finished subtree counts for; text counts, so that an alias to a long string is not free.
  struct Weight {
    std::size_t nodes = 0;
    std::size_t height = 0;
  };
  // A scalar as the source has it.
  struct ScalarText {
    Extent extent;
    std::string value;
    bool plain = false;
  };
  struct Key {
    std::string text;
    source::NodeId id;
    Extent extent;
    bool pending = false;
  };
  struct Frame {
    Node node;
    Extent range;     // the opening bracket, `-`, or the first key
    int indent = -1;  // of a block collection
    bool flow = false;
    bool has_bracket = false;
    Key key;
    Weight weight;
    YAML::anchor_t anchor = 0;
  };
  struct Anchor {
    bool defined = false;
    bool open = false;           // its node is not finished: an alias to it would contain itself
    std::optional<Node> scalar;  // a scalar is kept itself,
    std::vector<std::uint32_t>
        path;  // a collection by its place in the tree: child numbers from the root
    Weight weight;
  };

  [[nodiscard]] std::size_t offset_of(const YAML::Mark& mark) const;
  void check_gap(std::size_t to);
  void check_place(const YAML::Mark& mark, bool is_block_sequence);
  void check_name(const Extent& extent);
  [[noreturn]] void stop_at_tab(std::size_t offset);
  [[noreturn]] void stop_unclear(const Extent& extent);
  void check_flow_colon(const Extent& extent);
  void count_nodes(std::size_t nodes, const Extent& extent);
  [[nodiscard]] bool in_key_slot() const;

  void start_collection(NodeKind kind, const YAML::Mark& mark, const std::string& tag,
                        YAML::anchor_t anchor, YAML::EmitterStyle::value style);
  void end_collection();
  void close_flow(Frame& frame);
  void attach(Node node, const Weight& weight);
  void set_key(std::string text, const Extent& extent, source::NodeId id);
  void add_key(const Scalar& scalar, const std::string& written, const Extent& extent, bool plain);
  void add_absent_null(const YAML::Mark& mark, YAML::anchor_t anchor);
  ScalarText scalar_text(const SourceScan::Properties& properties, std::size_t offset,
                         const std::string& value);
  CoreTag core_tag(const std::string& tag, const SourceScan::Properties& properties);
  void check_collection_tag(NodeKind kind, const std::string& tag,
                            const SourceScan::Properties& properties);
  std::size_t absent_value_offset();

  Anchor& anchor_at(YAML::anchor_t anchor);
  [[nodiscard]] std::vector<std::uint32_t> current_path() const;
  [[nodiscard]] const Node* node_at(const std::vector<std::uint32_t>& path) const;
  void define_scalar_anchor(YAML::anchor_t anchor, const Node& scalar, const Weight& weight);
  [[noreturn]] void stop(diag::Id id, const Extent& extent, std::string message,
                         std::string help = {});
  diag::Diagnostic& error(diag::Id id, const Extent& extent, std::string message);

  ReadContext& context_;
  SourceScan scan_;
  std::size_t base_;  // where the part starts: offset 0 for yaml-cpp
  bool is_json_;
  std::size_t document_count_ = 0;
  std::size_t last_end_;  // everything before is accounted for
  bool failed_ = false;
  std::optional<Node> root_;
  std::vector<Frame> frames_;
  std::vector<Anchor> anchors_;
  std::size_t alias_nodes_ = 0;
  std::unordered_set<source::NodeId> merge_keys_;  // the keys `<<` that are not quoted
};

}  // namespace policyc::manifest
