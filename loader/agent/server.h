#pragma once
// The gRPC API on its Unix socket. Calls are handed to the event loop and answered from it; what is
// read from kernel and disk alone is read on the call's own thread.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "compiler/support/result.h"
#include "loader/agent/agent.h"
#include "loader/agent/loop.h"
#include "loader/agent/metrics.h"

namespace policyc::agent {

class ApiServer {
 public:
  // The socket replaces one that an agent before this left. Its folder is made, for root alone; one
  // that others may write to is an Error. Who connects and is not root is turned away. On the
  // loop's thread, as everything here.
  [[nodiscard]] static Result<std::unique_ptr<ApiServer>> start(Loop& loop, Agent& agent,
                                                                Metrics& metrics,
                                                                std::string version,
                                                                std::int64_t started);
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;
  // Calls under way are answered as unavailable; the socket goes.
  ~ApiServer();

 private:
  struct State;
  explicit ApiServer(std::unique_ptr<State> state);
  void accept();
  std::unique_ptr<State> state_;
};

}  // namespace policyc::agent
