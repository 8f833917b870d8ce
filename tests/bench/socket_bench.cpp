// What socket load balancing adds to connect(2): a UDP socket that connects again and again, and
// socket + connect + close, of UDP and TCP; without any program, with programs at another
// cgroup (what the kernel's hooks take), for an address that is no service, and through the last of
// SERVICES services. Needs root and cgroup2. Usage: socket_bench [SERVICES] [RUNS] [CALLS]
//
// Cilium 1.19.4's bpf_sock, measured with the same number of services on one machine: re-connect
// 294 ns without it, 426 for an address that is no service, 466 through a service; socket + connect
// + close 3442 and 4077.
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loader/bpf/map.h"
#include "loader/sockets/cgroup.h"
#include "loader/sockets/sockets.h"
#include "runtime/abi/service.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using bench::must;

constexpr std::uint32_t kFirstService = 0x0a600000;    // 10.96.0.0
constexpr std::uint32_t kBackendAddress = 0x7f000102;  // 127.0.1.2
constexpr std::uint32_t kElsewhere = 0x7f000203;
constexpr std::uint16_t kPort = 80;
constexpr std::uint32_t kBackends = 3;  // of each service

struct Figures {
  double reconnect;
  double udp;  // socket + connect + close
  double tcp;
};

struct Spread {
  std::vector<double> reconnect;
  std::vector<double> udp;
  std::vector<double> tcp;

  void add(const Figures& figures) {
    reconnect.push_back(figures.reconnect);
    udp.push_back(figures.udp);
    tcp.push_back(figures.tcp);
  }
};

sockaddr_in address_of(std::uint32_t address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(address);
  return result;
}

[[noreturn]] void give_up(const std::string& what) {
  std::cerr << what << ": " << std::strerror(errno) << "\n";
  std::exit(1);
}

void connect_to(int fd, const sockaddr_in& to) {
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) give_up("connect");
}

// Of this thread's processor time: what others do meanwhile does not count.
double processor_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double nanoseconds_per_call(std::size_t calls, const std::function<void()>& call) {
  for (std::size_t i = 0; i < calls / 10; ++i) call();
  const double begun = processor_nanoseconds();
  for (std::size_t i = 0; i < calls; ++i) call();
  return (processor_nanoseconds() - begun) / static_cast<double>(calls);
}

// `to`: something listens there, or at its backends.
Figures measure(const sockaddr_in& to, std::size_t calls) {
  Figures figures{};
  {
    const bpf::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    figures.reconnect = nanoseconds_per_call(calls, [&] { connect_to(socket.get(), to); });
  }
  figures.udp = nanoseconds_per_call(calls / 4, [&] {
    const bpf::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    connect_to(socket.get(), to);
  });
  // Refused at once by the peer, so that no connection remains; the rest of the way is the same.
  figures.tcp = nanoseconds_per_call(calls / 20, [&] {
    const bpf::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ||
        errno != ECONNREFUSED)
      give_up("connect");
  });
  return figures;
}

template <class Value>
bpf::Map<std::uint32_t, Value> open_array(const endpoint::Paths& paths, const std::string& name) {
  return bpf::Map<std::uint32_t, Value>(
      bpf::MapHandle(name, must(bpf::open_pinned(paths.maps() / name))));
}

