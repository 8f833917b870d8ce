#pragma once
// The policies of a session, each resolved when it comes or when what it asks of the cluster
// changes. Internal to compiler/driver.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/driver/session_file.h"
#include "compiler/policy/entry.h"

namespace policyc::driver {

struct PolicyPart {
  std::uint64_t stamp = 0;    // of the policy as written
  policy::Origin origin;      // the object; no path
  std::string file;           // key
  policy::Resolved resolved;  // with it alone
  std::string diagnostics;
  bool broken = false;         // it cannot be resolved: who it selects must keep what they have
  bool asks_services = false;  // what it says depends on the cluster's services
  bool asks_groups = false;    // messages depend on which groups exist
};

class SessionPolicies {
 public:
  explicit SessionPolicies(const policy::Options& options) : options_(options) {}

  struct Change {
    std::vector<std::unique_ptr<PolicyPart>> gone;  // kept until the caller is done with them
    std::vector<const PolicyPart*> fresh;           // their entries are new
  };
  // Files by key; of equal policies that of the last file counts.
  Change update(const std::map<std::string, const SessionFile*>& files,
                const policy::Cluster& cluster, bool cluster_changed,
                const source::SourceMap& sources);
  // After the source map was made anew: every part is resolved again at the next update(), and is
  // as it was.
  void forget_places() { places_lost_ = true; }

  // As Resolved::entries has them.
  [[nodiscard]] const std::vector<const PolicyPart*>& in_order() const { return order_; }
  // Of CIDR groups and policies.
  [[nodiscard]] const std::vector<policy::PrefixLabels>& prefixes() const { return prefixes_; }
  [[nodiscard]] const std::string& group_diagnostics() const { return group_diagnostics_; }
  // Whether what some policy says depends on the cluster's services.
  [[nodiscard]] bool ask_services() const { return ask_services_; }

 private:
  void resolve(PolicyPart& part, const policy::CiliumPolicy* cilium,
               const policy::KubernetesPolicy* kubernetes, const policy::Cluster& cluster,
               const source::SourceMap& sources) const;
  bool collect_groups(const std::map<std::string, const SessionFile*>& files);

  const policy::Options& options_;
  policy::PolicySet groups_;  // CIDR groups alone
  std::vector<std::string> group_names_;
  std::map<std::uint64_t, std::unique_ptr<PolicyPart>> parts_;  // by stamp
  std::vector<const PolicyPart*> order_;
  std::vector<policy::PrefixLabels> prefixes_;
  std::string group_diagnostics_;
  bool ask_services_ = false;
  bool places_lost_ = false;
};

}  // namespace policyc::driver
