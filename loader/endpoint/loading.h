#pragma once
// A load while it is under way: load.h's functions without their checks.

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/shape.h"
#include "compiler/policy/address_book.h"
#include "compiler/support/result.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/node.h"
#include "loader/endpoint/undo.h"

namespace policyc::endpoint {

// What some of the endpoints will run; each distinct object once.
struct ComingObject {
  std::span<const std::uint8_t> bytes;
  ir::Shape shape;
  std::uint32_t max_classes = 0;  // the most that a request asks for
  std::size_t user = 0;           // the first request for it
  std::string key;                // the generation that has room
  std::uint32_t slot = 0;
  bool loaded = false;
};

// One of the endpoints.
struct ComingEndpoint {
  const LoadRequest* request = nullptr;
  std::size_t object = 0;
  std::uint32_t interface_index = 0;
};

// Loads several endpoints in one change; the steps are in order of their names in run().
class Loading {
 public:
  // `endpoints` in the order of the requests, of which the first speaks for the node.
  Loading(Node& node, std::vector<ComingObject> objects, std::span<const ComingEndpoint> endpoints);

  [[nodiscard]] Result<std::vector<LoadReport>> run();

 private:
  struct Place : ComingEndpoint {
    EndpointRecord record;
    std::optional<EndpointRecord> replaced;
    LoadReport report;
  };

  [[nodiscard]] Result<void> prepare();
  void find_old_records();
  [[nodiscard]] Result<void> make_records();
  [[nodiscard]] Result<void> find_identities(const policy::AddressBook& book);
  [[nodiscard]] Result<void> join_state();
  [[nodiscard]] Result<policy::AddressBook> label(const Inventory& inventory, const State& state,
                                                  std::span<const ir::Shape* const> coming) const;
  [[nodiscard]] Result<void> load_shapes();
  [[nodiscard]] Result<void> load_shape(std::size_t number);
  void take_back();
  [[nodiscard]] Result<void> fill_maps();
  [[nodiscard]] Result<void> take_over(const Applied& change);
  [[nodiscard]] Result<void> set_node_flags();
  [[nodiscard]] Result<void> register_endpoints();
  [[nodiscard]] Result<void> register_endpoint(Place& place);
  [[nodiscard]] Result<void> attach_programs();
  [[nodiscard]] Result<void> attach_side(Place& place, attach::Side side, std::uint32_t program_id);
  [[nodiscard]] Result<void> detach_old_kind(Place& place);
  // The error with the interface's name before it, unless there is only one.
  [[nodiscard]] std::unexpected<Error> name(const Place& place, const Error& error) const;

  [[nodiscard]] const Paths& paths() const { return node_.paths(); }
  [[nodiscard]] const LoadRequest& first() const { return *places_.front().request; }

  Node& node_;
  std::vector<ComingObject> objects_;
  std::vector<Place> places_;
  std::set<std::uint32_t> indices_;  // of their interfaces
  State next_;                       // the endpoints come last, in order
  State before_;
  Inventory inventory_;
  Inventory old_inventory_;
  Undo undo_;
};

}  // namespace policyc::endpoint
