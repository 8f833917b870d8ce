#pragma once
// The endpoints that were asked for, and who waits for them: the part of the API that changes
// something. Used on the event loop's thread alone.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loader/agent/loop.h"
#include "loader/reconcile/reconciler.h"
#include "loader/reconcile/registry.h"
#include "loader/worker/client.h"

namespace policyc::agent {

enum class ApiCode : std::uint8_t {
  InvalidArgument,
  AlreadyExists,
  NotFound,
  FailedPrecondition,
  Unavailable,
};
struct ApiError {
  ApiCode code = ApiCode::Unavailable;
  std::string message;
};
// Called once; nothing: it is done.
using Reply = std::function<void(const std::optional<ApiError>&)>;

class Endpoints {
 public:
  struct Hooks {
    // The index of an interface by its name; 0: there is none.
    std::function<std::uint32_t(const std::string& name)> interface_index;
    std::function<void()> changed;  // somebody has to resolve and reconcile
    std::function<bool()> audit;
  };

  Endpoints(reconcile::Registry registry, reconcile::Reconciler& reconciler, Hooks hooks)
      : registry_(std::move(registry)), reconciler_(reconciler), hooks_(std::move(hooks)) {}

  // Tells the reconciler what the registry has from before.
  void restore();

  // The reply comes when the endpoint is enforced, or has failed, or at the deadline; after a
  // failure nothing of it is left. Endpoints whose interface is gone and that have what it wants
  // are forgotten.
  void add(reconcile::Registration registration, TimePoint deadline, Reply reply);
  // The reply comes when it is unloaded; `existed` tells whether there was one.
  void remove(const std::string& key, TimePoint deadline,
              std::function<void(bool existed, const std::optional<ApiError>&)> reply);
  [[nodiscard]] std::optional<ApiError> check(const std::string& key,
                                              reconcile::NodeActions& actions) const;
  // Endpoints of that network that are not among `valid`.
  [[nodiscard]] std::vector<std::string> stale(const std::string& network,
                                               const std::vector<std::string>& valid) const;

  // Interfaces came or went: endpoints without theirs are gone.
  void check_interfaces();

  // Before anything is enforced.
  [[nodiscard]] Result<void> flush() { return registry_.flush(); }
  // Answers those whose endpoint got there, failed, or took too long. Returns the next deadline.
  std::optional<TimePoint> settle(TimePoint now);

  // Answers everybody: nobody will be served any more.
  void cancel(const std::string& why);

  [[nodiscard]] const reconcile::Registry& registry() const { return registry_; }
  // For the compiler: those whose interface is there.
  [[nodiscard]] const worker::LocalEndpoints& local();

 private:
  struct Waiter {
    std::string key;
    TimePoint deadline;
    bool created = false;  // this call told of the endpoint: it goes again when the call fails
    Reply reply;
  };
  struct Leaving {
    std::string interface;
    std::vector<std::pair<TimePoint, Reply>> waiters;
  };
  void want(const reconcile::Registration& registration);
  [[nodiscard]] bool has_interface(const reconcile::Registration& registration) const {
    return hooks_.interface_index(registration.host_interface) == registration.interface_index;
  }
  void forget(const std::string& key, TimePoint deadline, Reply reply);
  [[nodiscard]] std::optional<ApiError> failure_of(const Waiter& waiter, TimePoint now) const;
  void settle_waiters(TimePoint now, std::vector<std::function<void()>>& replies);
  void settle_leaving(TimePoint now, std::vector<std::function<void()>>& replies);

  reconcile::Registry registry_;
  reconcile::Reconciler& reconciler_;
  Hooks hooks_;
  std::vector<Waiter> waiters_;
  std::map<std::string, Leaving> leaving_;
  worker::LocalEndpoints local_;
  std::uint64_t local_version_ = 0;  // of the reconciler's endpoints
};

}  // namespace policyc::agent
