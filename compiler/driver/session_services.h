#pragma once
// The services of a session: which object counts where several files have it, and what changed of
// what the node should balance. Internal to compiler/driver.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "compiler/driver/session_cluster.h"
#include "compiler/driver/session_file.h"
#include "compiler/service/directory.h"

namespace policyc::driver {

class SessionServices {
 public:
  // `cluster` knows which file's version of a pod counts; it must outlive this.
  SessionServices(service::NodeView node, const service::Defaults& defaults,
                  const SessionCluster& cluster);

  // A file comes, changes (`before` is what it said) or goes, and the cluster was told. What it
  // says must live until the next change of the file.
  void replace(const std::string& key, const SessionFile* before, const SessionFile* now);

  struct Delta {
    std::vector<service::DesiredService> changed;  // or new, by name
    std::vector<std::string> removed;
  };
  // What changed since the last call; with `everything` all there is, and nothing removed.
  [[nodiscard]] Delta take(bool everything);
  // The node's view, with what its own manifest says where the settings are silent.
  [[nodiscard]] const service::NodeView& node() const { return view_; }

 private:
  enum class Kind { Service, Slice, LegacySlice, Pod, Node };
  using Id = std::tuple<Kind, std::string, std::string>;  // namespace, name
  using Object = std::variant<const service::Service*, const service::EndpointSlice*,
                              const service::HostPortPod*, const service::NodeObject*>;
  [[nodiscard]] static std::map<Id, Object> objects_of(const SessionFile& file);
  // Pods of the file that some file gives host ports: most have none, and are not kept here.
  void add_pods_of(const SessionFile& file, std::set<Id>& ids) const;
  // What counts of it; nothing: there is none, or the pod that counts has no host ports.
  [[nodiscard]] std::optional<Object> object_of(const Id& id) const;
  void apply(const Id& id);
  void look_at_node();

  const SessionCluster& cluster_;
  service::NodeView settings_;
  service::Defaults defaults_;
  service::NodeView view_;
  std::optional<service::Directory> directory_;
  std::map<Id, std::map<std::string, Object>> objects_;  // by file: that of the last one counts
  std::size_t pods_ = 0;                                 // of them
  std::set<std::string> touched_;                        // services that may have changed
  std::map<std::string, service::DesiredService> told_;
};

}  // namespace policyc::driver
