#include "cli/demo/stage.h"

#include <set>
#include <tuple>

#include "compiler/support/check.h"
#include "loader/bpf/bpffs.h"
#include "loader/endpoint/unload.h"

namespace policyc::demo {
namespace {

// The server's ports that need a listener: none for ICMP, which the kernel answers, and one for
// both families of address.
std::vector<Listener> listeners_for(const Topology& topology,
                                    const std::vector<Attempt>& attempts) {
  std::set<std::tuple<std::string, bool, std::uint16_t>> services;
  for (const Attempt& attempt : attempts) {
    if (attempt.service != Service::Ping)
      services.emplace(attempt.to, attempt.service == Service::Udp, attempt.port);
  }
  std::vector<Listener> listeners;
  for (const auto& [host, udp, port] : services) {
    for (const IpAddress& address : topology.host(host).addresses) {
      if (address.v6 && !topology.has_ipv6()) continue;
      listeners.push_back({topology.host_fd(host), address, udp, port});
    }
  }
  return listeners;
}

}  // namespace

Stage::Stage(RunFolders folders, Topology topology)
    : folders_(std::move(folders)),
      topology_(std::move(topology)),
      paths_{folders_.pins(), folders_.state()} {}

Result<std::unique_ptr<Stage>> Stage::set(const Build& build,
                                          const std::vector<Attempt>& attempts) {
  auto folders = RunFolders::create(run_name());
  if (!folders) return std::unexpected(folders.error());
  std::vector<Host> hosts;
  for (const policy::Endpoint& pod : build.pods) hosts.push_back({pod.name, pod.addresses});
  auto topology = Topology::create(hosts);
  if (!topology) return std::unexpected(topology.error());
  std::unique_ptr<Stage> stage(new Stage(std::move(*folders), std::move(*topology)));
  auto servers = Servers::start(listeners_for(stage->topology_, attempts));
  if (!servers) return std::unexpected(servers.error());
  stage->servers_.emplace(std::move(*servers));
  return stage;
}

Stage::~Stage() {
  decisions_.reset();
  // Detaching is by interface index, which counts in the node's namespace. What fails here goes
  // with the folders and the namespaces.
  if (const auto scope = NamespaceScope::enter(topology_.node_fd()))
    static_cast<void>(endpoint::unload_all(paths_));
}

Result<LoadedPod> Stage::load(const Build& build, const policy::Endpoint& pod) {
  auto loaded = load_pod(paths_, topology_, build, pod);
  if (!loaded) return loaded;
  if (!decisions_) {
    auto decisions = Decisions::open(paths_);
    if (!decisions) return std::unexpected(decisions.error());
    decisions_.emplace(std::move(*decisions));
  }
  return loaded;
}

Exchange Stage::exchange(const Attempt& attempt) const {
  const auto address = [&]() -> IpAddress {
    if (attempt.to_address.empty()) return topology_.host(attempt.to).address(attempt.v6);
    const auto parsed = parse_ip_address(attempt.to_address);
    POLICYC_CHECK(parsed.has_value());
    return *parsed;
  };
  return {topology_.host_fd(attempt.from),
          topology_.host(attempt.from).address(attempt.v6),
          address(),
          attempt.service,
          attempt.port,
          kHttpPath};
}

Result<std::vector<Decision>> Stage::decisions(const Exchange& exchange,
                                               std::uint16_t source_port) {
  POLICYC_CHECK(decisions_.has_value());
  return decisions_->of(exchange, source_port);
}

}  // namespace policyc::demo
