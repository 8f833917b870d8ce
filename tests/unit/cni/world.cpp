#include "tests/unit/cni/world.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

namespace policyc::testing {
namespace {

constexpr int kArrival = 20000;

sockaddr_storage socket_address(const std::string& address, std::uint16_t port, socklen_t& length) {
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    length = sizeof *v4;
  } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    length = sizeof *v6;
  } else {
    throw std::runtime_error("not an address: " + address);
  }
  return storage;
}

}  // namespace

void shell(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

void CniTest::SetUpTestSuite() {
  ASSERT_EQ(::geteuid(), 0U) << "these tests need root";
  static const bool entered = ::unshare(CLONE_NEWNET) == 0;
  ASSERT_TRUE(entered);
  shell("ip link set lo up");
}

Json CniTest::config(const std::string& version) const {
  return {{"cniVersion", version},
          {"name", "testnet"},
          {"type", "policyc-cni"},
          {"agent-socket", socket_},
          {"ipam",
           {{"type", "policyc"},
            {"dataDir", (folder_ / "ipam").string()},
            {"ranges", {{{{"subnet", "10.7.0.0/24"}}}, {{{"subnet", "fd07::/64"}}}}}}}};
}

Ran CniTest::run(const std::string& command, const Container& container, const Json& configuration,
                 const std::map<std::string, std::string>& more) const {
  std::map<std::string, std::string> environment{
      {"CNI_COMMAND", command},        {"CNI_CONTAINERID", container.id()},
      {"CNI_NETNS", container.path()}, {"CNI_IFNAME", "eth0"},
      {"CNI_PATH", "/usr/lib/cni"},    {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
  for (const auto& [name, value] : more) environment[name] = value;
  return run_plugin(POLICYC_CNI_BINARY, environment, configuration.dump());
}

std::vector<std::string> CniTest::host_interfaces() {
  std::vector<std::string> names;
  for (const Json& entry : Json::parse(output_of("ip -j link show"))) {
    if (entry.at("ifname") != "lo") names.push_back(entry.at("ifname"));
  }
  return names;
}

std::vector<std::string> CniTest::used_addresses() const {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_ / "ipam" / "testnet" / "used", none))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

bool CniTest::reaches(const Container* from, const Container* to, const std::string& address) {
  const auto where = [](const Container* container, const std::function<void()>& action) {
    container == nullptr ? action() : container->inside(action);
  };
  socklen_t length = 0;
  const sockaddr_storage target = socket_address(address, 7777, length);
  bpf::Fd server, client;
  where(to, [&] {
    server = bpf::Fd(::socket(target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::bind(server.get(), reinterpret_cast<const sockaddr*>(&target), length) != 0)
      throw std::runtime_error("cannot bind " + address);
  });
  where(from, [&] { client = bpf::Fd(::socket(target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
  // There and back again.
  sockaddr_storage sender{};
  socklen_t sender_length = sizeof sender;
  char byte = 'x';
  if (::sendto(client.get(), &byte, 1, 0, reinterpret_cast<const sockaddr*>(&target), length) != 1)
    return false;
  pollfd waiting{server.get(), POLLIN, 0};
  if (::poll(&waiting, 1, kArrival) != 1) return false;
  if (::recvfrom(server.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&sender), &sender_length) !=
      1)
    return false;
  if (::sendto(server.get(), &byte, 1, 0, reinterpret_cast<const sockaddr*>(&sender),
               sender_length) != 1)
    return false;
  waiting.fd = client.get();
  return ::poll(&waiting, 1, kArrival) == 1;
}

}  // namespace policyc::testing
