// What the agent takes: a pod told to it, many at once, an edit of policies, a cluster of many
// pods, a change of one of these, and its memory. Real policyd and policyc-compilerd beside this
// program, in a network namespace of its own; enforced means that the kernel's entries name the new
// policy. Needs root. Usage: agent_bench [PODS [REMOTE PODS [json|yaml]]]

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <net/if.h>
#include <sched.h>

#include "compiler/support/ip.h"
#include "loader/endpoint/unload.h"
#include "loader/maps/node_maps.h"
#include "tests/bench/agent/bare_calls.h"
#include "tests/bench/agent/bench_agent.h"
#include "tests/bench/agent/manifests.h"
#include "tests/bench/bench_paths.h"
#include "tests/bench/process.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using namespace std::chrono_literals;
using namespace bench;

void make_interfaces(unsigned count, const std::filesystem::path& folder) {
  std::ofstream batch(folder / "links");
  for (unsigned i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    batch << "link add lxc" << n << " type veth peer name eth" << n << "\nlink set lxc" << n
          << " up\n";
  }
  batch.close();
  if (std::system(("ip -batch " + (folder / "links").string()).c_str()) != 0) give_up("ip -batch");
}

v1::AddEndpointRequest request_of(unsigned number) {
  v1::AddEndpointRequest request;
  request.mutable_ref()->set_container_id("c" + std::to_string(number));
  request.mutable_ref()->set_container_interface("eth0");
  request.set_host_interface("lxc" + std::to_string(number));
  request.add_addresses(address_of(number));
  request.set_network("pods");
  request.set_pod_namespace("shop");
  request.set_pod_name("p" + std::to_string(number));
  return request;
}

using Tags = std::map<std::uint32_t, std::uint32_t>;
Tags tags_of(const maps::NodeMaps& maps, unsigned count) {
  Tags tags;
  for (unsigned i = 0; i < count; ++i) {
    const std::uint32_t index = ::if_nametoindex(("lxc" + std::to_string(i)).c_str());
    const auto entry = must(maps.endpoints.lookup(index));
    tags[index] = entry ? entry->shape_tag : 0;
  }
  return tags;
}

