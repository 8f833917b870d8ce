#pragma once
// The agent's side of the compiler process: starts it, tells it files, asks it for resolutions and
// objects, and starts it again when it dies, hangs or says what it must not. Never blocks after
// start(); used by one thread, the event loop's (the process dies with the thread that started it).
// docs/compiler-process.md.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/policy/model.h"
#include "compiler/policy/options.h"
#include "compiler/service/desired.h"
#include "compiler/service/forwarding.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/endpoint/inventory.h"

namespace policyc::worker {

// What the process may take. It is killed, and started again, when it takes more.
struct Limits {
  std::uint64_t memory_bytes = std::uint64_t{1}
                               << 30;       // of address space beyond what it starts with
  std::uint64_t cpu_seconds = 0;            // of its whole life; 0: no limit
  std::chrono::milliseconds start{30'000};  // until it is ready
  std::chrono::milliseconds file{10'000};   // to read one file
  std::chrono::milliseconds resolve{30'000};
  std::chrono::milliseconds compile{30'000};       // one shape
  std::chrono::milliseconds first_backoff{50};     // before it is started again; doubles with each
  std::chrono::milliseconds last_backoff{10'000};  // start that gave no answer
};

struct Settings {
  std::filesystem::path program;  // policyc-compilerd
  policy::Options options;
  std::string node_name;
  std::string node_zone;
  std::vector<IpAddress> node_addresses;  // NodePorts and hostPorts are offered there
  unsigned threads = 2;                   // that compile at the same time; 1 to 64
  bool maglev = false;                    // services that do not say: else by chance
  service::Forwarding forwarding = service::Forwarding::Snat;  // of services that do not say
  bool nat46x64 = false;  // backends of the other family for clients whose own has none
  Limits limits;
};

// An endpoint of this node. Its Pod is looked for among the files; without one the labels given
// count, in that namespace; without these it is reserved:init, which is always enforced.
struct LocalEndpoint {
  std::string key;  // the caller's, unique
  std::string pod_namespace;
  std::string pod_name;
  policy::StringMap labels;  // as on a Pod
  std::vector<IpAddress> addresses;
};
// Who asks with the very list of the last time is not told again what has not changed. Nothing: no
// endpoints.
using LocalEndpoints = std::shared_ptr<const std::vector<LocalEndpoint>>;

// Answers. `id` is what resolve() or compile() returned.

// To put_file(): each version of a file is answered once, unless the next one overtakes it. Comes
// again, unasked, when the file is quarantined after it was accepted.
struct FileResult {
  std::string key;
  bool accepted = false;
  std::string diagnostics;   // text, also warnings of an accepted one
  bool last_good = false;    // refused, and an earlier version counts
  bool quarantined = false;  // refused because the process died of it again and again
};

struct ResolvedEndpoint {
  std::string key;
  std::string shape;                  // for compile(); empty when `error` is not
  std::string error;                  // its policy cannot be computed: what it runs must stay
  policy::LabelSet labels;            // of its identity
  std::vector<std::string> policies;  // "Kind/namespace/name" that select it, sorted
};

struct PolicyInfo {
  policy::PolicyKind kind = policy::PolicyKind::CiliumNetworkPolicy;
  std::string namespace_;  // empty: cluster-wide
  std::string name;
  std::string file;  // name of the file, for messages
  std::uint32_t line = 0;
};

struct Resolved {
  std::uint64_t id = 0;
  // Endpoints, policies, diagnostics and refused files are those of the last Resolved, and not
  // here: only where it was asked for with the same list, and never with `everything`.
  bool same_subjects = false;
  std::vector<ResolvedEndpoint> endpoints;  // in the order of the request
  std::vector<PolicyInfo> policies;         // all
  // When `everything`, as after a restart of the process whatever was asked for, services that are
  // not named do not exist. Else they are what changed since the last Resolved that was given out.
  bool everything = false;
  std::shared_ptr<const endpoint::Inventory> inventory;  // whole; nothing: as before
  std::vector<service::DesiredService> services;
  std::vector<std::string> removed_services;
  std::string diagnostics;  // of policies against each other and the cluster
  // Files whose policies are fine alone, and do not go with others' for endpoints that both select:
  // these have `error`. For all others they count, so nothing of a FileResult but key and
  // diagnostics is meant.
  std::vector<FileResult> refused;
};

struct Compiled {
  std::uint64_t id = 0;
  std::string shape;
  std::vector<std::uint8_t> object;
};

enum class FailureReason : std::uint8_t {
  Refused,       // the process answered with an error: `message`
  UnknownShape,  // not among those of the last Resolved: resolve again
  Restarted,     // the process died or was killed meanwhile: ask again
  TimedOut,      // the process was killed because this request took too long: ask again
  Quarantined,   // the process died of this shape again and again
  MoreThanPods,  // of resolve_pods(): nothing was resolved
};
struct Failed {
  std::uint64_t id = 0;
  FailureReason reason = FailureReason::Refused;
  std::string message;
};

// The process was lost, and why. Every request without an answer gets its Failed right after this.
// A new process starts by itself and is told the files again; resolve() may be called at once.
struct Lost {
  std::string message;
};

using Answer = std::variant<FileResult, Resolved, Compiled, Failed, Lost>;

struct Statistics {
  std::uint64_t starts = 0;
  std::uint64_t losses = 0;
  std::uint64_t files = 0;        // told and not removed
  std::uint64_t quarantined = 0;  // of these
  std::uint64_t requests = 0;     // resolve() and compile() without an answer
};

class Client {
 public:
  // Starts the process and waits until it is ready; an Error when it cannot be started so.
  [[nodiscard]] static Result<std::unique_ptr<Client>> start(Settings settings);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();  // ends the process

  // Readable when pump() has something to do, deadlines and restarts too. The same one for the
  // client's life.
  [[nodiscard]] int fd() const;

  // A file comes, changes, goes. Kept here, so that a new process is told again: its last good
  // version too, and that before the one of now. What was told counts in every later resolve().
  // `key` as in watch::Object; more than kMaxFileBytes is refused by a FileResult.
  void put_file(std::string key, std::string name, std::string content);
  void remove_file(const std::string& key);

  // Each returns the number that the answer will have; never 0. All may be called with requests
  // underway; resolutions are answered in their order.
  std::uint64_t resolve(LocalEndpoints endpoints, bool everything = false);
  // As resolve(), if nothing but pods changed since the last Resolved.
  std::uint64_t resolve_pods(LocalEndpoints endpoints);
  // A shape of the last Resolved. Larger priorities are compiled first.
  std::uint64_t compile(std::string shape, unsigned priority);

  // Reads and writes what can be, looks after deadlines, and gives what was answered. An Error when
  // this process cannot go on (no descriptors, no memory): the answers are not lost.
  [[nodiscard]] Result<std::vector<Answer>> pump();

  // 0 while there is no process.
  [[nodiscard]] int pid() const;
  [[nodiscard]] bool ready() const;
  [[nodiscard]] Statistics statistics() const;

 private:
  class State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Of one file; as manifest::Limits has it.
inline constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;

}  // namespace policyc::worker
