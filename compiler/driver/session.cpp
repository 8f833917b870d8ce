#include "compiler/driver/session.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <unordered_map>

#include "compiler/driver/session_file.h"
#include "compiler/driver/session_policies.h"
#include "compiler/driver/session_services.h"
#include "compiler/driver/session_subjects.h"
#include "compiler/policy/address_book.h"
#include "compiler/policy/entities.h"
#include "compiler/policy/resolve_parts.h"
#include "compiler/support/sha256.h"

namespace policyc::driver {
namespace {

using FileMap = std::map<std::string, std::unique_ptr<SessionFile>>;

// What ir::build() asks of the cluster.
struct Surroundings {
  std::set<std::tuple<std::string, std::uint16_t, std::string>> ports;  // that have names
  std::set<std::string> listeners;
  friend bool operator==(const Surroundings&, const Surroundings&) = default;
};

Surroundings surroundings_of(const policy::Cluster& cluster) {
  Surroundings result;
  for (const policy::Endpoint& endpoint : cluster.endpoints) {
    for (const policy::NamedPort& port : endpoint.ports)
      result.ports.emplace(port.name, port.port, port.protocol);
  }
  result.listeners = cluster.listeners;
  return result;
}

std::string digest(const std::string& name, const std::string& text) {
  Sha256 hash;
  hash.update(std::to_string(name.size()) + ":");
  hash.update(name);
  hash.update(text);
  return hash.hex();
}

bool same_prefixes(const std::vector<policy::PrefixLabels>& a,
                   const std::vector<policy::PrefixLabels>& b) {
  return std::ranges::equal(a, b, [](const policy::PrefixLabels& x, const policy::PrefixLabels& y) {
    return x.prefix == y.prefix && x.labels == y.labels;
  });
}

}  // namespace

class Session::State {
 public:
  explicit State(SessionOptions options)
      : options_(std::move(options)),
        policies_(options_.read.agent),
        subjects_(options_.read.agent),
        services_(options_.node, options_.services) {}

  FileVerdict put_file(const std::string& key, std::string name, std::string text);
  void remove_file(const std::string& key);
  Resolution resolve(const std::vector<SessionEndpoint>& endpoints, bool everything);
  [[nodiscard]] std::shared_ptr<const SessionShape> find(const std::string& shape) const {
    const std::lock_guard lock(shapes_mutex_);
    const auto found = shapes_.find(shape);
    return found == shapes_.end() ? nullptr : found->second;
  }

 private:
  void count(const SessionFile& file, bool coming);
  void replace(const std::string& key, std::unique_ptr<SessionFile> now);
  void make_room();
  void read_cluster();
  void add_host();
  void update_policies(bool cluster_changed);
  void collect_peers();
  [[nodiscard]] SessionSubjects::Endpoint endpoint_of(const SessionEndpoint& asked) const;
  [[nodiscard]] std::string diagnostics_of(const std::set<const SubjectResult*>& results) const;

  SessionOptions options_;
  source::SourceMap sources_;  // of files with policies
  FileMap files_;              // what counts of each
  struct LastSeen {
    std::string digest;
    FileVerdict verdict;
  };
  std::map<std::string, LastSeen> seen_;  // the last version of each file, counted or not
  std::uint64_t next_stamp_ = 1;
  std::size_t live_bytes_ = 0;   // of texts in sources_ that count
  std::size_t spare_bytes_ = 0;  // that do not
  bool cluster_stale_ = true;
  bool policies_stale_ = true;

  policy::Cluster cluster_;
  Surroundings surroundings_;
  std::unordered_map<std::string, const policy::Endpoint*> pods_;  // by full name
  SessionPolicies policies_;
  std::vector<policy::PrefixLabels> told_prefixes_;
  std::vector<policy::LabelSet> peers_;
  SessionSubjects subjects_;
  SessionServices services_;
  bool told_ = false;

