#include "compiler/policy/reader.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "compiler/policy/inventory.h"
#include "compiler/policy/read_policy.h"
#include "compiler/policy/sanitize.h"
#include "compiler/policy/schema.h"
#include "compiler/policy/schema_rules.h"

namespace policyc::policy {
namespace {

using diag::Id;
using diag::RefusedBy;
using manifest::Document;

enum class DocumentKind : std::uint8_t { Cilium, CidrGroup, Kubernetes, WrongVersion, Other };

DocumentKind kind_of(const Document& document) {
  const std::string& kind = document.kind.value;
  const std::string& version = document.api_version.value;
  if (kind == "CiliumNetworkPolicy" || kind == "CiliumClusterwideNetworkPolicy") {
    return version == "cilium.io/v2" ? DocumentKind::Cilium : DocumentKind::WrongVersion;
  }
  if (kind == "CiliumCIDRGroup") {
    const bool served = version == "cilium.io/v2" || version == "cilium.io/v2alpha1";
    return served ? DocumentKind::CidrGroup : DocumentKind::WrongVersion;
  }
  if (kind == "NetworkPolicy") {
    if (version == "networking.k8s.io/v1") return DocumentKind::Kubernetes;
    // Other groups have a kind of that name too; the retired group of Kubernetes is a mistake.
    return version.starts_with("extensions/") || version.starts_with("networking.k8s.io/") ||
                   version.empty()
               ? DocumentKind::WrongVersion
               : DocumentKind::Other;
  }
  return DocumentKind::Other;
}

std::string_view served_version(const std::string& kind) {
  return kind == "NetworkPolicy" ? "networking.k8s.io/v1" : "cilium.io/v2";
}

const schema::Type& schema_of(DocumentKind kind) {
  if (kind == DocumentKind::Cilium) return schema::cilium_policy();
  if (kind == DocumentKind::CidrGroup) return schema::cidr_group();
  return schema::kubernetes_policy();
}

// What one policy document is, and who refuses it.
struct ReadPolicy {
  std::optional<CiliumPolicy> cilium;
  std::optional<KubernetesPolicy> kubernetes;
  std::optional<CidrGroup> cidr_group;
  bool api_server_accepts = true;
  bool agent_accepts = true;
  std::string refusal_class;  // of the first refusal, by the API server if it refuses
};

// Complaints that something is absent: in a document with values of the wrong type it may be there,
// unreadable.
bool is_about_absence(Id id) {
  switch (id) {
    case Id::NoRuleSections:
    case Id::NoSubject:
    case Id::EmptyPolicy:
    case Id::EmptyCidrRule:
    case Id::SelectorValues:
    case Id::DnsWithoutPort:
    case Id::ServerNamesWithL7:
    case Id::L7WithoutProto:
      return true;
    default:
      return false;
  }
}

// The reports of both validators in the order of the document. Where both refuse one place it is
// said once, in the words of the API server, with the hint of the agent's check, which knows more.
std::vector<diag::Diagnostic> merge_reports(const diag::Engine& by_api_server,
                                            const diag::Engine& by_agent, bool well_typed) {
  std::vector<diag::Diagnostic> merged = by_api_server.all();
  std::map<source::NodeId, std::size_t> refused_places;
  for (std::size_t i = 0; i < merged.size(); ++i) {
    if (merged[i].severity == diag::Severity::Error) refused_places.emplace(merged[i].node, i);
  }
  for (const diag::Diagnostic& diagnostic : by_agent.all()) {
    const auto refused = refused_places.find(diagnostic.node);
    if (refused != refused_places.end()) {
      const bool same_matter =
          merged[refused->second].id != Id::WrongType && !diagnostic.help.empty();
      if (same_matter) merged[refused->second].help = diagnostic.help;
    } else if (well_typed || !is_about_absence(diagnostic.id)) {
      merged.push_back(diagnostic);
    }
  }
  std::ranges::stable_sort(merged, {},
                           &diag::Diagnostic::node);  // places are numbered as they were read
  return merged;
}

// Where kubectl creates an object that names no namespace. In a file given to the agent such a
// policy is cluster-wide.
void place_in_default_namespace(CiliumPolicy& policy) {
  if (policy.kind == PolicyKind::CiliumNetworkPolicy && policy.namespace_.value.empty()) {
    policy.namespace_ = {"default", policy.node};
  }
}

std::string first_class(const diag::Engine& reports) {
  for (const diag::Diagnostic& diagnostic : reports.all()) {
    if (diagnostic.severity == diag::Severity::Error) return diagnostic.refusal_class;
  }
  return {};
}

class PolicyReader {
 public:
  PolicyReader(const ReadOptions& options, diag::Engine& diagnostics)
      : options_(options), diagnostics_(diagnostics) {}

  ReadPolicy read(const Document& document, DocumentKind kind);