// From the write of the file to the last entry with the new policy.
double edit(Agent& agent, const maps::NodeMaps& maps, unsigned count, const std::string& text) {
  const Tags before = tags_of(maps, count);
  const auto start = Clock::now();
  agent.write("policies.yaml", text);
  for (auto left = before; !left.empty();) {
    std::erase_if(left, [&](const auto& entry) {
      const auto now = must(maps.endpoints.lookup(entry.first));
      return now && now->shape_tag != entry.second;
    });
    if (ms_since(start) > 60'000) give_up("an edit is not enforced");
    if (!left.empty()) std::this_thread::sleep_for(500us);
  }
  return ms_since(start);
}

void add_pods(Agent& agent, unsigned count) {
  std::vector<double> times;
  for (unsigned i = 0; i < count; ++i) {
    const auto start = Clock::now();
    const auto added = agent.client().add(request_of(i), 60s);
    if (!added) give_up(to_string(added.error()));
    if (i != 0) times.push_back(ms_since(start));
  }
  if (!times.empty()) bench::report("AddEndpoint to enforced, shape known", times, "ms");
  for (unsigned i = 0; i < count; ++i) {
    v1::EndpointRef ref = request_of(i).ref();
    if (const auto removed = agent.client().remove(ref, 60s); !removed)
      give_up(to_string(removed.error()));
  }
}

double add_at_once(Agent& agent, unsigned count) {
  std::vector<std::thread> threads;
  const auto start = Clock::now();
  for (unsigned i = 0; i < count; ++i) {
    threads.emplace_back([&agent, i] {
      const auto added = agent.client().add(request_of(i), 60s);
      if (!added) give_up(to_string(added.error()));
    });
  }
  for (std::thread& thread : threads) thread.join();
  return ms_since(start);
}

void edits(unsigned count, unsigned groups, unsigned runs) {
  const bench::BenchPaths folders("-" + std::to_string(groups));
  Agent agent(folders.paths());
  agent.write("pods.yaml", pods(count, groups));
  agent.write("policies.yaml", policies(groups, 1000));
  agent.start();
  const std::string with =
      std::to_string(count) + " endpoints of " + std::to_string(groups) + " shapes";
  if (groups == 1) add_pods(agent, std::min(count, 31U));
  bench::report("added at once, " + with, {add_at_once(agent, count)}, "ms");
  const auto maps = must(maps::NodeMaps::open(folders.paths().maps()));
  std::vector<double> times;
  for (unsigned run = 0; run < runs; ++run)
    times.push_back(edit(agent, maps, count, policies(groups, 2000 + run * groups)));
  bench::report("edit to enforced, " + with, times, "ms");
  bench::report("resident memory, " + with, {agent.resident_mib()}, "MiB");
  agent.stop();
  must(endpoint::unload_all(folders.paths()));
}

bool has_address(const maps::NodeMaps& maps, unsigned number) {
  ipcache4_key key{};
  const policyc::IpAddress address = *policyc::parse_ip_address(address_of(number));
  std::memcpy(&key, address.bytes.data(), sizeof key);
  return must(maps.ipcache4.lookup(key)).has_value();
}

void wait_for_address(const maps::NodeMaps& maps, unsigned number) {
  const auto start = Clock::now();
  while (!has_address(maps, number)) {
    if (ms_since(start) > 60'000) give_up("an address is not written");
    std::this_thread::sleep_for(200us);
  }
}

// What a change that comes alone costs at least: CPU of either process.
std::pair<double, double> least_cost(const std::filesystem::path& folder, const std::string& text) {
  std::filesystem::create_directories(folder);
  const bench::BareCalls calls(folder);
  std::vector<double> agent, other;
  for (int run = 0; run < 11; ++run) {
    std::this_thread::sleep_for(100ms);
    const double agent_before = bench::cpu_us(calls.agent());
    const double other_before = bench::cpu_us(calls.other());
    calls.write(text);
    std::this_thread::sleep_for(50ms);
    agent.push_back(bench::cpu_us(calls.agent()) - agent_before);
    other.push_back(bench::cpu_us(calls.other()) - other_before);
  }
  return {bench::quantile(agent, 0.5), bench::quantile(other, 0.5)};
}

// On a full node of a large cluster: pods with labels that are known come, each in a file of its
// own: all at once, each a little after the other, and one by one, as manifests and as an agent
// elsewhere publishes them. What a change costs is read when all is quiet again; the baseline of
// one that comes alone is what its system calls cost.
void later_changes(Agent& agent, unsigned first, unsigned count, const std::string& with) {
  const auto maps = must(maps::NodeMaps::open(agent.maps()));
  unsigned number = first;
  const auto add = [&](unsigned pods, bool published, std::chrono::milliseconds apart = 0ms) {
    for (unsigned i = 0; i < pods; ++i, ++number) {
      if (apart != 0ms) std::this_thread::sleep_for(apart);
      const std::string app = "a" + std::to_string(1 + number % 100);
      agent.write(
          "late" + std::to_string(number) + ".json",
          published ? published_pod(number, app, "default", true) : remote_pod(number, app, true));
    }
    wait_for_address(maps, number - 1);
  };
  const auto bare = least_cost(agent.manifests().parent_path() / "bare", remote_pod(1, "a1", true));
  // The session of peers is opened, and what is seen of the namespace's labels is known. That comes
  // after the cluster's other objects.
  std::this_thread::sleep_for(1s);
  add(1, false);
  add(1, true);
  const auto measure = [&](const std::string& how, unsigned pods, unsigned runs, bool published,
                           std::chrono::milliseconds apart = 0ms) {
    std::vector<double> wall, of_agent, of_compiler;
    for (unsigned run = 0; run < runs; ++run) {
      std::this_thread::sleep_for(100ms);
      const double agent_before = bench::cpu_us(agent.pid());
      const double compiler_before = bench::cpu_us(agent.compiler());
      const auto start = Clock::now();
      add(pods, published, apart);
      wall.push_back(ms_since(start) * 1000 / pods);
      std::this_thread::sleep_for(50ms);
      of_agent.push_back((bench::cpu_us(agent.pid()) - agent_before) / pods);
      of_compiler.push_back((bench::cpu_us(agent.compiler()) - compiler_before) / pods);
    }
    const auto least = [&](double value) {
      return pods == 1 ? std::optional(value) : std::nullopt;
    };
    bench::report("CPU of policyd for a pod's address, " + how + with, of_agent, "us",
                  least(bare.first));
    bench::report("CPU of policyc-compilerd for a pod's address, " + how + with, of_compiler, "us",
                  least(bare.second));
    bench::report("a pod's address written after, " + how + with, wall, "us");
  };
  measure("of " + std::to_string(count) + " at once, ", count, 3, false);
  measure("of " + std::to_string(count) + ", 1 ms apart, ", count, 3, false, 1ms);
  measure("alone, ", 1, 11, false);
  measure("CiliumEndpoints, of " + std::to_string(count) + " at once, ", count, 3, true);
  measure("a CiliumEndpoint alone, ", 1, 11, true);
}

// Pods of other nodes, as the source tells them, each of an identity of its own. One cluster has
// not so many numbers: the last ones are of another one.
void many_peers(unsigned addresses, bool json) {
  constexpr unsigned kOfThisCluster = 60'000;
  constexpr unsigned kPods = 12;
  constexpr unsigned kFull = 110;  // pods of a node, where nobody has changed the kubelet's limit
  const bench::BenchPaths folders(json ? "-peers-json" : "-peers");
  Agent agent(folders.paths());
  agent.write("pods.yaml", pods(kFull, 1));
  agent.write("policies.yaml", policies(1, 1000));
  constexpr unsigned kOfAFile = 5000;
  // The first addresses are this node's.
  const unsigned begin = kFull;
  const unsigned end = begin + addresses;
  for (unsigned first = begin; first < end; first += kOfAFile) {
    std::string text;
    for (unsigned i = first; i < std::min(first + kOfAFile, end); ++i)
      text += i <= kOfThisCluster ? remote_pod(i, "a" + std::to_string(i), json)
                                  : published_pod(i, "a" + std::to_string(i), "far", json);
    agent.write("remote" + std::to_string(first) + (json ? ".json" : ".yaml"), text);
  }
  const std::string with = std::to_string(addresses) + " remote pods, " + (json ? "JSON" : "YAML");
  const auto start = Clock::now();
  std::optional<maps::NodeMaps> node;
  agent.start("262144", [&] {
    if (!node) {
      auto opened = maps::NodeMaps::open(agent.maps());
      if (opened) node.emplace(std::move(*opened));
    }
    return node && has_address(*node, end - 1);
  });
  bench::report("start with " + with + ", to all addresses in the kernel", {ms_since(start)}, "ms");
  const auto add = Clock::now();
  const auto added = agent.client().add(request_of(0), 120s);
  if (!added) give_up(to_string(added.error()));
  bench::report("first pod with " + with + ", to enforced", {ms_since(add)}, "ms");
  std::vector<double> more, fewer;
  for (unsigned i = 1; i < kPods; ++i) {
    const auto one = Clock::now();
    if (const auto again = agent.client().add(request_of(i), 60s); !again)
      give_up(to_string(again.error()));
    more.push_back(ms_since(one));
  }
  for (unsigned i = 1; i < kPods; ++i) {
    const auto one = Clock::now();
    if (const auto gone = agent.client().remove(request_of(i).ref(), 60s); !gone)
      give_up(to_string(gone.error()));
    fewer.push_back(ms_since(one));
  }
  bench::report("another pod of that shape with " + with + ", to enforced", more, "ms");
  bench::report("a pod goes with " + with, fewer, "ms");
  bench::report("initial sync of " + with + ": CPU of policyd", {bench::cpu_us(agent.pid()) / 1000},
                "ms");
  bench::report("initial sync of " + with + ": CPU of policyc-compilerd",
                {bench::cpu_us(agent.compiler()) / 1000}, "ms");
  const auto maps = must(maps::NodeMaps::open(agent.maps()));
  std::vector<double> ports, peers;
  for (unsigned run = 0; run < 7; ++run) {
    ports.push_back(edit(agent, maps, 1, policies(1, 2000 + run)));
    std::string other = policies(1, 3000 + run);
    const std::string selector = "{group: g0}}]";
    other.replace(other.find(selector), selector.size(),
                  "{app: a" + std::to_string(end - 1 - run) + "}}]");
    peers.push_back(edit(agent, maps, 1, other));
  }
  bench::report("edit of ports with " + with + ", to enforced", ports, "ms");
  bench::report("edit of a peer with " + with + ", to enforced", peers, "ms");
  for (unsigned i = 1; i < kFull; ++i) {
    if (const auto again = agent.client().add(request_of(i), 60s); !again)
      give_up(to_string(again.error()));
  }
  agent.write("cluster.yaml", surroundings({}));
  later_changes(agent, end, std::min(addresses, 1000U), with);
  bench::report("resident memory of policyd, " + with, {agent.resident_mib()}, "MiB");
  bench::report("resident memory of policyc-compilerd, " + with,
                {bench::resident_mib(agent.compiler())}, "MiB");
  agent.stop();
  must(endpoint::unload_all(folders.paths()));
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = static_cast<unsigned>(argc > 1 ? std::stoul(argv[1]) : 200);
  const auto identities = static_cast<unsigned>(argc > 2 ? std::stoul(argv[2]) : 100'000);
  // As /run, where an agent has its state.
  ::setenv("TMPDIR", "/dev/shm", 0);
  if (::unshare(CLONE_NEWNET) != 0) give_up("make a network namespace");
  {
    const bench::BenchPaths folders("-links");
    make_interfaces(std::max(count, 110U), folders.paths().state);
  }
  const unsigned runs = count < 50 ? 1 : 7;
  edits(count, 1, runs);
  edits(count, std::min(count, 50U), runs);
  const std::string format = argc > 3 ? argv[3] : "both";
  if (format != "json") many_peers(identities, false);
  if (format != "yaml") many_peers(identities, true);
  return 0;
}
