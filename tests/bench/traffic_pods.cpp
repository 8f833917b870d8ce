#include "tests/bench/traffic_pods.h"

#include <cstdlib>
#include <iostream>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace policyc::bench {
namespace {

void shell(const std::string& command) {
  if (std::system(command.c_str()) == 0) return;
  std::cerr << "failed: " << command << "\n";
  std::exit(1);
}

void check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

}  // namespace

void enter_node() {
  check(::unshare(CLONE_NEWNET) == 0, "unshare");
  shell("ip link set lo up && sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0");
}

BenchPod::BenchPod(std::string name, std::string address)
    : name_(std::move(name)), address_(std::move(address)) {
  std::thread([this] {
    check(::unshare(CLONE_NEWNET) == 0, "unshare");
    network_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  }).join();
  check(network_ >= 0, "open a network namespace");
  const std::string pid = std::to_string(::getpid());
  shell("ip link add " + name_ + " type veth peer name eth0 netns /proc/" + pid + "/fd/" +
        std::to_string(network_));
  shell("ip link set " + name_ + " up && ip addr add 169.254.1.1/32 dev " + name_ +
        " && ip route add " + address_ + "/32 dev " + name_);
  inside(0, [this] {
    shell("ip link set lo up && ip link set eth0 up && ip addr add " + address_ +
          "/32 dev eth0 && ip route add 169.254.1.1 dev eth0 && ip route add default via "
          "169.254.1.1");
  });
}

BenchPod::~BenchPod() { ::close(network_); }

void BenchPod::inside(unsigned cpu, const std::function<void()>& action) const {
  std::thread([&] {
    check(::setns(network_, CLONE_NEWNET) == 0, "setns");
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    ::sched_setaffinity(0, sizeof cpus, &cpus);
    action();
  }).join();
}

}  // namespace policyc::bench
