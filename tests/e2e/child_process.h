#pragma once
// A program that a test starts and looks at from outside.

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace policyc::test {

class ChildProcess {
 public:
  // `arguments[0]` is a path. Standard output and error come back as one text. `user` is what it
  // runs as.
  explicit ChildProcess(const std::vector<std::string>& arguments, uid_t user = 0);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  // Kills a child that still runs.
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Reads on until the output holds `text`; false when it ends without, or after 30 seconds.
  [[nodiscard]] bool wait_for(std::string_view text);
  void send(int signal) const;
  // Reads the rest and waits for the end. The exit status, 128 + number for a signal, -1 when it
  // takes over 60 seconds.
  int wait();
  [[nodiscard]] const std::string& output() const { return output_; }

 private:
  // False at the end of the output, or when the time is over.
  bool read_some(int milliseconds);

  pid_t pid_ = -1;
  int pipe_ = -1;
  bool running_ = true;
  std::string output_;
};

}  // namespace policyc::test