 private:
  [[nodiscard]] NullReading nulls(DocumentKind kind) const {
    return options_.check_schema && kind != DocumentKind::Kubernetes ? NullReading::Dropped
                                                                     : NullReading::Empty;
  }
  schema::Checked check_shape(const Document& document, DocumentKind kind, diag::Engine& reports);
  void read_network_policy(const Document& document, bool well_typed, Refusals& by_api_server,
                           Refusals& by_agent, ReadPolicy& result);
  bool read_audit(const Document& document);

  const ReadOptions& options_;
  schema::PatternCache patterns_;
  diag::Engine& diagnostics_;
};

schema::Checked PolicyReader::check_shape(const Document& document, DocumentKind kind,
                                          diag::Engine& reports) {
  schema::CheckOptions check;
  check.constraints = options_.check_schema;
  check.null_items_are_errors = nulls(kind) == NullReading::Dropped;
  check.unknown_fields_are_errors = options_.unknown_fields_are_errors;
  check.refused_by = options_.check_schema ? RefusedBy::ApiServer : RefusedBy::Agent;
  return schema::check(document.root, schema_of(kind), check, patterns_, reports);
}

void PolicyReader::read_network_policy(const Document& document, bool well_typed,
                                       Refusals& by_api_server, Refusals& by_agent,
                                       ReadPolicy& result) {
  result.kubernetes = read_kubernetes_policy(document);
  if (!well_typed) return;
  if (options_.check_schema) check_network_policy(*result.kubernetes, by_api_server);
  sanitize_network_policy(*result.kubernetes, by_agent);
}

// What the annotation kAuditAnnotation says.
bool PolicyReader::read_audit(const Document& document) {
  const manifest::Node* metadata = present(document.root, "metadata");
  if (metadata == nullptr || !metadata->is_mapping()) return false;
  for (const MatchLabel& annotation :
       read_string_map(*metadata, "annotations", NullReading::Empty)) {
    const std::string& value = annotation.value.value;
    if (annotation.key.value != kAuditAnnotation || value == "false") continue;
    if (value == "true") return true;
    const source::NodeId place =
        annotation.value.node.valid() ? annotation.value.node : annotation.key.node;
    diagnostics_
        .report(Id::InvalidAudit, place,
                "annotation `" + std::string(kAuditAnnotation) + "` is " + in_backticks(value))
        .help = "write `\"true\"` to report what the policy denies, `\"false\"` to enforce it";
  }
  return false;
}

ReadPolicy PolicyReader::read(const Document& document, DocumentKind kind) {
  ReadPolicy result;
  diag::Engine api_server_reports;
  diag::Engine agent_reports;
  Refusals by_api_server(api_server_reports, RefusedBy::ApiServer);
  Refusals by_agent(agent_reports, RefusedBy::Agent);
  const schema::Checked checked = check_shape(document, kind, api_server_reports);
  if (options_.check_schema) check_metadata(document, by_api_server);
  switch (kind) {
    case DocumentKind::Cilium: {
      result.cilium = read_cilium_policy(document, nulls(kind));
      if (options_.check_schema) place_in_default_namespace(*result.cilium);
      Sanitizer sanitizer{options_.agent, by_agent, options_.check_schema};
      sanitize(*result.cilium, sanitizer);
      break;
    }
    case DocumentKind::CidrGroup:
      result.cidr_group = read_cidr_group(document, nulls(kind));
      break;
    default:
      read_network_policy(document, checked.well_typed, by_api_server, by_agent, result);
  }
  result.api_server_accepts = checked.valid && by_api_server.count() == 0;
  result.agent_accepts = checked.well_typed && by_agent.count() == 0;
  result.refusal_class =
      first_class(result.api_server_accepts ? agent_reports : api_server_reports);
  for (const diag::Diagnostic& diagnostic :
       merge_reports(api_server_reports, agent_reports, checked.well_typed)) {
    diagnostics_.report(diagnostic.id, diagnostic.node, diagnostic.message) = diagnostic;
  }
  if (kind != DocumentKind::CidrGroup && checked.well_typed) {
    const bool audited = read_audit(document);
    if (result.cilium) result.cilium->audited = audited;
    if (result.kubernetes) result.kubernetes->audited = audited;
  }
  return result;
}

void report_wrong_version(const Document& document, diag::Engine& diagnostics) {
  auto& diagnostic = diagnostics.report(
      Id::UnknownApiVersion,
      document.api_version.node.valid() ? document.api_version.node : document.root.id,
      in_backticks(document.api_version.value) + " has no kind " +
          in_backticks(document.kind.value));
  diagnostic.help = "write `apiVersion: " + std::string(served_version(document.kind.value)) + "`";
  diagnostic.refused_by = RefusedBy::ApiServer;
  diagnostic.refusal_class = "kind";
}

// The set as it grows: a later policy of the same kind, namespace and name replaces the earlier
// one.
class GrowingSet {
 public:
  void put(ReadPolicy&& policy) {
    if (policy.cilium) {
      const CiliumPolicy& cilium = *policy.cilium;
      const char kind = cilium.kind == PolicyKind::CiliumNetworkPolicy ? 'n' : 'c';
      place(policies_.cilium, {kind, cilium.namespace_.value, cilium.name.value},
            std::move(*policy.cilium));
    }
    if (policy.kubernetes) {
      const LocatedString& written = policy.kubernetes->namespace_;
      const std::string name_space = written.value.empty() ? "default" : written.value;
      place(policies_.kubernetes, {'k', name_space, policy.kubernetes->name.value},
            std::move(*policy.kubernetes));
    }
    if (policy.cidr_group) {
      place(policies_.cidr_groups, {'g', "", policy.cidr_group->name.value},
            std::move(*policy.cidr_group));
    }
  }
  [[nodiscard]] PolicySet take() { return std::move(policies_); }

