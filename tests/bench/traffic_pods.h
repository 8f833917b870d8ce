#pragma once
// Four pods on a node of network namespaces, for real traffic: two without any program between
// them, two with policies of both directions. All IPv4, routed by the node. Needs root.

#include <cstdint>
#include <functional>
#include <string>

namespace policyc::bench {

// Makes the calling process's network namespace the node. Everything vanishes with the process.
void enter_node();

// A veth pair: `name` on the node, eth0 in a namespace of its own.
class BenchPod {
 public:
  BenchPod(std::string name, std::string address);
  ~BenchPod();
  BenchPod(const BenchPod&) = delete;
  BenchPod& operator=(const BenchPod&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  // Does something on a thread in the pod's namespace that runs on that CPU only.
  void inside(unsigned cpu, const std::function<void()>& action) const;

 private:
  std::string name_;
  std::string address_;
  int network_ = -1;
};

}  // namespace policyc::bench
