#pragma once
// The agent: source events to the compiler, its answers to the reconciler, and what the API asks.
// Everything runs on the event loop's thread; nothing here waits for longer than a change of the
// node takes.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/agent/compiler.h"
#include "loader/agent/config.h"
#include "loader/agent/delays.h"
#include "loader/agent/endpoints.h"
#include "loader/agent/loop.h"
#include "loader/agent/metrics.h"
#include "loader/agent/node_services.h"
#include "loader/agent/source_files.h"
#include "loader/reconcile/reconciler.h"
#include "loader/reconcile/schedule.h"
#include "loader/source/source.h"

namespace policyc::agent {

// A part and whether it does its work, as in the API.
struct Component {
  std::string name;
  bool healthy = true;
  std::string message;
  std::int64_t since = 0;  // nanoseconds since 1970
};

struct Parts {
  Loop* loop = nullptr;
  Metrics* metrics = nullptr;
  std::unique_ptr<watch::Source> source;
  CompilerFactory compiler;
  std::unique_ptr<reconcile::NodeActions> node;
  std::unique_ptr<NodeServices> services;  // nothing: services are not this agent's
  // On a node that was taken over: gives devices and sockets their programs, which read what
  // endpoints and services have written; until then those of before run on. Nothing: they have
  // them.
  std::function<Result<void>()> attach{};
  std::function<std::uint32_t(const std::string& name)> interface_index;
  std::function<void(const std::string&)> log;
  // Told after each step that is kept on disk or in the kernel: for tests that end the process.
  endpoint::Progress progress{};
};

class Agent {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Agent>> start(Parts parts, Config config);
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  ~Agent();

  // What is not on disk yet goes there. What is loaded stays.
  void stop();
  // The configuration of now; an Error leaves everything as it was.
  [[nodiscard]] Result<void> reload(Config config);

  // The API. Deadlines are the caller's, bounded by the configuration's.
  void add_endpoint(reconcile::Registration registration, TimePoint deadline, Reply reply);
  void remove_endpoint(const std::string& key, TimePoint deadline,
                       std::function<void(bool existed, const std::optional<ApiError>&)> reply);
  [[nodiscard]] std::optional<ApiError> check_endpoint(const std::string& key) const;
  [[nodiscard]] Endpoints& endpoints() { return *endpoints_; }
  [[nodiscard]] const Endpoints& endpoints() const { return *endpoints_; }
  void check_interfaces();
  // By the index of their interface, as LinkNews tells it; without `queues`: all endpoints.
  void check_queues(const std::map<std::uint32_t, bool>* queues = nullptr);

  // What it is doing.
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const reconcile::Reconciler& reconciler() const { return *reconciler_; }
  [[nodiscard]] const SourceFiles& files() const { return *files_; }
  [[nodiscard]] const Compiler& compiler() const { return *compiler_; }
  [[nodiscard]] const std::vector<worker::PolicyInfo>& policies() const { return policies_; }
  [[nodiscard]] const std::vector<std::string>& policies_of(const std::string& key) const;
  [[nodiscard]] const std::string& diagnostics() const { return diagnostics_; }
  [[nodiscard]] std::vector<Component> components() const;
  [[nodiscard]] bool healthy() const;
  // The source has told all it has, and that was resolved once.
  [[nodiscard]] bool synced() const { return resolved_once_ && files_->synced(); }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  [[nodiscard]] std::size_t service_count() const { return services_.size(); }
  // Sets or clears what is wrong with a part.
  void report(const std::string& component, bool healthy, std::string message);

 private:
  Agent(Parts parts, Config config);
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<void> begin_compiler();
  [[nodiscard]] reconcile::ReconcilerOptions reconciler_options();
  [[nodiscard]] endpoint::LoadRequest node_request() const;

  void stop_timer(std::optional<Loop::Timer>& timer);
  // agent_source.cpp
  void source_readable();
  void rest();
  void rest_over();
  void end_rest();
  void listen_to_compiler();
  void read_source();
  void source_failed(const std::string& error);
  void report_files();
  void source_changed();
  void await_quiet();
  void ask_for_pods();
  void swarm_over(bool pods_alone);
  // agent_answers.cpp
  void read_compiler();
  void take(worker::FileResult& result);
  void take(worker::Resolved& resolved);
  void take(worker::Compiled& compiled);
  void take(worker::Failed& failed);
  void take(worker::Lost& lost);
  void take_subjects(worker::Resolved& resolved, TimePoint now);
  void take_services(worker::Resolved& resolved, std::optional<TimePoint> since);
  void resolve_soon(Clock::duration delay = {});
  void resolve();
  // agent_work.cpp
  void work_soon();
  void work_at(TimePoint time);
  void work();
  void compile_missing(TimePoint now);
  void apply_services(TimePoint now);
  void attach_programs(TimePoint now);
  void settle_soon();
  void attempted(const reconcile::Attempt& attempt);
  // agent_measures.cpp
  void measure_services();
  void measure_attempt(const reconcile::Attempt& attempt);
  void measure_in_force();
  void measure_restored();

  Parts parts_;
  Loop& loop_;
  Config config_;
  std::unique_ptr<Compiler> compiler_;
  std::unique_ptr<SourceFiles> files_;
  std::unique_ptr<reconcile::Reconciler> reconciler_;
  std::unique_ptr<Endpoints> endpoints_;
  std::map<std::string, Component> components_;

  reconcile::Debounce source_changes_;
  reconcile::Backoff backoff_;
  std::optional<Loop::Timer> source_timer_;
  bool more_waits_ = false;  // the source has more than was read
  std::optional<Loop::Timer> rest_timer_;
  std::chrono::milliseconds rest_{};
  bool compiler_waits_ = false;  // its answers, for the end of the rest
  bool swarm_asked_ = false;  // the resolution under way is of all of the swarm, if it is of pods
  std::uint32_t source_failures_ = 0;

  std::uint64_t revision_ = 0;            // of the source, counted by swarms of changes
  std::uint64_t resolving_ = 0;           // request under way
  std::uint64_t resolving_revision_ = 0;  // what it is of
  bool resolve_again_ = false;
  bool resolve_everything_ = true;
  bool resolved_once_ = false;
  std::uint32_t resolve_failures_ = 0;
  std::optional<Loop::Timer> resolve_timer_;
  std::map<std::uint64_t, std::string> compiling_;  // requests under way: shapes
  std::vector<worker::PolicyInfo> policies_;
  std::map<std::string, std::vector<std::string>> policies_of_;
  std::string diagnostics_;

  std::map<std::string, service::DesiredService> services_;
  std::set<std::string> changed_services_;  // also those that went
  bool all_services_ = true;  // not only those: everything that is loaded is looked at
  std::uint32_t service_failures_ = 0;
  std::optional<TimePoint> service_retry_;
  std::uint32_t attach_failures_ = 0;
  std::optional<TimePoint> attach_retry_;

  enum class ServiceEvent : std::uint8_t { Added, Updated, Deleted };
  Delays delays_;
  std::optional<TimePoint> peers_since_;  // told, and not in the kernel
  std::optional<TimePoint> services_since_;
  std::map<std::string, ServiceEvent> service_events_;  // that are not in the maps
  TimePoint began_ = Clock::now();
  std::optional<std::vector<std::string>> restoring_;  // keys; nothing: done

  bool work_posted_ = false;
  std::optional<Loop::Timer> work_timer_;
  std::optional<Loop::Timer> settle_timer_;
  TimePoint unsettled_since_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what is posted
};

}  // namespace policyc::agent
