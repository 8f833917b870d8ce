#include "tests/unit/loader/sandbox.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/unload.h"

namespace policyc::testing {
namespace {

constexpr int kArrivalMilliseconds = 300;

sockaddr_in socket_address(const std::string& address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1)
    throw std::runtime_error("not an address: " + address);
  return result;
}

std::string path_of(const bpf::Fd& fd) {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd.get());
}

}  // namespace

void shell(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

namespace {

// Until a packet to the address finds such a way; `inside` is put before commands.
void wait_for_route6(const std::string& inside, const std::string& address,
                     const std::string& way = "") {
  shell("for i in $(seq 300); do " + inside + "ip -6 route get " + address +
        " 2>/dev/null | grep -q '^" + way + "' && exit 0; sleep 0.1; done; exit 1");
}

}  // namespace

void add_loopback6(const std::string& address) {
  shell("ip addr replace " + address + "/128 dev lo nodad");
  // The route to the interface comes before the one that makes it an address of its own.
  wait_for_route6("", address, "local ");
}

void KernelTest::SetUpTestSuite() {
  ASSERT_EQ(::geteuid(), 0U) << "these tests need root";
  static const bool entered = ::unshare(CLONE_NEWNET) == 0;
  ASSERT_TRUE(entered);
  shell("ip link set lo up");
}

void KernelTest::SetUp() {
  static int number = 0;
  const std::string name =
      "policyc-test-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
  paths_.bpffs = std::filesystem::path(bpf::kBpffsMount) / name;
  paths_.state = std::filesystem::temp_directory_path() / name;
  must(bpf::ensure_directory(paths_.bpffs));
  std::filesystem::create_directories(paths_.state);
}

void KernelTest::TearDown() {
  EXPECT_TRUE(endpoint::unload_all(paths_).has_value());
  must(bpf::remove_tree(paths_.bpffs));
  std::filesystem::remove_all(paths_.state);
}

Pod::Pod(std::string host, std::string address)
    : host_(std::move(host)), address_(std::move(address)) {
  std::thread maker([this] {
    if (::unshare(CLONE_NEWNET) == 0)
      network_ = bpf::Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  });
  maker.join();
  if (!network_.valid()) throw std::runtime_error("no network namespace");
  const std::string network = path_of(network_);
  const std::string inside = "nsenter --net=" + network + " ";
  shell("ip link add " + host_ + " type veth peer name eth0 netns " + network);
  shell("ip link set " + host_ + " up");
  shell(inside + "ip link set lo up");
  shell(inside + "ip link set eth0 up");
  shell(inside + "ip addr add " + address_ + "/32 dev eth0");
  shell(inside + "ip route add default dev eth0");
  shell("ip route add " + address_ + "/32 dev " + host_);
  // No address resolution: it would take packets and time of the test.
  shell("ip neigh add " + address_ + " dev " + host_ + " lladdr $(" + inside +
        "ip -br link show eth0 | awk '{print $3}')");
}

Pod::~Pod() {
  // Gone already when the test deleted it.
  static_cast<void>(std::system(("ip link del " + host_ + " 2>/dev/null").c_str()) == 0);
}

std::uint32_t Pod::index() const { return ::if_nametoindex(host_.c_str()); }

void Pod::add_address6(const std::string& address, const std::vector<std::string>& peers) const {
  const std::string inside = "nsenter --net=" + path_of(network_) + " ";
  const std::string link_address = " | awk '{print $3}')";
  shell(inside + "ip addr add " + address + "/128 dev eth0 nodad");
  wait_for_route6(inside, address);
  shell(inside + "ip -6 route add default dev eth0");
  shell("ip -6 route add " + address + "/128 dev " + host_);
  shell("ip neigh add " + address + " dev " + host_ + " lladdr $(" + inside +
        "ip -br link show eth0" + link_address);
  for (const std::string& peer : peers) {
    shell("address=$(ip -br link show " + host_ + link_address + "; " + inside + "ip neigh add " +
          peer + " dev eth0 lladdr $address");
  }
}

void Pod::inside(const std::function<void()>& action) const {
  std::exception_ptr failed;
  // Network namespaces are per thread; a socket keeps the one it was made in.
  std::thread worker([&] {
    try {
      if (::setns(network_.get(), CLONE_NEWNET) != 0) throw std::runtime_error("setns");
      action();
    } catch (...) {
      failed = std::current_exception();
    }
  });
  worker.join();
  if (failed) std::rethrow_exception(failed);
}

bpf::Fd Pod::udp_socket(std::uint16_t port) const {
  bpf::Fd result;
  inside([&] { result = host_udp_socket(address_, port); });
  if (!result.valid()) throw std::runtime_error("no socket in the pod");
  return result;
}

bool Pod::reached_from(const std::string& source, std::uint16_t port) const {
  const bpf::Fd server = udp_socket(port);
  const bpf::Fd client = host_udp_socket(source, 0);
  send_datagram(client, address_, port);
  return receives(server);
}

bool Pod::reaches(const std::string& destination, std::uint16_t port) const {
  const bpf::Fd server = host_udp_socket(destination, port);
  const bpf::Fd client = udp_socket(0);
  send_datagram(client, destination, port);
  return receives(server);
}

void add_host_address(const std::string& address) {
  shell("ip addr add " + address + "/32 dev lo");
}

bpf::Fd host_udp_socket(const std::string& address, std::uint16_t port) {
  bpf::Fd result(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in where = socket_address(address, port);
  if (::bind(result.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    throw std::runtime_error("cannot bind " + address + ":" + std::to_string(port));
  }
  return result;
}

void send_datagram(const bpf::Fd& socket, const std::string& destination, std::uint16_t port) {
  const sockaddr_in where = socket_address(destination, port);
  const char byte = 'x';
  // A drop on the way out is reported as EPERM: no datagram arrives then, which is what the caller
  // looks at.
  static_cast<void>(::sendto(socket.get(), &byte, 1, 0, reinterpret_cast<const sockaddr*>(&where),
                             sizeof where) == 1);
}

bool receives(const bpf::Fd& socket) {
  pollfd waiting{socket.get(), POLLIN, 0};
  return ::poll(&waiting, 1, kArrivalMilliseconds) == 1 && (waiting.revents & POLLIN) != 0;
}

std::string sender_of_next(const bpf::Fd& socket) {
  if (!receives(socket)) return {};
  sockaddr_in sender{};
  socklen_t length = sizeof sender;
  char byte = 0;
  if (::recvfrom(socket.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&sender), &length) != 1)
    return {};
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &sender.sin_addr, text, sizeof text);
  return text;
}

}  // namespace policyc::testing
