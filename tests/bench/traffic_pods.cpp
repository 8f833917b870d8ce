#include "tests/bench/traffic_pods.h"

#include <sched.h>

namespace policyc::bench {

void enter_node() {
  check(::unshare(CLONE_NEWNET) == 0, "unshare");
  shell("ip link set lo up && sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0");
}

BenchPod::BenchPod(std::string name, std::string address)
    : name_(std::move(name)), address_(std::move(address)) {
  shell("ip link add " + name_ + " type veth peer name eth0 netns " + network_.path());
  shell("ip link set " + name_ + " up && ip addr add 169.254.1.1/32 dev " + name_ +
        " && ip route add " + address_ + "/32 dev " + name_);
  network_.inside([this] {
    shell("ip link set lo up && ip link set eth0 up && ip addr add " + address_ +
          "/32 dev eth0 && ip route add 169.254.1.1 dev eth0 && ip route add default via "
          "169.254.1.1");
  });
}

}  // namespace policyc::bench
