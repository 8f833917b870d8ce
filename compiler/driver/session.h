#pragma once
// A compilation that goes on: files come, change and go, and each resolve() says what the policies
// of now mean for the endpoints of one node, at the cost of what changed. Pure: bytes in, values
// and diagnostics out. What it says of a pod is what Compilation says of it, given the same files
// in the order of their keys.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/backend/backend.h"
#include "compiler/driver/compilation.h"
#include "compiler/policy/cluster.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/reader.h"
#include "compiler/service/directory.h"
#include "compiler/support/result.h"

namespace policyc::driver {

struct SessionOptions {
  policy::ReadOptions read;
  // This node. Its own Node, by name, is the host; its addresses are the host's too.
  service::NodeView node;
  service::Defaults services;
  std::size_t max_rows = ir::kMaxRows;
  unsigned read_workers = 1;  // threads that read a large file
  // Places of texts that do not count any more are kept until there are as many bytes of them as of
  // those that do, and this many.
  std::size_t spare_text_bytes = std::size_t{16} << 20;
};

struct FileVerdict {
  bool accepted = false;    // no errors: it counts
  std::string diagnostics;  // as text, warnings too
  bool last_good = false;   // refused, and what an earlier version said still counts
};

// Whose Pod (or CiliumEndpoint) is looked for among the files; without one `labels` count, in that
// namespace, as a Pod's would; without these the endpoint is reserved:init.
struct SessionEndpoint {
  std::string key;  // the caller's
  std::string namespace_;
  std::string pod;
  policy::StringMap labels;
};

struct ResolvedSubject {
  std::string key;
  std::string shape;                  // for compile(); empty when there is an error
  std::string error;                  // diagnostics: its policy cannot be computed
  policy::LabelSet labels;            // of its identity
  std::vector<std::string> policies;  // that select it, sorted: Origin::object()
};

struct PolicyPlace {
  policy::PolicyKind kind = policy::PolicyKind::CiliumNetworkPolicy;
  std::string namespace_;
  std::string name;
  std::string file;
  std::uint32_t line = 0;
};

// A file whose policies do not go together with others', for the endpoints that both select.
struct Conflict {
  std::string file;  // key
  std::string diagnostics;
};

struct Resolution {
  // Endpoints, policies, diagnostics and conflicts are those of the last resolution, and not here.
  bool same_subjects = false;
  std::vector<ResolvedSubject> endpoints;  // in the order asked
  std::vector<PolicyPlace> policies;       // by kind, namespace and name
  // What exists, with the labels of prefixes.
  const policy::Cluster* cluster = nullptr;  // the session's, until the next call
  const std::vector<policy::PrefixLabels>* prefixes = nullptr;  // likewise
  // What of it is different since the last resolution: steps from the endpoints of before to those
  // of now, and whether anything else is. `everything`: there is no before.
  bool everything = false;
  bool more_than_endpoints = false;
  std::vector<policy::EndpointSplice> endpoint_changes;
  [[nodiscard]] bool inventory_changed() const {
    return more_than_endpoints || !endpoint_changes.empty();
  }
  std::vector<service::DesiredService> services;  // changed or new
  std::vector<std::string> removed_services;
  std::string diagnostics;  // of policies against each other and the cluster
  std::vector<Conflict> conflicts;
};

struct SessionShape;  // session_subjects.h

// The object of a shape: the bytes that `policyc compile` writes. Thread-safe.
[[nodiscard]] Result<backend::Bytes> compile(const SessionShape& shape,
                                             const ShapeOptions& options = {});

class Session {
 public:
  explicit Session(SessionOptions options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Reads the file, once. One that takes more memory than there is is refused. One with errors
  // counts for nothing; what an earlier version said stays.
  FileVerdict put_file(const std::string& key, std::string name, std::string text);
  void remove_file(const std::string& key);

  // Whether since the last resolve() nothing changed but some pods that came or are different now:
  // the next one costs what these do. One that went may be on its way to another file.
  [[nodiscard]] bool only_pods_changed() const;

  // `everything`: services and inventory as if nothing had been said before, as in the first call.
  // Without it they are told as what changed since the last call. Shapes of earlier calls that no
  // endpoint has now are forgotten.
  Resolution resolve(std::vector<SessionEndpoint> endpoints, bool everything = false);
  // For the endpoints that were asked for last. Where nothing changed that they depend on, and not
  // `everything` is to be told, the work is that of what changed.
  Resolution resolve_again(bool everything = false);

  // A shape of the last resolve(), by its key; nothing for another key. The key is object_key(): it
  // is the same whenever the object is, also in another process of this build. It is not the key
  // under which loader/endpoint keeps a loaded shape, which the object's bytes are part of. May be
  // called by several threads, also during the others.
  [[nodiscard]] std::shared_ptr<const SessionShape> find(const std::string& shape) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace policyc::driver
