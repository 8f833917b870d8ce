#include "compiler/driver/session.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>

#include "compiler/driver/session_cluster.h"
#include "compiler/driver/session_file.h"
#include "compiler/driver/session_policies.h"
#include "compiler/driver/session_services.h"
#include "compiler/driver/session_subjects.h"
#include "compiler/driver/session_surroundings.h"
#include "compiler/policy/address_book.h"
#include "compiler/policy/entities.h"
#include "compiler/policy/resolve_parts.h"
#include "compiler/support/sha256.h"

namespace policyc::driver {
namespace {

// Everything but the endpoints.
policy::Cluster rest_of(const policy::Cluster& cluster) {
  return {cluster.namespaces, {}, cluster.nodes, cluster.services, cluster.dns, cluster.listeners};
}

bool same_rest(const policy::Cluster& rest, const policy::Cluster& cluster) {
  return rest.namespaces == cluster.namespaces && rest.nodes == cluster.nodes &&
         rest.services == cluster.services && rest.dns == cluster.dns &&
         rest.listeners == cluster.listeners;
}

// Whether warn_special_pod_labels() has something to say of it.
bool is_special(const policy::EndpointRef& pod) {
  return pod->labels.contains("host") || pod->labels.contains("init");
}

Digest digest(std::string_view name, std::string_view text) {
  return sha256({std::to_string(name.size()), ":", name, text});
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
        cluster_(options_.read.agent, options_.node),
        policies_(options_.read.agent),
        subjects_(options_.read.agent),
        services_(options_.node, options_.services, cluster_) {}

  FileVerdict put_file(const std::string& key, std::string name, std::string text);
  void remove_file(const std::string& key);
  [[nodiscard]] bool only_pods_changed() const {
    return told_ && !policies_stale_ && cluster_.changes_little();
  }
  Resolution resolve(std::vector<SessionEndpoint> endpoints, bool everything);
  Resolution resolve_again(bool everything);
  [[nodiscard]] std::shared_ptr<const SessionShape> find(const std::string& shape) const {
    const std::lock_guard lock(shapes_mutex_);
    const auto found = shapes_.find(shape);
    return found == shapes_.end() ? nullptr : found->second;
  }

 private:
  void count(const SessionFile& file, bool coming);
  void replace(const std::string& key, std::unique_ptr<SessionFile>& counts,
               std::unique_ptr<SessionFile> now);
  [[nodiscard]] std::map<std::string_view, const SessionFile*> files_in_order() const;
  void make_room();
  [[nodiscard]] SessionCluster::Change update_cluster();
  void update_policies(bool cluster_changed);
  void look_at_peers(bool beside_pods);
  // Takes in what changed since the last resolution.
  [[nodiscard]] SessionCluster::Change update();
  [[nodiscard]] bool concerns_asked(const SessionCluster::Change& change) const;
  [[nodiscard]] Resolution resolve_subjects();
  void tell_rest(SessionCluster::Change& change, bool everything, Resolution& result);
  [[nodiscard]] const std::vector<policy::LabelSet>& peers();
  void tell_inventory(SessionCluster::Change& change, Resolution& result);
  [[nodiscard]] SessionSubjects::Endpoint endpoint_of(const SessionEndpoint& asked) const;
  [[nodiscard]] std::string diagnostics_of(const std::set<const SubjectResult*>& results) const;

  SessionOptions options_;
  source::SourceMap sources_;  // of files with policies
  struct File {
    std::unique_ptr<SessionFile> counts;  // nothing: none of its versions was accepted
    // The last version, counted or not.
    std::optional<Digest> seen;
    FileVerdict verdict;
  };
  std::unordered_map<std::string, File> files_;
  std::map<std::string, const SessionFile*> policy_files_;  // those with policies
  std::map<std::string, source::FileId> places_;            // of files that have one
  std::uint64_t next_stamp_ = 1;
  std::size_t live_bytes_ = 0;   // of texts in sources_ that count
  std::size_t spare_bytes_ = 0;  // that do not
  bool policies_stale_ = true;

  SessionCluster cluster_;
  Surroundings surroundings_;
  std::string special_labels_;  // what is to be said of pods with such
  SessionPolicies policies_;
  policy::Cluster told_rest_;
  std::vector<policy::PrefixLabels> told_prefixes_;
  bool prefixes_changed_ = false;      // they are not what was told
  std::size_t peers_beside_pods_ = 0;  // at most
  bool many_peers_ = false;            // more than a table has rows for
  std::optional<std::vector<policy::LabelSet>> peers_;
  SessionSubjects subjects_;
  SessionServices services_;
  std::vector<SessionEndpoint> asked_;
  std::set<policy::Inventory::Key> asked_pods_;
  bool subjects_stale_ = true;  // something changed that they depend on
  bool told_ = false;

  mutable std::mutex shapes_mutex_;
  std::map<std::string, std::shared_ptr<const SessionShape>> shapes_;
};

FileVerdict Session::State::put_file(const std::string& key, std::string name, std::string text) {
  const Digest seen = digest(name, text);
  File& file = files_[key];
  if (file.seen == seen) return file.verdict;
  FileVerdict verdict;
  std::unique_ptr<SessionFile> now;
  try {
    now = read_session_file(sources_, name, std::move(text), options_.read, options_.read_workers);
  } catch (const std::bad_alloc&) {
    verdict.diagnostics = diag::quoted(name) + " takes more memory than there is\n";
    verdict.last_good = file.counts != nullptr;
    return verdict;
  }
  verdict.accepted = !now->reports.has_errors();
  verdict.diagnostics = now->diagnostics;
  verdict.last_good = !verdict.accepted && file.counts != nullptr;
  file.seen = seen;
  file.verdict = verdict;
  if (verdict.accepted) {
    const std::size_t policies = now->policies->cilium.size() + now->policies->kubernetes.size();
    for (std::size_t i = 0; i < policies; ++i) now->stamps.push_back(next_stamp_++);
    replace(key, file.counts, std::move(now));
  } else if (now->place) {
    spare_bytes_ += now->text_bytes;
  }
  make_room();
  return verdict;
}

void Session::State::remove_file(const std::string& key) {
  const auto known = files_.find(key);
  if (known == files_.end()) return;
  replace(key, known->second.counts, nullptr);
  files_.erase(known);
}

void Session::State::count(const SessionFile& file, bool coming) {
  policies_stale_ = policies_stale_ || file.has_policies();
  if (!file.place) return;
  if (coming) {
    live_bytes_ += file.text_bytes;
  } else {
    live_bytes_ -= file.text_bytes;
    spare_bytes_ += file.text_bytes;
  }
}

void Session::State::replace(const std::string& key, std::unique_ptr<SessionFile>& counts,
                             std::unique_ptr<SessionFile> now) {
  if (counts != nullptr) count(*counts, false);
  if (now != nullptr) count(*now, true);
  cluster_.replace(key, counts.get(), now.get());
  services_.replace(key, counts.get(), now.get());
  places_.erase(key);
  policy_files_.erase(key);
  if (now != nullptr && now->place) places_.emplace(key, *now->place);
  if (now != nullptr && now->has_policies()) policy_files_.emplace(key, now.get());
  counts = std::move(now);
}

std::map<std::string_view, const SessionFile*> Session::State::files_in_order() const {
  std::map<std::string_view, const SessionFile*> result;
  for (const auto& [key, file] : files_) {
    if (file.counts) result.emplace(key, file.counts.get());
  }
  return result;
}

// Texts that do not count any more leave the source map: those that do are read into a new one.
void Session::State::make_room() {
  if (spare_bytes_ < std::max(live_bytes_, options_.spare_text_bytes)) return;
  source::SourceMap sources;
  for (auto& [key, place] : places_) {
    SessionFile& file = *files_.at(key).counts;
    auto again = read_session_file(sources, file.name, sources_.text(place), options_.read);
    place = *again->place;
    file.place = place;
    file.policies = std::move(again->policies);
  }
  sources_ = std::move(sources);
  spare_bytes_ = 0;
  policies_.forget_places();
  policies_stale_ = true;
}

SessionCluster::Change Session::State::update_cluster() {
  SessionCluster::Change change = cluster_.update([this] { return files_in_order(); });
  bool other_ports = false;
  bool special = change.more_than_pods;
  if (change.more_than_pods) {
    Surroundings now(cluster_.cluster());
    other_ports = now != surroundings_;
    surroundings_ = std::move(now);
  }
  for (const auto& pod : change.come) {
    other_ports = surroundings_.add(*pod) || other_ports;
    special = special || is_special(pod);
  }
  for (const auto& pod : change.gone) {
    other_ports = surroundings_.remove(*pod) || other_ports;
    special = special || is_special(pod);
  }
  if (other_ports) subjects_.forget();
  subjects_stale_ =
      subjects_stale_ || change.more_than_pods || other_ports || special || concerns_asked(change);
  if (special) {
    diag::Engine diagnostics;
    policy::warn_special_pod_labels(cluster_.cluster(), options_.read.agent, diagnostics);
    special_labels_ = diag::render_text(sources_, diagnostics);
  }
  return change;
}

bool Session::State::concerns_asked(const SessionCluster::Change& change) const {
  return std::ranges::any_of(change.touched, [this](const policy::Inventory::Key& key) {
    return asked_pods_.contains(key);
  });
}

void Session::State::update_policies(bool cluster_changed) {
  subjects_.follow(policies_.update(policy_files_, cluster_.cluster(), cluster_changed, sources_));
  subjects_stale_ = prefixes_changed_ = true;
}

// Peers came or went. Where there are more than a table can tell apart, forms depend on who exists.
void Session::State::look_at_peers(bool beside_pods) {
  const policy::Cluster& cluster = cluster_.cluster();
  if (beside_pods) {
    peers_beside_pods_ = 0;
    for (const policy::ClusterNode& node : cluster.nodes)
      peers_beside_pods_ += node.addresses.size();
    for (const auto& [name, addresses] : cluster.dns) peers_beside_pods_ += addresses.size();
  }
  const std::size_t most =
      cluster.endpoints.size() + policies_.prefixes().size() + peers_beside_pods_;
  peers_.reset();
  const bool had_many = std::exchange(many_peers_, most > options_.max_rows);
  if ((had_many || many_peers_) && subjects_.forget_forms(options_.max_rows))
    subjects_stale_ = true;
}

const std::vector<policy::LabelSet>& Session::State::peers() {
  if (peers_) return *peers_;
  peers_.emplace();
  if (!many_peers_) return *peers_;
  policy::Resolved resolved;
  resolved.prefixes = policies_.prefixes();
  for (const PolicyPart* part : policies_.in_order()) {
    const auto& selectors = part->resolved.fqdn_selectors;
    resolved.fqdn_selectors.insert(resolved.fqdn_selectors.end(), selectors.begin(),
                                   selectors.end());
  }
  std::set<policy::LabelSet> peers;
  const policy::AddressBook book(cluster_.cluster(), resolved, options_.read.agent);
  for (const auto& entry : book.entries()) peers.insert(entry.labels);
  if (peers.size() > options_.max_rows) peers_->assign(peers.begin(), peers.end());
  return *peers_;
}

SessionSubjects::Endpoint Session::State::endpoint_of(const SessionEndpoint& asked) const {
  SessionSubjects::Endpoint result;
  result.namespace_ = asked.namespace_;
  result.name = asked.pod.empty() ? asked.key : asked.namespace_ + "/" + asked.pod;
  policy::Endpoint without_pod;
  const policy::Endpoint* pod = nullptr;
  if (!asked.pod.empty()) pod = cluster_.find(asked.namespace_, asked.pod);
  if (pod == nullptr && !asked.labels.empty()) {
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
  const auto& namespaces = cluster_.cluster().namespaces;
  if (const auto found = namespaces.find(pod->namespace_); found != namespaces.end())
    namespace_labels = found->second;
  namespace_labels.try_emplace("kubernetes.io/metadata.name", pod->namespace_);
  result.ports = pod->ports;
  result.labels = policy::pod_identity_labels(
      pod->labels, namespace_labels, pod->namespace_, pod->service_account,
      pod->cluster.empty() ? options_.read.agent.cluster_name : pod->cluster,
      options_.read.agent.labels);
  return result;
}

std::string Session::State::diagnostics_of(const std::set<const SubjectResult*>& results) const {
  std::string text = policies_.group_diagnostics();
  for (const PolicyPart* part : policies_.in_order()) text += part->diagnostics;
  if (!policies_.in_order().empty()) text += special_labels_;
  std::set<std::string> said;
  for (const SubjectResult* result : results) said.insert(result->diagnostics);
  for (const std::string& one : said) text += one;
  return text;
}

SessionCluster::Change Session::State::update() {
  SessionCluster::Change change = update_cluster();
  const bool asked = change.more_than_pods || (change.services && policies_.ask_services());
  if (asked || policies_stale_) update_policies(asked);
  if (change.any || policies_stale_) look_at_peers(change.more_than_pods || change.nodes);
  policies_stale_ = false;
  return change;
}

Resolution Session::State::resolve(std::vector<SessionEndpoint> endpoints, bool everything) {
  asked_ = std::move(endpoints);
  asked_pods_.clear();
  for (const SessionEndpoint& one : asked_) asked_pods_.emplace(one.namespace_, one.pod);
  subjects_stale_ = true;
  return resolve_again(everything);
}

Resolution Session::State::resolve_again(bool everything) {
  SessionCluster::Change change = update();
  everything = everything || !told_;
  Resolution result;
  if (everything || subjects_stale_) {
    result = resolve_subjects();
  } else {
    result.same_subjects = true;
  }
  subjects_stale_ = false;
  tell_rest(change, everything, result);
  return result;
}

Resolution Session::State::resolve_subjects() {
  Resolution result;
  std::vector<source::FileId> files;
  for (const auto& [key, place] : places_) files.push_back(place);
  const std::function<const std::vector<policy::LabelSet>&()> all_peers = [this]() -> const auto& {
    return peers();
  };
  const SubjectWorld world{cluster_.cluster(),   sources_,  files,
                           policies_.in_order(), all_peers, options_.max_rows};
  std::map<std::string, std::shared_ptr<const SessionShape>> shapes;
  std::set<const SubjectResult*> results;
  subjects_.begin();
  for (const SessionEndpoint& asked : asked_) {
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
  return result;
}

// What exists, and services.
void Session::State::tell_rest(SessionCluster::Change& change, bool everything,
                               Resolution& result) {
  result.everything = everything;
  told_ = true;
  tell_inventory(change, result);
  SessionServices::Delta services = services_.take(result.everything);
  result.services = std::move(services.changed);
  result.removed_services = std::move(services.removed);
}

void Session::State::tell_inventory(SessionCluster::Change& change, Resolution& result) {
  result.cluster = &cluster_.cluster();
  result.prefixes = &policies_.prefixes();
  const bool rest = (change.more_than_pods || change.services || change.nodes) &&
                    !same_rest(told_rest_, *result.cluster);
  const bool prefixes = std::exchange(prefixes_changed_, false) &&
                        !same_prefixes(told_prefixes_, policies_.prefixes());
  if (rest || result.everything) told_rest_ = rest_of(*result.cluster);
  if (prefixes) told_prefixes_ = policies_.prefixes();
  result.more_than_endpoints = rest || prefixes || result.everything;
  if (!result.everything) {
    result.endpoint_changes = std::move(change.splices);
  } else if (auto all = policy::EndpointList::splice_between({}, result.cluster->endpoints)) {
    result.endpoint_changes.push_back(std::move(*all));
  }
}

Session::Session(SessionOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Session::~Session() = default;

FileVerdict Session::put_file(const std::string& key, std::string name, std::string text) {
  return state_->put_file(key, std::move(name), std::move(text));
}

void Session::remove_file(const std::string& key) { state_->remove_file(key); }

bool Session::only_pods_changed() const { return state_->only_pods_changed(); }

Resolution Session::resolve(std::vector<SessionEndpoint> endpoints, bool everything) {
  return state_->resolve(std::move(endpoints), everything);
}

Resolution Session::resolve_again(bool everything) { return state_->resolve_again(everything); }

std::shared_ptr<const SessionShape> Session::find(const std::string& shape) const {
  return state_->find(shape);
}

Result<backend::Bytes> compile(const SessionShape& shape, const ShapeOptions& options) {
  auto compiled = compile_shape(shape.shape, shape.quoted, options);
  if (!compiled) return std::unexpected(compiled.error());
  return std::move(compiled->object);
}

}  // namespace policyc::driver
