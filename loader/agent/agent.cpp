#include "loader/agent/agent.h"

#include <algorithm>
#include <chrono>

#include "loader/agent/links.h"

namespace policyc::agent {
namespace {

constexpr std::chrono::milliseconds kQuiet{20};
constexpr std::chrono::milliseconds kMostDelay{200};

std::int64_t wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// What a compiler process is started with.
bool same_compiler(const Config& a, const Config& b) {
  return a.options == b.options && a.node_name == b.node_name && a.node_zone == b.node_zone &&
         a.node_addresses == b.node_addresses && a.compile_threads == b.compile_threads &&
         a.compile_memory == b.compile_memory && a.compiler == b.compiler && a.maglev == b.maglev &&
         a.forwarding == b.forwarding && a.nat46x64 == b.nat46x64;
}

// What only a new process takes up.
std::optional<std::string> fixed_difference(const Config& a, const Config& b) {
  if (a.paths.state != b.paths.state) return "state-dir";
  if (a.paths.bpffs != b.paths.bpffs) return "bpf-root";
  if (a.source_directory != b.source_directory) return "static-cnp-path";
  if (a.socket != b.socket) return "socket-path";
  if (a.metrics_address != b.metrics_address) return "prometheus-serve-addr";
  if (a.health_address != b.health_address) return "agent-health-addr";
  if (a.services != b.services) return "kube-proxy-replacement";
  if (a.socket_lb != b.socket_lb || a.cgroup != b.cgroup) return "bpf-lb-sock";
  if (a.devices != b.devices || a.masquerade != b.masquerade ||
      a.masquerade_exclusions != b.masquerade_exclusions)
    return "devices, enable-bpf-masquerade, masquerade-exclude";
  if (!a.devices.empty() && device_dsr(a) != device_dsr(b))
    return "bpf-lb-mode, bpf-lb-dsr-dispatch";
  if (a.maglev_size != b.maglev_size) return "bpf-lb-maglev-table-size";
  if (a.hook != b.hook) return "attach";
  if (a.conntrack_interval != b.conntrack_interval) return "conntrack-gc-interval";
  if (a.sizes != b.sizes) return "bpf-ct-max, bpf-ipcache-max";
  return std::nullopt;
}

}  // namespace

Agent::Agent(Parts parts, Config config)
    : parts_(std::move(parts)),
      loop_(*parts_.loop),
      config_(std::move(config)),
      source_changes_(kQuiet, kMostDelay),
      backoff_({}, static_cast<std::uint64_t>(wall_clock_ns())) {}

Agent::~Agent() {
  *alive_ = false;
  if (parts_.source) loop_.unwatch(parts_.source->fd());
  if (compiler_) loop_.unwatch(compiler_->fd());
  for (auto* timer : {&source_timer_, &rest_timer_, &resolve_timer_, &work_timer_, &settle_timer_})
    stop_timer(*timer);
}

void Agent::stop_timer(std::optional<Loop::Timer>& timer) {
  if (timer) loop_.cancel(*timer);
  timer.reset();
}

Result<std::unique_ptr<Agent>> Agent::start(Parts parts, Config config) {
  std::unique_ptr<Agent> agent(new Agent(std::move(parts), std::move(config)));
  if (auto begun = agent->begin(); !begun) return std::unexpected(begun.error());
  return agent;
}

endpoint::LoadRequest Agent::node_request() const {
  endpoint::LoadRequest request;
  request.hook = config_.hook;
  request.sizes = config_.sizes;
  request.deny_response = config_.deny_response;
  return request;
}

reconcile::ReconcilerOptions Agent::reconciler_options() {
  reconcile::ReconcilerOptions options;
  options.node = node_request();
  options.seed = static_cast<std::uint64_t>(wall_clock_ns());
  options.on_attempt = [this](const reconcile::Attempt& attempt) { attempted(attempt); };
  return options;
}

Result<void> Agent::begin() {
  for (const char* name : {"datapath", "source", "policies", "compiler", "endpoints", "services"})
    components_[name] = {name, true, {}, wall_clock_ns()};
  const auto folder = config_.paths.state / "agent";
  const TimePoint start = Clock::now();
  auto registry = reconcile::Registry::open(folder / "endpoints.json");
  if (!registry) return std::unexpected(registry.error());
  const TimePoint read = Clock::now();
  const std::size_t known = registry->all().size();
  parts_.metrics->restored("read_from_disk", {.total = known, .successful = known}, read - start);
  reconciler_ = std::make_unique<reconcile::Reconciler>(*parts_.node, reconciler_options());
  if (auto adopted =
          reconciler_->adopt([](std::uint32_t index) { return interface_exists(index); });
      !adopted)
    return adopted;
  endpoints_ = std::make_unique<Endpoints>(std::move(*registry), *reconciler_,
                                           Endpoints::Hooks{parts_.interface_index,
                                                            [this] {
                                                              resolve_soon();
                                                              work_soon();
                                                            },
                                                            [this] { return config_.audit; }});
  endpoints_->restore();
  restoring_.emplace();
  Restored restored{.total = known};
  for (const auto& [key, status] : reconciler_->statuses()) {
    const bool is_gone = status.state == reconcile::EndpointState::Gone;
    ++(is_gone ? restored.skipped : restored.successful);
    restoring_->push_back(key);
  }
  parts_.metrics->restored("restoration", restored, Clock::now() - read);
  // What is loaded has another response, perhaps.
  reconciler_->set_node(node_request(), config_.audit);
  if (!reconciler_->actual().endpoints.empty()) {
    parts_.log("adopted " + std::to_string(reconciler_->actual().endpoints.size()) +
               " endpoints that are loaded");
  }
  if (auto begun = begin_compiler(); !begun) return begun;
  reconciler_->prepare();
  work_soon();
  return {};
}

// A compiler that knows nothing, and a source that tells everything.
Result<void> Agent::begin_compiler() {
  auto store = LastGood::open(config_.paths.state / "agent" / "source");
  if (!store) return std::unexpected(store.error());
  auto compiler = parts_.compiler(config_);
  if (!compiler) return std::unexpected(compiler.error());
  if (compiler_) {
    loop_.unwatch(compiler_->fd());
    loop_.unwatch(parts_.source->fd());
  }
  compiler_ = std::move(*compiler);
  stop_timer(rest_timer_);
  compiling_.clear();
  resolving_ = 0;
  swarm_asked_ = compiler_waits_ = more_waits_ = false;
  resolve_everything_ = true;
  for (const std::string& file : store->damaged())
    parts_.log(file + " is damaged: that file of the source has no last good version");
  files_ = std::make_unique<SourceFiles>(std::move(*store));
  files_->begin(*compiler_);
  if (auto watched = loop_.watch(compiler_->fd(), [this] { read_compiler(); }); !watched)
    return watched;
  if (auto started = parts_.source->start(std::nullopt); !started)
    return std::unexpected(started.error());
  return loop_.watch(parts_.source->fd(), [this] { source_readable(); });
}

void Agent::stop() {
  if (auto settled = parts_.node->settle(); !settled) parts_.log(settled.error().message);
  if (auto flushed = endpoints_->flush(); !flushed) parts_.log(flushed.error().message);
}

Result<void> Agent::reload(Config config) {
  if (const auto fixed = fixed_difference(config_, config))
    return fail(*fixed + ": takes effect when the agent is started again; nothing was changed");
  const bool restart_compiler = !same_compiler(config_, config);
  const Config before = std::exchange(config_, std::move(config));
  reconciler_->set_node(node_request(), config_.audit);
  if (restart_compiler) {
    if (auto begun = begin_compiler(); !begun) {
      config_ = before;
      reconciler_->set_node(node_request(), config_.audit);
      return begun;
    }
  }
  work_soon();
  return {};
}

void Agent::add_endpoint(reconcile::Registration registration, TimePoint deadline, Reply reply) {
  if (!synced()) {
    return reply(ApiError{ApiCode::Unavailable, "the source has not told all it has yet"});
  }
  deadline = std::min(deadline, Clock::now() + config_.add_timeout);
  endpoints_->add(std::move(registration), deadline, std::move(reply));
}

void Agent::remove_endpoint(const std::string& key, TimePoint deadline,
                            std::function<void(bool, const std::optional<ApiError>&)> reply) {
  deadline = std::min(deadline, Clock::now() + config_.add_timeout);
  endpoints_->remove(key, deadline, std::move(reply));
}

std::optional<ApiError> Agent::check_endpoint(const std::string& key) const {
  return endpoints_->check(key, *parts_.node);
}

void Agent::check_interfaces() { endpoints_->check_interfaces(); }

void Agent::check_queues(const std::map<std::uint32_t, bool>* queues) {
  for (const auto& [id, endpoint] : reconciler_->actual().endpoints) {
    bool queued = false;
    if (queues != nullptr) {
      const auto told = queues->find(endpoint.record.interface_index);
      if (told == queues->end()) continue;
      queued = told->second;
    }
    if (const auto done = parts_.node->follow_queue(endpoint.record, queued); !done)
      parts_.log("the queues of " + endpoint.record.interface + ": " + done.error().message);
  }
}

const std::vector<std::string>& Agent::policies_of(const std::string& key) const {
  static const std::vector<std::string> kNone;
  const auto found = policies_of_.find(key);
  return found == policies_of_.end() ? kNone : found->second;
}

void Agent::report(const std::string& name, bool healthy, std::string message) {
  Component& component = components_[name];
  if (component.name.empty() || component.healthy != healthy) {
    component.since = wall_clock_ns();
    if (!healthy) parts_.log(name + ": " + message);
    if (healthy && !component.name.empty()) parts_.log(name + ": well again");
  }
  component.name = name;
  component.healthy = healthy;
  component.message = std::move(message);
}

std::vector<Component> Agent::components() const {
  std::vector<Component> result;
  for (const auto& [name, component] : components_) {
    if (name == "services" && !parts_.services) continue;
    result.push_back(component);
  }
  return result;
}

bool Agent::healthy() const {
  return std::ranges::all_of(components_,
                             [](const auto& component) { return component.second.healthy; });
}

}  // namespace policyc::agent
