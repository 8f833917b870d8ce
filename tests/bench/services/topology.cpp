#include "tests/bench/services/topology.h"

namespace policyc::bench {
namespace {

constexpr const char* kClient = "10.80.0.2";
constexpr const char* kNodeToClient = "10.80.0.1";
constexpr const char* kNodeToServer = "10.81.0.1";
constexpr int kFirstServer = 10;

std::string server_address(int index) { return "10.81.0." + std::to_string(kFirstServer + index); }

void join(const Network& node, const Network& pod, const std::string& device,
          const std::string& address) {
  node.inside([&] {
    shell("ip link add " + device + " type veth peer name eth0 netns " + pod.path() +
          " && ip link set " + device + " up && ip addr add " + address + "/24 dev " + device);
  });
}

const Network& connect_all(const Network& node, const Network& client, const Network& server) {
  node.inside([] {
    shell("ip link set lo up && sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0");
  });
  join(node, client, "to-client", kNodeToClient);
  join(node, server, "to-server", kNodeToServer);
  client.inside([] {
    shell(std::string("ip link set eth0 up && ip addr add ") + kClient +
          "/24 dev eth0 && ip route add default via " + kNodeToClient);
  });
  server.inside([] {
    shell("ip link set eth0 up");
    for (int i = 0; i < kServerAddresses; ++i)
      shell("ip addr add " + server_address(i) + "/24 dev eth0");
    shell(std::string("ip route add default via ") + kNodeToServer);
  });
  return server;
}

}  // namespace

Topology::Topology()
    : listener_(connect_all(node_, client_, server_), kCpu, {"0.0.0.0", kServerPort}) {}

TcpAddress Topology::endpoint(int index) { return {server_address(index), kServerPort}; }

}  // namespace policyc::bench
