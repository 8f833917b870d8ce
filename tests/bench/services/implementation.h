#pragma once
// An implementation of services, and how to add one to the comparison.
//
// One class: name(), setup(), change_backends(), teardown(), and a line in make_implementation()
// (comparison.cpp). The harness gives each implementation a topology of its own, loads the
// services, checks that connections to the last one reach every backend of it, and measures. An
// implementation must make the client's connections to a service's address and port arrive at its
// backends, and the answers come back. Objects for other numbers of services live at the same time:
// pins, cgroups and whatever else has a name needs one of its own.
//
// - A load balancer for each packet attaches to "to-client" and "to-server" in topology.node()
//   (topology.node().inside(...): an interface's index means something there only), or to the
//   client's eth0.
// - A load balancer of sockets attaches to a cgroup of its own. A socket belongs to the cgroup of
//   the process that made it, so enter_client() moves the process into the cgroup (write 0 to
//   cgroup.procs) and leave_client() moves it back; the harness calls them around every measurement
//   of this implementation, on the thread that connects.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/services/topology.h"

namespace policyc::bench {

struct Service {
  TcpAddress frontend;
  std::vector<TcpAddress> backends;
};

class Implementation {
 public:
  virtual ~Implementation() = default;

  [[nodiscard]] virtual std::string name() const = 0;
  // False: connections go to a backend's address, and only traffic is measured.
  [[nodiscard]] virtual bool translates() const { return true; }

  // From nothing to all services in the kernel. Timed.
  virtual void setup(const Topology& topology, const std::vector<Service>& services) = 0;
  // services[changed] has other backends than before. Timed when it has one more.
  virtual void change_backends(const Topology& topology, const std::vector<Service>& services,
                               std::size_t changed) = 0;
  // Back to nothing.
  virtual void teardown(const Topology& topology) = 0;

  virtual void enter_client() const {}
  virtual void leave_client() const {}
};

}  // namespace policyc::bench
