#pragma once
// A network of namespaces for sockets and programs:
//
//   client 198.51.100.9 - node1 198.51.100.1 | 10.10.0.1 - node2 10.10.0.2 | pod 10.20.0.7
//
// and the same in IPv6. node1 has the frontend 192.0.2.80 / 2001:db8:80::1 and a pod of its
// own, 10.30.0.5. Needs root.

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "loader/endpoint/paths.h"
#include "loader/maps/node_maps.h"
#include "loader/nat/devices.h"
#include "loader/nat/tables.h"

namespace policyc::test {

enum class Host { Client, Node1, Node2, Pod, OwnPod };

// Runs `what` on a thread of its own in that host's namespace, and waits for it.
class Network {
 public:
  Network();
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  void in(Host host, const std::function<void()>& what) const;
  // Throws when it fails.
  void shell(Host host, const std::string& command) const;
  [[nodiscard]] std::string name(Host host) const;
  // XDP takes checksums for whole: what this host sends has them, and is no train of segments.
  void send_whole(Host host, const std::string& interface) const;

 private:
  std::string prefix_;
};

// A node's maps and programs under a BPF file system path of its own.
class NodePrograms {
 public:
  NodePrograms(const Network& network, Host host);
  ~NodePrograms();
  NodePrograms(const NodePrograms&) = delete;
  NodePrograms& operator=(const NodePrograms&) = delete;

  void attach(const std::string& interface, bool masquerade = false, nat::Dsr dsr = nat::Dsr::Off);
  void attach_xdp(const std::string& interface);  // generic
  void detach_tc(const std::string& interface);   // its configuration stays
  void detach(const std::string& interface);
  [[nodiscard]] const endpoint::Paths& paths() const { return paths_; }
  [[nodiscard]] const maps::NodeMaps& maps() const { return *maps_; }
  template <class Key, class Value>
  void put(const char* map, const Key& key, const Value& value) const {
    write(map, &key, &value);
  }
  // A frontend of both families, for TCP and UDP, port 80, with one backend; with
  // FRONTEND_OTHER_FAMILY each family has the other one's.
  void set_frontend(const std::string& v4, const std::string& v6, std::uint32_t flags,
                    const std::string& backend4, const std::string& backend6, bool local) const;
  void set_identity(const std::string& address, std::uint32_t identity,
                    std::uint32_t interface_index) const;

 private:
  void write(const char* map, const void* key, const void* value) const;
  const Network& network_;
  Host host_;
  endpoint::Paths paths_;
  std::unique_ptr<maps::NodeMaps> maps_;
};

// Answers every TCP connection and datagram on port 8080 of both families with "<address of the
// peer> <what it said>". Ends with the object.
class EchoServer {
 public:
  EchoServer(const Network& network, Host host);
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

 private:
  int stop_[2] = {-1, -1};
  std::thread thread_;
};

// What such a server answered to `text`; "" when nothing came within two seconds.
[[nodiscard]] std::string ask_tcp(const Network& network, Host host, const std::string& address,
                                  std::uint16_t port, const std::string& text);
[[nodiscard]] std::string ask_udp(const Network& network, Host host, const std::string& address,
                                  std::uint16_t port, const std::string& text);
// The error that a datagram brings its socket within two seconds; 0: none.
[[nodiscard]] int refusal_of_udp(const Network& network, Host host, const std::string& address,
                                 std::uint16_t port);
// Is an ICMP echo request answered, with what it said?
[[nodiscard]] bool ask_echo(const Network& network, Host host, const std::string& address);

}  // namespace policyc::test
