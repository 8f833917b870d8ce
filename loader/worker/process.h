#pragma once
// The compiler process' side of the conversation: requests come, a session answers them. What comes
// is not trusted more than what is sent: whatever the bytes, the answer is a message.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "compiler/driver/session.h"
#include "loader/worker/compile_pool.h"
#include "loader/worker/frame.h"

namespace policyc::worker {

namespace wire {
class Request;
class Reply;
class Resolve;
class Configure;
}  // namespace wire

class Process {
 public:
  // Replies are written to `fd`, which blocks; it is not closed.
  explicit Process(int fd) : fd_(fd), in_(fd) {}

  // Reads requests until the stream ends; the exit code: 0 then, 1 when it broke off within a
  // message or announced one that is too large.
  int run();
  // One message, answered on the descriptor: at once, or by a thread when it is compiled. While
  // more has come already, what files were answered waits for that of small files and of a
  // resolution of few pods, at most kMaxHeld answers: one write, and one wake-up of the agent. For
  // nothing else, because who has no answer is late, or may be to blame for a death.
  void handle(std::string_view message);

 private:
  int broken_off();
  void dispatch(wire::Request& request, wire::Reply& reply);
  void configure(const wire::Configure& configure, wire::Reply& reply);
  void resolve(const wire::Resolve& resolve, wire::Reply& reply);
  void send(const wire::Reply& reply);
  void send_held();

  int fd_;
  Input in_;
  std::string held_;  // replies, as bytes
  unsigned held_count_ = 0;
  std::mutex write_mutex_;
  policy::Options options_;
  std::unique_ptr<driver::Session> session_;
  // Told with a resolution that was refused, and of none since.
  std::optional<std::vector<driver::SessionEndpoint>> endpoints_;
  std::unique_ptr<CompilePool> pool_;  // ends before what it uses
};

}  // namespace policyc::worker