  mutable std::mutex shapes_mutex_;
  std::map<std::string, std::shared_ptr<const SessionShape>> shapes_;
};

FileVerdict Session::State::put_file(const std::string& key, std::string name, std::string text) {
  std::string seen = digest(name, text);
  if (const auto known = seen_.find(key); known != seen_.end() && known->second.digest == seen)
    return known->second.verdict;
  FileVerdict verdict;
  std::unique_ptr<SessionFile> file;
  try {
    file = read_session_file(sources_, name, std::move(text), options_.read);
  } catch (const std::bad_alloc&) {
    verdict.diagnostics = diag::quoted(name) + " takes more memory than there is\n";
    verdict.last_good = files_.contains(key);
    return verdict;
  }
  verdict.accepted = !file->reports.has_errors();
  verdict.diagnostics = file->diagnostics;
  verdict.last_good = !verdict.accepted && files_.contains(key);
  if (verdict.accepted) {
    const std::size_t policies = file->policies.cilium.size() + file->policies.kubernetes.size();
    for (std::size_t i = 0; i < policies; ++i) file->stamps.push_back(next_stamp_++);
    replace(key, std::move(file));
  } else if (file->place) {
    spare_bytes_ += file->text_bytes;
  }
  seen_.insert_or_assign(key, LastSeen{std::move(seen), verdict});
  make_room();
  return verdict;
}

void Session::State::remove_file(const std::string& key) {
  seen_.erase(key);
  replace(key, nullptr);
}

void Session::State::count(const SessionFile& file, bool coming) {
  policies_stale_ = policies_stale_ || file.has_policies();
  cluster_stale_ = cluster_stale_ || file.inventory;
  if (!file.place) return;
  if (coming) {
    live_bytes_ += file.text_bytes;
  } else {
    live_bytes_ -= file.text_bytes;
    spare_bytes_ += file.text_bytes;
  }
}

void Session::State::replace(const std::string& key, std::unique_ptr<SessionFile> now) {
  auto known = files_.find(key);
  SessionFile* before = known == files_.end() ? nullptr : known->second.get();
  if (before == nullptr && now == nullptr) return;
  if (before != nullptr) count(*before, false);
  if (now != nullptr) count(*now, true);
  services_.replace(key, before, now.get());
  if (now != nullptr) {
    files_[key] = std::move(now);
  } else {
    files_.erase(known);
  }
}

// Texts that do not count any more leave the source map: those that do are read into a new one.
void Session::State::make_room() {
  if (spare_bytes_ < std::max(live_bytes_, options_.spare_text_bytes)) return;
  source::SourceMap sources;
  for (auto& [key, file] : files_) {
    if (!file->place) continue;
    auto again = read_session_file(sources, file->name, sources_.text(*file->place), options_.read);
    file->place = again->place;
    file->policies = std::move(again->policies);
  }
  sources_ = std::move(sources);
  spare_bytes_ = 0;
  policies_.forget_places();
  policies_stale_ = true;
}

void Session::State::read_cluster() {
  diag::Engine nothing;
  policy::Inventory inventory(options_.read.agent, nothing);
  std::set<NamespacedName> endpoints;
  for (const auto& [key, file] : files_) {
    if (file->inventory) inventory.add(*file->inventory);
    endpoints.insert(file->endpoints.begin(), file->endpoints.end());
  }
  cluster_ = inventory.take();
  add_host();
  pods_.clear();
  for (const policy::Endpoint& endpoint : cluster_.endpoints) {
    // The first one: workloads may have the name of a pod.
    if (endpoints.contains({endpoint.namespace_, endpoint.name}))
      pods_.emplace(endpoint.full_name(), &endpoint);
  }
}

// This node is the host. What the settings say of its addresses counts beside its manifest.
void Session::State::add_host() {
  const service::NodeView& node = options_.node;
  if (node.name.empty()) return;
  std::vector<IpAddress> missing = node.addresses;
  for (policy::ClusterNode& other : cluster_.nodes) {
    if (other.name == node.name && other.role == policy::NodeRole::RemoteNode)
      other.role = policy::NodeRole::Host;
    std::erase_if(missing, [&](const IpAddress& address) {
      return std::ranges::find(other.addresses, address) != other.addresses.end();
    });
  }
  if (missing.empty()) return;
  const auto place =
      std::ranges::upper_bound(cluster_.nodes, node.name, {}, &policy::ClusterNode::name);
  cluster_.nodes.insert(
      place, policy::ClusterNode{policy::NodeRole::Host, node.name, {}, std::move(missing)});
}

void Session::State::update_policies(bool cluster_changed) {
  std::map<std::string, const SessionFile*> files;
  for (const auto& [key, file] : files_) {
    if (file->has_policies()) files.emplace(key, file.get());
  }
  subjects_.follow(policies_.update(files, cluster_, cluster_changed, sources_));
}

// The peers that exist, where they are more than a table can tell apart.
void Session::State::collect_peers() {
  std::size_t most = cluster_.endpoints.size() + policies_.prefixes().size();
  for (const policy::ClusterNode& node : cluster_.nodes) most += node.addresses.size();
  for (const auto& [name, addresses] : cluster_.dns) most += addresses.size();
  const bool had_peers = !peers_.empty();
  peers_.clear();
  if (most > options_.max_rows) {
    policy::Resolved resolved;
    resolved.prefixes = policies_.prefixes();
    for (const PolicyPart* part : policies_.in_order()) {
      const auto& selectors = part->resolved.fqdn_selectors;
      resolved.fqdn_selectors.insert(resolved.fqdn_selectors.end(), selectors.begin(),
                                     selectors.end());
    }
    std::set<policy::LabelSet> peers;
    const policy::AddressBook book(cluster_, resolved, options_.read.agent);
    for (const auto& entry : book.entries()) peers.insert(entry.labels);
    if (peers.size() > options_.max_rows) peers_.assign(peers.begin(), peers.end());
  }
  if (had_peers || !peers_.empty()) subjects_.forget_forms();
}

SessionSubjects::Endpoint Session::State::endpoint_of(const SessionEndpoint& asked) const {
  SessionSubjects::Endpoint result;
  result.namespace_ = asked.namespace_;
  result.name = asked.pod.empty() ? asked.key : asked.namespace_ + "/" + asked.pod;
  policy::Endpoint without_pod;
  const policy::Endpoint* pod = nullptr;
  if (const auto found = pods_.find(result.name); !asked.pod.empty() && found != pods_.end()) {
    pod = found->second;
  } else if (!asked.labels.empty()) {
    without_pod.labels = asked.labels;
    without_pod.namespace_ = asked.namespace_;
    pod = &without_pod;
  }
  if (pod == nullptr || pod->kind == policy::EndpointKind::Init) {
    result.kind = policy::EndpointKind::Init;
    result.labels.add(policy::reserved_label("init"));
    return result;
  }
  policy::StringMap namespace_labels;
  if (const auto found = cluster_.namespaces.find(pod->namespace_);
      found != cluster_.namespaces.end())
    namespace_labels = found->second;
  namespace_labels.try_emplace("kubernetes.io/metadata.name", pod->namespace_);
  result.ports = pod->ports;
  result.labels = policy::pod_identity_labels(
      pod->labels, namespace_labels, pod->namespace_, pod->service_account,
      pod->cluster.empty() ? options_.read.agent.cluster_name : pod->cluster);
  return result;
}

std::string Session::State::diagnostics_of(const std::set<const SubjectResult*>& results) const {
  std::string text = policies_.group_diagnostics();
  for (const PolicyPart* part : policies_.in_order()) text += part->diagnostics;
  if (!policies_.in_order().empty()) {
    diag::Engine diagnostics;
    policy::warn_special_pod_labels(cluster_, options_.read.agent, diagnostics);
    text += diag::render_text(sources_, diagnostics);
  }
  std::set<std::string> said;
  for (const SubjectResult* result : results) said.insert(result->diagnostics);
  for (const std::string& one : said) text += one;
  return text;
}

Resolution Session::State::resolve(const std::vector<SessionEndpoint>& endpoints, bool everything) {
  const bool cluster_changed = cluster_stale_;
  const bool changed = cluster_stale_ || policies_stale_;
  if (cluster_stale_) {
    read_cluster();
    Surroundings now = surroundings_of(cluster_);
    if (now != surroundings_) subjects_.forget();
    surroundings_ = std::move(now);
  }
  if (changed) {
    update_policies(cluster_changed);
    collect_peers();
  }
  cluster_stale_ = policies_stale_ = false;

  Resolution result;
  std::vector<source::FileId> files;
  for (const auto& [key, file] : files_) {
    if (file->place) files.push_back(*file->place);
  }
  const SubjectWorld world{cluster_, sources_,         files, policies_.in_order(),
                           peers_,   options_.max_rows};
  std::map<std::string, std::shared_ptr<const SessionShape>> shapes;
  std::set<const SubjectResult*> results;
  subjects_.begin();
  for (const SessionEndpoint& asked : endpoints) {
    const auto& subject = subjects_.ensure(endpoint_of(asked), world);
    ResolvedSubject& out = result.endpoints.emplace_back();
    out.key = asked.key;
    out.labels = subject.endpoint.labels;
    for (const PolicyPart* part : subject.selected) out.policies.push_back(part->origin.object());
    std::ranges::sort(out.policies);
    out.error = subject.result->error;
    if (const auto& shape = subject.result->shape) {
      out.shape = shape->key;
      shapes.emplace(shape->key, shape);
    }
    results.insert(subject.result.get());
  }
  subjects_.end();
  {
    const std::lock_guard lock(shapes_mutex_);
    shapes_.swap(shapes);
  }
  for (const PolicyPart* part : policies_.in_order()) {
    PolicyPlace place{part->origin.kind, part->origin.namespace_, part->origin.name, {}, 0};
    if (part->origin.node.valid()) {
      const source::Range& range = sources_.range(part->origin.node);
      place.file = sources_.name(range.file);
      place.line = range.begin.line;
    }
    result.policies.push_back(std::move(place));
  }
  std::map<std::string, std::set<std::string>> conflicts;
  for (const SubjectResult* one : results) {
    for (const std::string& file : one->files) conflicts[file].insert(one->error);
  }
  for (const auto& [file, texts] : conflicts) {
    Conflict& conflict = result.conflicts.emplace_back();
    conflict.file = file;
    for (const std::string& text : texts) conflict.diagnostics += text;
  }
  result.diagnostics = diagnostics_of(results);
  result.cluster = &cluster_;
  result.prefixes = &policies_.prefixes();
  result.inventory_changed = everything || !told_ || cluster_changed ||
                             !same_prefixes(told_prefixes_, policies_.prefixes());
  if (result.inventory_changed) told_prefixes_ = policies_.prefixes();
  told_ = true;
  SessionServices::Delta services = services_.take(everything);
  result.services = std::move(services.changed);
  result.removed_services = std::move(services.removed);
  return result;
}

Session::Session(SessionOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Session::~Session() = default;

FileVerdict Session::put_file(const std::string& key, std::string name, std::string text) {
  return state_->put_file(key, std::move(name), std::move(text));
}

void Session::remove_file(const std::string& key) { state_->remove_file(key); }

Resolution Session::resolve(const std::vector<SessionEndpoint>& endpoints, bool everything) {
  return state_->resolve(endpoints, everything);
}

std::shared_ptr<const SessionShape> Session::find(const std::string& shape) const {
  return state_->find(shape);
}

Result<backend::Bytes> compile(const SessionShape& shape, const ShapeOptions& options) {
  auto compiled = compile_shape(shape.shape, shape.quoted, options);
  if (!compiled) return std::unexpected(compiled.error());
  return std::move(compiled->object);
}

}  // namespace policyc::driver
