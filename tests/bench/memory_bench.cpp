// Kernel memory of the policy of one endpoint, as /proc/self/fdinfo tells it, and beside it what an
// LPM trie with an entry for each allowed (identity, port) pair takes. Needs root.
// Usage: memory_bench [IDENTITIES]
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "loader/bpf/info.h"
#include "loader/endpoint/rows.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/policies.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using bench::must;

constexpr std::size_t kCiliumLimit = 16384;  // entries of one endpoint's policy map

// What the kernel charges for the object behind a descriptor.
double memlock(int fd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(fd));
  for (std::string name; info >> name;) {
    if (name != "memlock:") continue;
    double bytes = 0;
    info >> bytes;
    return bytes;
  }
  must<void>(fail("the kernel tells no memlock"));
  return 0;
}

struct Bytes {
  double charged = 0;
  double elements = 0;  // keys are not stored in arrays
  double translated = 0;
  double machine_code = 0;
};

// The shape's own maps: all that its programs use but those of the node.
Bytes measure(const endpoint::LoadedShape& shape, const maps::NodeMaps& node) {
  std::vector<std::uint32_t> shared;
  for (const int fd : {node.scratch.fd(), node.policy_finish.fd(), node.policies.fd()})
    shared.push_back(must(bpf::map_info(fd)).id);
  Bytes bytes;
  std::vector<std::uint32_t> counted;
  for (const bpf::Fd& program : shape.programs) {
    const auto info = must(bpf::program_info(program.get()));
    bytes.translated += info.instructions * 8.0;
    bytes.machine_code += info.jited_bytes;
    for (const std::uint32_t id : info.map_ids) {
      if (std::count(shared.begin(), shared.end(), id) != 0) continue;
      if (std::count(counted.begin(), counted.end(), id) != 0) continue;
      counted.push_back(id);
      const bpf::Fd map(bpf_map_get_fd_by_id(id));
      const auto map_info = must(bpf::map_info(map.get()));
      bytes.charged += memlock(map.get());
      bytes.elements += static_cast<double>(map_info.max_entries) * map_info.value_size;
      std::cout << "  " << map_info.name << ": " << map_info.max_entries << " elements of "
                << map_info.value_size << " bytes, " << memlock(map.get()) << " bytes charged\n";
    }
  }
  return bytes;
}

policy::LabelSet labels_of(std::uint32_t identity, std::uint32_t applications) {
  policy::LabelSet labels = bench::app_labels(identity % applications);
  labels.set({"k8s", "statefulset.kubernetes.io/pod-name", "pod-" + std::to_string(identity)});
  return labels;
}

// One prefix for each power-of-two block of ports, of each identity that a rule names.
struct Trie {
  std::size_t entries = 0;
  double charged = 0;
};

Trie fill_trie(const ir::Shape& shape, std::uint32_t identities, std::uint32_t applications) {
  struct Key {
    std::uint32_t prefix_length;
    std::uint32_t identity;
    std::uint8_t egress, protocol;
    std::uint16_t port;
  };
  static_assert(sizeof(Key) == 12);
  const auto map = must(bpf::MapHandle::create(
      {"bench_policy", BPF_MAP_TYPE_LPM_TRIE, sizeof(Key), 8, 1U << 24U, BPF_F_NO_PREALLOC}));
  std::vector<matrix::PredicateTruth> truths;
  for (std::uint32_t i = 0; i < applications; ++i)
    truths.push_back(shape.truth(0, labels_of(i, applications)));
  const ir::DirectionShape& part = shape.directions[0];
  Trie trie;
  for (std::uint32_t identity = 0; identity < identities; ++identity) {
    for (std::size_t index = 0; index < part.matrix.rules().size(); ++index) {
      const matrix::MatrixRule& rule = part.matrix.rules()[index];
      if (!part.matrix.applies(static_cast<std::uint32_t>(index), truths[identity % applications]))
        continue;
      for (const auto& range : rule.ports) {
        for (std::uint32_t first = range.first; first <= range.last;) {
          std::uint32_t bits = 0;
          while (bits < 16 && (first & (1U << bits)) == 0 && first + (2U << bits) - 1 <= range.last)
            ++bits;
          const Key key{64 - bits, 256 + identity, 0, range.protocol,
                        htons(static_cast<std::uint16_t>(first))};
          const std::uint64_t value = rule.decision;
          const int status = bpf_map_update_elem(map.fd(), &key, &value, BPF_NOEXIST);
          if (status == 0) ++trie.entries;
          first += 1U << bits;
        }
      }
    }
  }
  trie.charged = memlock(map.fd());
  return trie;
}

void one_policy(const bench::PolicySize& size, const std::string& kind, std::uint32_t identities,
                std::optional<ir::Form> form = std::nullopt) {
  const bench::BenchNode node({.ipcache = 1024, .conntrack = 1024});
  std::vector<endpoint::IdentityRecord> records;
  for (std::uint32_t i = 0; i < identities; ++i)
    records.push_back({labels_of(i, size.peers + 1), 256 + i, 1, 0});  // some are named by no rule
  auto classes = must(endpoint::NodeClasses::restore(records, {}, {}));
  const auto shape = node.load(bench::make_policy(size), classes, form);
  for (const std::size_t direction : {0U, 1U}) {
    must(endpoint::write_rows(shape.shape, direction, shape.maps[direction],
                              classes.rows(shape.key, shape.shape, direction, classes.all())));
  }
  const std::string name = kind + ", " + std::to_string(identities) + " identities";
  std::cout << name << ": " << classes.all().size() << " classes, form "
            << ir::form_name(shape.shape.directions[0].form) << "\n";
  const Bytes bytes = measure(shape, node.maps());
  const Trie trie = fill_trie(shape.shape, identities, size.peers + 1);
  std::cout << "  as (identity, port) pairs: " << trie.entries << " entries"
            << (trie.entries > kCiliumLimit ? ", more than the 16384 that one endpoint may have"
                                            : "")
            << "\n";
  bench::report("maps of one endpoint's policy, " + name, {bytes.charged}, "bytes", trie.charged);
  bench::report("elements in these maps, " + name, {bytes.elements}, "bytes",
                static_cast<double>(trie.entries) * 20);
  bench::report("programs, translated, " + name, {bytes.translated}, "bytes");
  bench::report("programs, machine code, " + name, {bytes.machine_code}, "bytes");
  bench::report("entries as (identity, port) pairs, " + name, {static_cast<double>(trie.entries)},
                "entries", static_cast<double>(kCiliumLimit));
}

}  // namespace

int main(int argc, char** argv) {
  const auto identities = static_cast<std::uint32_t>(argc > 1 ? std::stoul(argv[1]) : 10'000);
  one_policy({100, 30, 50}, "100 rules of 30 ports and 50 peers", identities);
  one_policy({100, 100, 100}, "100 rules, each of its own port and peer", identities);
  one_policy({100, 100, 100}, "100 rules, each of its own port and peer, as a bit set", identities,
             ir::Form::Bitset);
  return 0;
}
