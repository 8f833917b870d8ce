#include "tests/bench/services/policyc_services.h"

#include <fstream>

#include "compiler/driver/compile_all.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/unload.h"
#include "loader/events/ring.h"
#include "loader/nat/devices.h"
#include "loader/sockets/cgroup.h"
#include "loader/sockets/sockets.h"

namespace policyc::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPolicy = R"(apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: client, namespace: bench}
spec:
  endpointSelector: {matchLabels: {app: client}}
  egress:
    - toCIDR: [10.80.0.0/14]
      toPorts: [{ports: [{port: "8080", protocol: TCP}]}]
)";
constexpr const char* kInventory = R"(apiVersion: v1
kind: Namespace
metadata: {name: bench}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: bench, labels: {app: client}}
status: {podIP: 10.80.0.2}
)";

// Moves the process.
void enter_cgroup(const fs::path& directory) {
  std::ofstream procs(directory / "cgroup.procs");
  procs << "0" << std::flush;
  check(procs.good(), "cgroup.procs");
}

// Of the calling process, on the cgroup2 mount.
fs::path own_cgroup(const fs::path& root) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return root / line.substr(4);
  }
  return root;
}

}  // namespace

service::Frontend PolicycServices::frontend(const TcpAddress& address) const {
  return {.address = *parse_ip_address(address.address),
          .port = address.port,
          .internal = 0,
          .own_address = true};
}

service::DesiredService PolicycServices::desired(const TcpAddress& address,
                                                 const std::vector<StatedBackend>& backends) const {
  service::DesiredService result;
  result.name = "bench/" + address.address;
  service::BackendSet set;
  set.port = "http";
  for (const StatedBackend& backend : backends) {
    set.backends.push_back({.address = *parse_ip_address(backend.address.address),
                            .port = backend.address.port,
                            .state = backend.state});
  }
  result.sets.push_back(std::move(set));
  result.frontends.push_back(frontend(address));
  return result;
}

service::DesiredService PolicycServices::desired(const Service& service) const {
  std::vector<StatedBackend> backends;
  for (const TcpAddress& backend : service.backends) backends.push_back({backend});
  return desired(service.frontend, backends);
}

void PolicycServices::setup(const Topology& topology, const std::vector<Service>& services) {
  folders_.emplace("-" + name() + "-" + std::to_string(services.size()));
  loader_.emplace(must(service::ServiceLoader::open(paths().maps(), paths().state / "services")));
  std::vector<service::DesiredService> all;
  all.reserve(services.size());
  for (const Service& service : services) all.push_back(desired(service));
  static_cast<void>(must(loader_->apply(all)));
  topology.node().inside([&] { attach(topology); });
}

void PolicycServices::change_backends(const Topology&, const std::vector<Service>& services,
                                      std::size_t changed) {
  static_cast<void>(must(loader_->upsert(desired(services[changed]))));
}

void PolicycServices::set_backends(const TcpAddress& frontend,
                                   const std::vector<StatedBackend>& backends) {
  static_cast<void>(must(loader_->upsert(desired(frontend, backends))));
}

void PolicycServices::teardown(const Topology& topology) {
  topology.node().inside([&] { detach(topology); });
  loader_.reset();
  folders_.reset();
}

void PolicycSockets::attach(const Topology&) {
  const fs::path root = must(sockets::root_cgroup());
  before_ = own_cgroup(root);
  cgroup_ = root / paths().bpffs.filename();
  fs::create_directory(cgroup_);
  must(sockets::attach(paths().bpffs, cgroup_));
}

void PolicycSockets::detach(const Topology&) {
  must(sockets::detach(paths().bpffs));
  fs::remove(cgroup_);
}

void PolicycSockets::enter_client() const { enter_cgroup(cgroup_); }
void PolicycSockets::leave_client() const { enter_cgroup(before_); }

void PolicycPackets::attach(const Topology&) {
  driver::CompileOptions options;
  options.has_inventory = true;
  driver::Compilation compilation(options);
  if (!compilation.parse({{"policy.yaml", kPolicy}}, {{"pods.yaml", kInventory}}) ||
      !compilation.resolve() || !compilation.build_shapes()) {
    std::cerr << diag::render_text(compilation.sources(), compilation.diagnostics());
    std::exit(1);
  }
  const auto object =
      must(driver::compile_shape(compilation.shapes().front().shape, compilation.sources()));
  endpoint::LoadRequest request;
  request.object = object.object;
  request.interface = "to-client";
  request.addresses = {*parse_ip_address("10.80.0.2")};
  request.inventory = endpoint::Inventory{{}, compilation.read().cluster, {}};
  request.trace_verdicts = true;
  request.egress_delivery = past_stack_;
  static_cast<void>(must(endpoint::load_endpoints(paths(), {&request, 1})));
  auto maps = must(maps::NodeMaps::open(paths().maps()));
  auto config = must(maps.config());
  config.flags |= NODE_SERVICES;
  must(maps.set_config(config));
  stop_ = false;
  reader_ = std::thread([this, maps = std::move(maps)] {
    auto ring =
        must(events::Ring::open(maps.event_heads.fd(), maps.event_slots.fd(), events::From::Now));
    for (; !stop_; std::this_thread::sleep_for(std::chrono::milliseconds(20)))
      static_cast<void>(ring.read());
  });
}

void PolicycPackets::detach(const Topology&) {
  stop_ = true;
  reader_.join();
  static_cast<void>(must(endpoint::unload_all(paths())));
}

service::Frontend PolicycDevices::frontend(const TcpAddress& address) const {
  service::Frontend result = PolicycServices::frontend(address);
  result.flags = FRONTEND_NODE_PORT;
  result.external = 0;
  result.own_address = false;
  return result;
}

void PolicycDevices::attach(const Topology&) {
  const auto maps = must(maps::NodeMaps::open_or_create(paths().maps(), {}));
  for (const char* device : {"to-client", "to-server"})
    must(nat::attach_device(paths(), maps, must(nat::config_of_interface(device))));
}

void PolicycDevices::detach(const Topology&) {
  static_cast<void>(must(nat::detach_all(paths())));
  static_cast<void>(must(endpoint::unload_all(paths())));
}

}  // namespace policyc::bench
