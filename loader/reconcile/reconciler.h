#pragma once
// Keeps what is wanted of a node and what is there, and makes the second the first, one change at a
// time. One thread. Times are given by the caller.
//
// A batch that fails is tried again one endpoint at a time, so that one bad endpoint holds up no
// other; what fails alone is tried again later and later. Until then it enforces what it enforced.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "loader/endpoint/load.h"
#include "loader/reconcile/node_actions.h"
#include "loader/reconcile/plan.h"
#include "loader/reconcile/schedule.h"

namespace policyc::reconcile {

enum class EndpointState : std::uint8_t {
  Waiting,       // enforces nothing that was made for it
  Ready,         // enforces what is wanted
  Regenerating,  // enforces an earlier policy
  Failed,        // the same, and the last attempt failed
  Gone,          // its interface is gone
};

struct EndpointStatus {
  EndpointState state = EndpointState::Waiting;
  std::uint16_t id = 0;  // 0: none yet
  std::uint32_t identity = 0;
  std::string shape;           // the loader's key of what runs
  std::uint64_t revision = 0;  // see Reconciler::revision_of()
  std::string error;           // of the last attempt
  std::uint32_t failures = 0;  // since the last success
  std::optional<TimePoint> next_attempt;
};

// One change that was tried, for metrics and logs.
struct Attempt {
  std::string_view kind;  // "load", "update", "peers"
  std::size_t endpoints = 0;
  Urgency urgency = Urgency::Rebuild;
  bool success = false;
  std::string error{};
  Clock::duration elapsed{};
  std::size_t written = 0;  // addresses of the IP cache
  std::size_t removed = 0;
  std::vector<std::string> starved{};
};

struct ReconcilerOptions {
  endpoint::LoadRequest node;  // what every load says of the node; no endpoint of its own
  std::size_t max_batch = 256;
  BackoffLimits backoff{};
  std::uint64_t seed = 1;
  std::function<void(const Attempt&)> on_attempt{};
};

class Reconciler {
 public:
  Reconciler(NodeActions& actions, ReconcilerOptions options);

  // Takes over what is there. Unregistered endpoints stay while their interface is there.
  [[nodiscard]] Result<void> adopt(
      const std::function<bool(std::uint32_t index)>& interface_exists);
  // Where nothing is loaded: begins to make the node, so that what exists is known to it before the
  // first endpoint comes.
  void prepare();

  // What is wanted.
  void put(WantedEndpoint endpoint);
  // It is unloaded; its status stays until it is, see is_leaving().
  void remove(const std::string& key);
  // Its interface went away: unloaded, and known as gone.
  void set_gone(const std::string& key);
  // What the compiler found out. `error`: what runs stays.
  void set_shape(const std::string& key, const std::string& shape, const policy::LabelSet& labels,
                 const std::string& error, TimePoint now);
  void set_inventory(InventoryRef inventory);
  void set_node(const endpoint::LoadRequest& node, bool audit);
  void set_revision(std::uint64_t revision) { revision_ = revision; }
  // A compiled object; an Error when it is none.
  [[nodiscard]] Result<void> add_object(const std::string& shape, std::vector<std::uint8_t> object);
  void fail_object(const std::string& shape, const std::string& error, TimePoint now);

  // Shapes without an object, urgent ones first.
  [[nodiscard]] std::vector<CompileStep> missing(TimePoint now);
  // Does the next change, if there is one. Returns when to be called again: at once while there is
  // more, nothing: not before something else is wanted.
  [[nodiscard]] std::optional<TimePoint> step(TimePoint now);

  [[nodiscard]] const WantedEndpoint* wanted(const std::string& key) const;
  [[nodiscard]] const EndpointStatus* status(const std::string& key) const;
  [[nodiscard]] const std::map<std::string, EndpointStatus>& statuses() const { return statuses_; }
  // What was wanted when the endpoint enforced all of it, last.
  [[nodiscard]] std::uint64_t revision_of(const EndpointStatus& status) const;
  // How many endpoints cannot have their policy, as far as was tried.
  [[nodiscard]] std::size_t failing() const;
  // Another one whenever endpoints came, changed or went.
  [[nodiscard]] std::uint64_t wanted_version() const { return wanted_version_; }
  // Whether something of the endpoint on that interface is still loaded.
  [[nodiscard]] bool is_loaded(const std::string& interface) const;
  [[nodiscard]] const Actual& actual() const { return actual_; }
  [[nodiscard]] const InventoryRef& inventory() const { return inventory_; }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  // The last revision that every endpoint enforced, with all peers.
  [[nodiscard]] std::uint64_t realized() const { return realized_; }
  [[nodiscard]] bool at_rest() const { return at_rest_; }
  // Of the last change of the node that was no endpoint's; empty: none.
  [[nodiscard]] const std::string& node_error() const { return node_error_; }

 private:
  struct Object {
    std::vector<std::uint8_t> bytes;
    std::string key;
  };

  [[nodiscard]] Plan plan(TimePoint now);
  void take_in(const Plan& plan);
  void touch();
  [[nodiscard]] std::optional<TimePoint> step_of_peers(TimePoint now);
  void perform(const Plan& plan, TimePoint now);
  void load(const LoadStep& step, TimePoint now);
  void update(const UpdateStep& step, TimePoint now);
  void change_peers(TimePoint now);
  void took_over(const WantedEndpoint& wanted, const endpoint::LoadReport& report);
  void fail_endpoint(const std::string& key, const std::string& error, TimePoint now);
  void fail_node(const std::string& error, TimePoint now);
  void reread();
  void prune_objects();
  [[nodiscard]] bool inventory_changed() const { return inventory_ != applied_; }
  [[nodiscard]] bool only_peers_changed() const {
    return !need_update_ && applied_ && inventory_ && same_options(*applied_, *inventory_);
  }
  [[nodiscard]] std::optional<TimePoint> next_attempt(TimePoint now) const;

  NodeActions& actions_;
  ReconcilerOptions options_;
  Backoff backoff_;
  Actual actual_;
  std::map<std::string, WantedEndpoint> wanted_;
  std::map<std::string, EndpointStatus> statuses_;
  std::set<std::string> dropped_;     // interfaces
  std::set<std::string> unresolved_;  // keys of endpoints whose policy cannot be computed
  std::map<std::string, Object> objects_;
  std::map<std::string, std::string> object_keys_;
  InventoryRef inventory_;
  InventoryRef applied_;
  bool node_changed_ = false;
  bool need_update_ = false;  // peers alone do not do: a shape has no room
  std::uint32_t node_failures_ = 0;
  std::optional<TimePoint> node_retry_;
  std::string node_error_;
  std::uint64_t revision_ = 0;
  std::uint64_t realized_ = 0;
  bool at_rest_ = true;
  std::uint64_t wanted_version_ = 1;
  // Every endpoint runs what it should, and nothing but peers can ask for a change of the node:
  // what a plan would find, at the cost of looking at all of them. touch() ends it.
  bool steady_ = false;
};

}  // namespace policyc::reconcile