 private:
  using Key = std::tuple<char, std::string, std::string>;

  template <class T>
  void place(std::vector<T>& list, const Key& key, T&& policy) {
    const auto [known, added] = index_.try_emplace(key, list.size());
    if (added) {
      list.push_back(std::move(policy));
    } else {
      list[known->second] = std::move(policy);
    }
  }

  PolicySet policies_;
  std::map<Key, std::size_t> index_;
};

Acceptance refuse_kind(const Document& document, DocumentKind kind, diag::Engine& diagnostics) {
  if (kind == DocumentKind::WrongVersion) {
    report_wrong_version(document, diagnostics);
  } else {
    diagnostics
        .report(Id::NotAPolicy, document.kind.node.valid() ? document.kind.node : document.root.id,
                in_backticks(document.kind.value) + " is not a policy")
        .refused_by = RefusedBy::ApiServer;
  }
  return {.rejected_by = RefusedBy::ApiServer, .refusal_class = "kind"};
}

Acceptance accept(const Document& document, const Options& options, bool through_api_server,
                  diag::Engine& diagnostics) {
  const DocumentKind kind = kind_of(document);
  if (kind == DocumentKind::Other || kind == DocumentKind::WrongVersion)
    return refuse_kind(document, kind, diagnostics);
  ReadOptions read_options;
  read_options.agent = options;
  read_options.check_schema = through_api_server;
  read_options.unknown_fields_are_errors = false;  // pruned; only the client may ask for more
  const ReadPolicy policy = PolicyReader(read_options, diagnostics).read(document, kind);
  Acceptance acceptance;
  acceptance.api_server_accepts = policy.api_server_accepts;
  acceptance.agent_accepts = policy.agent_accepts;
  acceptance.accepted = (policy.api_server_accepts || !through_api_server) && policy.agent_accepts;
  acceptance.rejected_by =
      through_api_server && !policy.api_server_accepts ? RefusedBy::ApiServer : RefusedBy::Agent;
  if (!acceptance.accepted) acceptance.refusal_class = policy.refusal_class;
  return acceptance;
}

}  // namespace

ReadResult read_documents(const std::vector<Document>& documents, const ReadOptions& options,
                          diag::Engine& diagnostics) {
  std::vector<const Document*> all;
  all.reserve(documents.size());
  for (const Document& document : documents) all.push_back(&document);
  return read_documents(all, options, diagnostics);
}

ReadResult read_documents(std::span<const Document* const> documents, const ReadOptions& options,
                          diag::Engine& diagnostics) {
  ReadResult result;
  PolicyReader reader(options, diagnostics);
  Inventory inventory(options.agent, diagnostics);
  GrowingSet policies;
  for (const Document* one : documents) {
    const Document& document = *one;
    const DocumentKind kind = kind_of(document);
    if (kind == DocumentKind::Other) {
      if (!inventory.add(document)) ++result.skipped_documents;
      continue;
    }
    if (diagnostics.exhausted()) {  // what is not read is not enforced either: it counts as refused
      ++result.rejected_policies;
      continue;
    }
    if (kind == DocumentKind::WrongVersion) {
      report_wrong_version(document, diagnostics);
      ++result.rejected_policies;
      continue;
    }
    const std::size_t errors_before = diagnostics.error_count();
    ReadPolicy policy = reader.read(document, kind);
    const bool accepted =
        policy.agent_accepts && (policy.api_server_accepts || !options.check_schema);
    if (!accepted || diagnostics.error_count() != errors_before) {
      ++result.rejected_policies;
    } else {
      policies.put(std::move(policy));
    }
  }
  result.policies = policies.take();
  result.cluster = inventory.take();
  return result;
}

bool is_policy(const Document& document) { return kind_of(document) != DocumentKind::Other; }

Acceptance validate(const Document& document, const Options& options, diag::Engine& diagnostics) {
  return accept(document, options, true, diagnostics);
}

Acceptance validate_static_file(const Document& document, const Options& options,
                                diag::Engine& diagnostics) {
  return accept(document, options, false, diagnostics);
}

}  // namespace policyc::policy
