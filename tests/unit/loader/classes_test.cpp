// loader/endpoint: peer classes of a running node are split, merged and numbered anew under
// traffic, and a process that dies at any step of that leaves nothing that the next change cannot
// finish.

#include "loader/endpoint/classes.h"

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <unistd.h>

#include "loader/endpoint/shapes.h"
#include "loader/endpoint/unload.h"
#include "tests/unit/loader/death.h"
#include "tests/unit/loader/load_fixture.h"
#include "tests/unit/loader/shapes.h"

namespace policyc::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// Two clients, whom only a policy that asks for `late` tells apart.
endpoint::Inventory two_clients() {
  endpoint::Inventory result = inventory();
  result.cluster.endpoints.push_back(pod("client2", kLate));
  result.cluster.endpoints.back().labels = {{"app", "client"}, {"late", "yes"}};
  return result;
}

const backend::Bytes& asks_for_late() {
  static const backend::Bytes bytes =
      compile_policies(allow_from("other", 54) +
                       "  - fromEndpoints:\n    - matchLabels: {late: \"yes\"}\n")
          .at(0);
  return bytes;
}

// Makes two classes, which want the numbers that other and the late client had.
const backend::Bytes& asks_for_web() {
  static const backend::Bytes bytes =
      compile_policies(allow_from("other", 54) +
                       "  - fromEndpoints:\n    - matchLabels: {app: web}\n")
          .at(0);
  return bytes;
}

// Asks for nine more peers, so that rows maps of 1 class have to grow.
const backend::Bytes& asks_for_many() {
  static const backend::Bytes bytes = [] {
    std::string rules =
        allow_from("other", 54) + "  - fromEndpoints:\n    - matchLabels: {late: \"yes\"}\n";
    for (int i = 0; i < 9; ++i)
      rules += "  - fromEndpoints:\n    - matchLabels: {app: extra" + std::to_string(i) + "}\n";
    return compile_policies(rules).at(0);
  }();
  return bytes;
}

endpoint::Inventory many_peers() {
  endpoint::Inventory result = two_clients();
  for (int i = 0; i < 9; ++i)
    result.cluster.endpoints.push_back(
        pod("extra" + std::to_string(i), "10.9.2." + std::to_string(i)));
  return result;
}