// Each service has a frontend of its own address and `kBackends` backends.
void fill(const endpoint::Paths& paths, std::uint32_t services) {
  const auto backends = open_array<backend_value>(paths, "backends");
  const auto slots = open_array<std::uint32_t>(paths, "slots");
  const auto sets = open_array<service_value>(paths, "services");
  const auto frontends = open_array<frontend_address>(paths, "frontends");
  const bpf::MapHandle lookup("frontends4", must(bpf::open_pinned(paths.maps() / "frontends4")));
  for (std::uint32_t service = 1; service <= services; ++service) {
    for (std::uint32_t i = 0; i < kBackends; ++i) {
      const std::uint32_t number = service * kBackends + i;
      backend_value backend{};
      const std::uint32_t address = htonl(kBackendAddress);
      std::memcpy(backend.address, &address, sizeof address);
      backend.port = htons(static_cast<std::uint16_t>(kPort + i));
      backend.family = 4;
      backend.state = BACKEND_ACTIVE;
      backend.generation = 1;
      backend.service = service;
      must(backends.update(number, backend));
      must(slots.update(number, number));
    }
    must(sets.update(service, {service * kBackends, kBackends}));
    const std::uint32_t address = htonl(kFirstService + service);
    frontend_address shown{};
    std::memcpy(shown.address, &address, sizeof address);
    shown.port = htons(kPort);
    shown.family = 4;
    must(frontends.update(service, shown));
    for (const std::uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
      const frontend4_key key{address, htons(kPort), protocol, 0};
      frontend_value value{};
      value.frontend = service;
      value.service[SCOPE_INTERNAL] = service;
      must(lookup.update_raw(&key, &value, BPF_ANY));
    }
  }
}

// A cgroup of this process alone.
class OwnCgroup {
 public:
  OwnCgroup() {
    const auto root = must(sockets::root_cgroup());
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("0::")) before_ = root.string() + line.substr(3);
    }
    path_ = root / ("policyc-bench-" + std::to_string(::getpid()));
    other_ = path_.string() + "-other";
    std::filesystem::create_directory(path_);
    std::filesystem::create_directory(other_);
    enter(path_);
  }
  ~OwnCgroup() {
    enter(before_);
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    std::filesystem::remove(other_, ignored);
  }
  OwnCgroup(const OwnCgroup&) = delete;
  OwnCgroup& operator=(const OwnCgroup&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::filesystem::path& other() const { return other_; }  // has no process

 private:
  static void enter(const std::filesystem::path& cgroup) {
    std::ofstream(cgroup / "cgroup.procs") << ::getpid() << std::endl;
  }
  std::filesystem::path before_;
  std::filesystem::path path_;
  std::filesystem::path other_;
};

void report_all(const std::string& name, const Spread& spread, const Spread* beside) {
  const auto baseline = [](const std::vector<double>* values) {
    return values == nullptr ? std::nullopt : std::optional(bench::quantile(*values, 0.5));
  };
  bench::report("socket_reconnect_" + name, spread.reconnect, "ns",
                baseline(beside ? &beside->reconnect : nullptr));
  bench::report("socket_udp_" + name, spread.udp, "ns", baseline(beside ? &beside->udp : nullptr));
  bench::report("socket_tcp_refused_" + name, spread.tcp, "ns",
                baseline(beside ? &beside->tcp : nullptr));
}

}  // namespace

int main(int count, char** arguments) {
  const auto number = [&](int index, long otherwise) {
    return count > index ? std::stol(arguments[index]) : otherwise;
  };
  const auto services = static_cast<std::uint32_t>(number(1, 10'000));
  const auto runs = number(2, 9);
  const auto calls = static_cast<std::size_t>(number(3, 200'000));
  if (::unshare(CLONE_NEWNET) != 0) give_up("make a network namespace");
  if (std::system("ip link set lo up") != 0) return 1;
  const OwnCgroup cgroup;
  const bench::BenchPaths folders;
  const sockaddr_in elsewhere = address_of(kElsewhere, kPort);
  const sockaddr_in service = address_of(kFirstService + services, kPort);
  Spread without;
  Spread hooked;  // the kernel runs its hooks, but this cgroup has no program
  Spread missed;
  Spread translated;
  // One after the other in each run, so that all see the same machine.
  for (long run = 0; run < runs; ++run) {
    without.add(measure(elsewhere, calls));
    must(sockets::attach(folders.paths().bpffs, cgroup.other()));
    hooked.add(measure(elsewhere, calls));
    must(sockets::attach(folders.paths().bpffs, cgroup.path()));
    if (run == 0) fill(folders.paths(), services);
    missed.add(measure(elsewhere, calls));
    translated.add(measure(service, calls));
    must(sockets::detach(folders.paths().bpffs));
  }
  report_all("without", without, nullptr);
  report_all("other_cgroup", hooked, &without);
  report_all("no_service", missed, &without);
  report_all("service", translated, &without);
  return 0;
}
