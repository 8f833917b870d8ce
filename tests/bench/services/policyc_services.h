#pragma once
// policyc's own services: sockets that are given a backend when they connect, and endpoints whose
// packets are translated.

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "loader/service/loader.h"
#include "tests/bench/bench_paths.h"
#include "tests/bench/services/implementation.h"

namespace policyc::bench {

struct StatedBackend {
  TcpAddress address;
  policyc_backend_state state = BACKEND_ACTIVE;
};

// The tables, in maps of its own.
class PolicycServices : public Implementation {
 public:
  void setup(const Topology& topology, const std::vector<Service>& services) override;
  void change_backends(const Topology& topology, const std::vector<Service>& services,
                       std::size_t changed) override;
  void teardown(const Topology& topology) override;

  // Gives one service these backends.
  void set_backends(const TcpAddress& frontend, const std::vector<StatedBackend>& backends);
  // While it is set up.
  [[nodiscard]] const endpoint::Paths& paths() const { return folders_->paths(); }

 protected:
  // What clients connect to; the backends are its set 0.
  [[nodiscard]] virtual service::Frontend frontend(const TcpAddress& address) const;
  // After the tables are filled, and before they go.
  virtual void attach(const Topology& topology) = 0;
  virtual void detach(const Topology& topology) = 0;

 private:
  std::optional<BenchPaths> folders_;
  [[nodiscard]] service::DesiredService desired(const TcpAddress& address,
                                                const std::vector<StatedBackend>& backends) const;
  [[nodiscard]] service::DesiredService desired(const Service& service) const;

  std::optional<service::ServiceLoader> loader_;
};

// The devices' programs on both interfaces of the node: the client is outside, the frontend a
// NodePort, and backends see the node.
class PolicycDevices : public PolicycServices {
 public:
  [[nodiscard]] std::string name() const override { return "policyc-devices"; }

 protected:
  [[nodiscard]] service::Frontend frontend(const TcpAddress& address) const override;
  void attach(const Topology& topology) override;
  void detach(const Topology& topology) override;
};

// The socket programs, on a cgroup that the client is moved into.
class PolicycSockets : public PolicycServices {
 public:
  [[nodiscard]] std::string name() const override { return "policyc-sockets"; }
  void enter_client() const override;
  void leave_client() const override;

 protected:
  void attach(const Topology& topology) override;
  void detach(const Topology& topology) override;

 private:
  std::filesystem::path cgroup_;
  std::filesystem::path before_;
};

// The endpoint's programs on the client's interface, with an egress policy; its events are read.
class PolicycPackets : public PolicycServices {
 public:
  // `past_stack`: what leaves is routed by the programs (load --egress-delivery).
  explicit PolicycPackets(bool past_stack) : past_stack_(past_stack) {}
  [[nodiscard]] std::string name() const override {
    return past_stack_ ? "policyc-packets-delivery" : "policyc-packets";
  }

 protected:
  void attach(const Topology& topology) override;
  void detach(const Topology& topology) override;

 private:
  bool past_stack_;
  std::atomic<bool> stop_ = false;
  std::thread reader_;
};

}  // namespace policyc::bench