class ClassesTest : public LoadTest {
 protected:
  [[nodiscard]] endpoint::LoadRequest wanted(const backend::Bytes& bytes, const Pod& target,
                                             const endpoint::Inventory& known) const {
    auto result = request(bytes, target);
    result.inventory = known;
    return result;
  }
  [[nodiscard]] std::uint32_t class_of(const char* address) const {
    return ipcache().at(host_prefix(*parse_ip_address(address))).peer_class;
  }
  // Both clients, and nobody else.
  static void expect_clients_only(const Pod& web, std::string_view when) {
    EXPECT_TRUE(web.reached_from(kClient, 53)) << when;
    EXPECT_TRUE(web.reached_from(kLate, 53)) << when;
    EXPECT_FALSE(web.reached_from(kOther, 53)) << when;
  }
  // Loads in a process of its own that dies after its `step`th step; its name, or nothing when
  // there are fewer.
  static std::string load_and_die(const endpoint::Paths& paths, endpoint::LoadRequest request,
                                  int step) {
    return die_at(step, [&](endpoint::Progress progress) {
      request.progress = std::move(progress);
      return endpoint::load_endpoint(paths, request).has_value();
    });
  }
  // Dies at each step of a change of web1 and lets the next load finish.
  std::set<std::string> die_at_each_step(const backend::Bytes& before, const backend::Bytes& after,
                                         const endpoint::Inventory& known) {
    std::set<std::string> steps;
    for (int step = 0;; ++step) {
      const Pod first("web0", "10.9.1.1");
      const Pod second("web1", "10.9.1.2");
      auto small = wanted(object("client", 53), first, two_clients());
      small.max_classes = 1;
      must(endpoint::load_endpoint(paths_, small));
      must(endpoint::load_endpoint(paths_, wanted(before, second, two_clients())));
      const std::string name = load_and_die(paths_, wanted(after, second, known), step);
      if (name.empty()) {
        must(endpoint::unload_all(paths_));
        return steps;
      }
      steps.insert(name);
      expect_clients_only(first, "after death at " + name);
      // Another policy than the one that was cut short: its classes want numbers too.
      auto next = wanted(asks_for_web(), second, many_peers());
      next.progress = [&](std::string_view at) {
        if (at == "rows")
          expect_clients_only(first, "death at " + name + ", repair after " + std::string(at));
      };
      const auto report = must(endpoint::load_endpoint(paths_, next));
      EXPECT_THAT(report.starved, IsEmpty());
      expect_clients_only(first, "repaired after " + name);
      EXPECT_TRUE(second.reached_from(kOther, 54));
      EXPECT_FALSE(status().interrupted);
      must(endpoint::unload_all(paths_));
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Tcx, ClassesTest, ::testing::Values(attach::HookChoice::Tcx),
                         [](const auto&) { return "tcx"; });

TEST_P(ClassesTest, OnlyWhatAPolicyTellsApartHasAClassOfItsOwn) {
  const Pod first("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  must(endpoint::load_endpoint(paths_, wanted(object("client", 53), first, two_clients())));
  EXPECT_EQ(class_of(kClient), class_of(kLate));
  EXPECT_NE(class_of(kClient), class_of(kOther));
  EXPECT_EQ(class_of(kOther), class_of("10.9.1.1")) << "no rule names them";
  must(endpoint::load_endpoint(paths_, wanted(asks_for_late(), second, two_clients())));
  EXPECT_NE(class_of(kClient), class_of(kLate));
  must(endpoint::load_endpoint(paths_, wanted(object("client", 53), second, two_clients())));
  EXPECT_EQ(class_of(kClient), class_of(kLate)) << "the policy that asked is gone";
  std::set<std::uint32_t> classes;
  for (const auto& record : must(endpoint::read_state(paths_)).identities)
    classes.insert(record.peer_class);
  EXPECT_THAT(classes, SizeIs(2)) << "clients, and the rest";
  const auto shown = status();
  EXPECT_EQ(shown.classes, 2U);
  EXPECT_EQ(shown.predicates, 2U) << "clients, and the host, who may always";
  ASSERT_THAT(shown.shapes, SizeIs(1));
  EXPECT_EQ(shown.shapes[0].endpoints, 2U);
  EXPECT_GE(shown.shapes[0].capacity.classes, 1024U) << "as asked for";
}

TEST_P(ClassesTest, SplitsAndMergesLoseNothingAndPassNothing) {
  const Pod web("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  auto small = wanted(object("client", 53), web, two_clients());
  small.max_classes = 1;  // so that it grows under traffic too
  must(endpoint::load_endpoint(paths_, small));
  const bpf::Fd server = web.udp_socket(53);
  const bpf::Fd foe = host_udp_socket(kOther, 0);
  std::atomic<bool> stop = false;
  std::uint64_t sent = 0, lost = 0, passed = 0;
  std::thread traffic([&] {
    const bpf::Fd lasting = host_udp_socket(kLate, 0);
    for (; !stop || sent < 100; ++sent) {
      // New connections of both, and an old one.
      const bpf::Fd fresh = host_udp_socket(sent % 3 == 0 ? kClient : kLate, 0);
      send_datagram(foe, web.address(), 53);
      send_datagram(sent % 3 == 2 ? lasting : fresh, web.address(), 53);
      const auto source = sender_of_next(server);
      lost += source.empty() ? 1U : 0U;
      passed += source == kOther ? 1U : 0U;
    }
  });
  std::size_t grown = 0;
  for (int i = 0; i < 15; ++i) {
    const auto report =
        must(endpoint::load_endpoint(paths_, wanted(asks_for_many(), second, many_peers())));
    grown += report.grown.size();
    EXPECT_NE(class_of(kClient), class_of(kLate));
    if (i % 3 == 0) {
      must(endpoint::unload_endpoint(paths_, "web1"));
    } else {
      must(endpoint::load_endpoint(paths_, wanted(object("client", 53), second, two_clients())));
    }
    EXPECT_EQ(class_of(kClient), class_of(kLate));
  }
  stop = true;
  traffic.join();
  EXPECT_EQ(lost, 0U) << "of " << sent;
  EXPECT_EQ(passed, 0U) << "of " << sent;
  EXPECT_GE(grown, 1U);
}

TEST_P(ClassesTest, DeathAtAnyStepOfASplitIsRepaired) {
  const auto steps = die_at_each_step(object("client", 53), asks_for_many(), many_peers());
  EXPECT_THAT(steps, ::testing::IsSupersetOf({"shape", "state", "grown", "rows", "generations",
                                              "addresses", "entry", "epoch", "slots", "sweep"}));
}

TEST_P(ClassesTest, DeathAtAnyStepOfAMergeIsRepaired) {
  const auto steps = die_at_each_step(asks_for_late(), object("client", 53), two_clients());
  EXPECT_THAT(steps, ::testing::IsSupersetOf({"merged state", "merged addresses"}));
}

TEST_P(ClassesTest, ClassesThatFitNoPredicateAreNumberedAnew) {
  const Pod first("web0", "10.9.1.1");
  must(endpoint::load_endpoint(paths_, wanted(object("client", 53), first, two_clients())));
  std::set<std::uint32_t> before;
  auto state = must(endpoint::read_state(paths_));
  for (auto& record : state.identities) {
    before.insert(record.peer_class);
    record.peer_class = 1;  // says that nothing is told apart
  }
  must(endpoint::write_state(paths_, state));
  auto again = wanted(object("client", 53), first, two_clients());
  again.progress = [&](std::string_view at) {
    if (at == "rows" || at == "addresses") expect_clients_only(first, at);
  };
  must(endpoint::load_endpoint(paths_, again));
  expect_clients_only(first, "loaded again");
  for (const auto& record : must(endpoint::read_state(paths_)).identities)
    EXPECT_FALSE(before.contains(record.peer_class)) << "a map still held that number";
  for (const auto& [prefix, entry] : ipcache())
    EXPECT_FALSE(before.contains(entry.peer_class)) << prefix.to_string();
}

TEST_P(ClassesTest, AShapeThatCannotGrowDeniesAndIsNamed) {
  const Pod first("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  auto small = wanted(object("client", 53), first, two_clients());
  small.max_classes = 1;
  const auto before = must(endpoint::load_endpoint(paths_, small));
  std::filesystem::remove(paths_.object_file(before.shape));
  const auto report =
      must(endpoint::load_endpoint(paths_, wanted(asks_for_many(), second, many_peers())));
  ASSERT_THAT(report.starved, SizeIs(1));
  EXPECT_EQ(report.starved[0].interface, "web0");
  EXPECT_THAT(report.starved[0].reason, ::testing::HasSubstr("CiliumNetworkPolicy/shop/web"));
  EXPECT_FALSE(first.reached_from(kOther, 53));
  // Loading it again brings the object back.
  must(endpoint::load_endpoint(paths_, wanted(object("client", 53), first, many_peers())));
  expect_clients_only(first, "loaded again");
}

TEST_P(ClassesTest, TenThousandPrefixesAreOneClass) {
  const Pod first("web0", "10.9.1.1");
  std::string yaml =
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
      "shop}\nspec:\n  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n  - fromCIDR:\n"
      "    - 10.9.0.2/32\n";
  for (int i = 0; i < 10'000; ++i)
    yaml += "    - 172." + std::to_string(16 + i / 250) + "." + std::to_string(i % 250) + ".0/24\n";
  const auto bytes = compile_policies(yaml).at(0);
  auto large = wanted(bytes, first, inventory());
  large.inventory->cluster.endpoints.resize(1);  // the client; 10.9.0.2 is no pod
  large.labels = app("web");
  large.sizes.prefixes = 16384;
  const auto report = must(endpoint::load_endpoint(paths_, large));
  EXPECT_TRUE(first.reached_from(kOther, 53));
  EXPECT_FALSE(first.reached_from(kClient, 53));
  std::set<std::uint32_t> classes;
  for (const auto& [prefix, entry] : ipcache()) {
    if (prefix.length == 24) classes.insert(entry.peer_class);
  }
  EXPECT_THAT(classes, SizeIs(1));
  const auto capacity =
      must(endpoint::capacity_of(must(endpoint::open_shape(paths_, report.shape))));
  EXPECT_LE(capacity.classes, 1027U) << "rows are by class, not by prefix";
  must(endpoint::unload_endpoint(paths_, "web0"));
  EXPECT_THAT(ipcache(), SizeIs(1));
}

}  // namespace
}  // namespace policyc::testing
