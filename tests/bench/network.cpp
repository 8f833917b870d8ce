#include "tests/bench/network.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace policyc::bench {
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

Network::Network() {
  std::thread([this] {
    check(::unshare(CLONE_NEWNET) == 0, "unshare");
    fd_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  }).join();
  check(fd_ >= 0, "open a network namespace");
}

Network::~Network() { ::close(fd_); }

std::string Network::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_);
}

void Network::inside(const std::function<void()>& action) const {
  std::thread([&] {
    check(::setns(fd_, CLONE_NEWNET) == 0, "setns");
    action();
  }).join();
}

void Network::inside(unsigned cpu, const std::function<void()>& action) const {
  inside([&] {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    ::sched_setaffinity(0, sizeof cpus, &cpus);
    action();
  });
}

}  // namespace policyc::bench
