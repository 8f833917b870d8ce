#pragma once
// What exists, of all files of a session together. Pods and CiliumEndpoints, which come and go all
// the time, are taken in at the cost of what files say of them; services and nodes at that of all
// services and nodes; for all else the cluster is put together anew. Internal to compiler/driver.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/driver/file_versions.h"
#include "compiler/driver/session_file.h"
#include "compiler/policy/cluster.h"
#include "compiler/policy/options.h"
#include "compiler/service/directory.h"

namespace policyc::driver {

// All files that say something, in their order; asked for when they are needed.
using FilesInOrder = std::function<std::map<std::string_view, const SessionFile*>()>;

class SessionCluster {
 public:
  // Both must outlive it.
  SessionCluster(const policy::Options& options, const service::NodeView& node)
      : options_(options), node_(node) {}

  // A file comes, changes (`before` is what it said) or goes.
  void replace(const std::string& key, const SessionFile* before, const SessionFile* now);

  struct Change {
    bool any = false;
    bool more_than_pods = false;  // perhaps all of it
    bool services = false;        // the cluster's services, beside whatever else
    bool nodes = false;
    std::vector<policy::EndpointSplice> splices;  // of the endpoints, one after the other
    // Pods that went or came: a changed one is in both.
    std::vector<policy::EndpointRef> gone;
    std::vector<policy::EndpointRef> come;
    // Whose Pod or CiliumEndpoint files said something else of; unless `more_than_pods`.
    std::set<policy::Inventory::Key> touched;
  };
  // Whether the next update() is about few endpoints that come or change, and nothing else.
  [[nodiscard]] bool changes_little() const;
  // The cluster is what these files say, which replace() was told.
  [[nodiscard]] Change update(const FilesInOrder& files);

  [[nodiscard]] const policy::Cluster& cluster() const { return cluster_; }
  // The Pod, or else the CiliumEndpoint, of that name; nothing: there is none.
  [[nodiscard]] const policy::Endpoint* find(const std::string& name_space,
                                             const std::string& name) const;
  // The file whose version of a Pod counts, also one that says that it is over; nothing: no file
  // has it.
  [[nodiscard]] const std::string* file_of(const std::string& name_space,
                                           const std::string& name) const;

 private:
  using Key = policy::Inventory::Key;
  void own(const std::string& file, const SessionFile& from, bool coming);
  [[nodiscard]] bool needs_rebuild(const Key& key) const;
  using Wanted = std::vector<std::pair<const Key*, policy::EndpointRef>>;
  void place(const Wanted& wanted, std::size_t begin, std::size_t& count, Change& change,
             std::size_t& shift) const;
  void put_touched(Change& change);
  void rebuild(const FilesInOrder& files, Change& change);
  void update_services_and_nodes(Change& change);
  void add_host();

  const policy::Options& options_;
  const service::NodeView& node_;
  policy::Cluster cluster_;
  // Of its endpoints pods come first, then those that have a CiliumEndpoint alone, then others.
  std::size_t pod_count_ = 0;
  std::size_t published_count_ = 0;
  FileVersions pods_;
  FileVersions published_;  // CiliumEndpoints
  SeenLabels seen_labels_;
  std::map<Key, policy::EndpointRef> others_;              // of a name the first
  std::map<std::string, const SessionFile*> beside_pods_;  // files that have more than pods
  std::set<Key> touched_;
  bool stale_ = true;  // all of it
  bool services_stale_ = false;
  bool nodes_stale_ = false;
};

}  // namespace policyc::driver
