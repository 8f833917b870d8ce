#pragma once
// One connection to the agent's socket. The socket is connected here and not by gRPC, which after a
// refused attempt waits for seconds before the next one: an agent that was just started again is
// there with the first call after it listens.

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>

#include <loader/api/policyd.grpc.pb.h>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::api {

class Connection {
 public:
  using Stub = std::shared_ptr<v1::Agent::Stub>;

  explicit Connection(std::filesystem::path socket) : path_(std::move(socket)) {}

  // Calls go through it. Connects where there is no connection, or where the agent closed it; an
  // Error says why nobody is reached. Waits for an agent whose queue is full, at most so long.
  // Any thread.
  [[nodiscard]] Result<Stub> stub(std::chrono::milliseconds timeout);
  // A call through it did not get through: the next one connects anew.
  void drop(const Stub& stub);

 private:
  [[nodiscard]] bool is_closed() const;

  std::filesystem::path path_;
  std::mutex mutex_;
  bpf::Fd watched_;  // the same connection as the stub's, which hides its own
  Stub stub_;
};

}  // namespace policyc::api
