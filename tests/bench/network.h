#pragma once
// Network namespaces for real traffic. They vanish with the process. Needs root.

#include <functional>
#include <string>

namespace policyc::bench {

// Ends the program with a message unless the command of the shell succeeds.
void shell(const std::string& command);
// Ends the program with errno's message.
void check(bool good, const char* what);

class Network {
 public:
  Network();  // a new one
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // What `ip link ... netns` takes.
  [[nodiscard]] std::string path() const;
  // Does something on a thread in the namespace; programs that it starts are there too.
  void inside(const std::function<void()>& action) const;
  // The same on that CPU only.
  void inside(unsigned cpu, const std::function<void()>& action) const;

 private:
  int fd_ = -1;
};

}  // namespace policyc::bench
