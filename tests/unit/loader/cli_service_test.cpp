// `policyc service` and `policyc bpf lb`, by running the program.

#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "loader/service/kernel.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kShop = R"(apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: NodePort
  clusterIP: 172.20.0.1
  externalTrafficPolicy: Local
  ports: [{name: http, port: 80, nodePort: 30080}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.0.0.1], nodeName: n1}
- {addresses: [10.0.0.2], nodeName: n2}
- {addresses: [10.0.0.3], nodeName: n2, conditions: {ready: false}}
)";

class CliServiceTest : public KernelTest {
 protected:
  std::string write(const std::string& text, const std::string& name = "s.yaml") const {
    const std::string path = folder_ / name;
    std::ofstream(path) << text;
    return path;
  }
  [[nodiscard]] Finished run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--bpffs", paths_.bpffs, "--state-dir", paths_.state});
    return run_policyc(arguments);
  }
  [[nodiscard]] Finished load(const std::string& text, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"service", "load",           write(text), "--node-name",
                                          "n1",      "--node-address", "192.0.2.1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  [[nodiscard]] json listed(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-o", "json"});
    const auto done = run(arguments);
    EXPECT_EQ(done.exit_code, 0) << done.err;
    return json::parse(done.out);
  }

  TemporaryFolder folder_;
};

TEST_F(CliServiceTest, WhatIsLoadedIsListed) {
  const auto done = load(kShop);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(done.out,
            "1 services loaded: frontends 4 written, 0 removed; backends 4 written; Maglev tables "
            "0\n");
  json list = listed({"service", "list"});
  ASSERT_THAT(list, SizeIs(3));
  EXPECT_EQ(list[0]["address"], "0.0.0.0");
  EXPECT_EQ(list[0]["type"], "NodePort");
  EXPECT_TRUE(list[0]["external"].is_null());
  list.erase(0);
  EXPECT_EQ(list[0]["service"], "shop/web");
  EXPECT_EQ(list[0]["service_port"], "http");
  EXPECT_EQ(list[0]["address"], "172.20.0.1");
  EXPECT_EQ(list[0]["type"], "ClusterIP");
  EXPECT_TRUE(list[0]["external"].is_null());
  ASSERT_THAT(list[0]["internal"]["backends"], SizeIs(3));
  EXPECT_EQ(list[0]["internal"]["backends"][2]["state"], "maintenance");
  EXPECT_EQ(list[0]["internal"]["backends"][2]["new_connections"], false);
  EXPECT_EQ(list[1]["type"], "NodePort");
  EXPECT_EQ(list[1]["port"], 30080);
  ASSERT_THAT(list[1]["external"]["backends"], SizeIs(1));
  EXPECT_EQ(list[1]["external"]["local_only"], true);
  EXPECT_EQ(list[1]["external"]["backends"][0]["address"], "10.0.0.1");
  EXPECT_THAT(run({"service", "list"}).out, HasSubstr("shop/web"));
  EXPECT_THAT(run({"service", "list"}).out, HasSubstr("2/3"));
  const auto got = run({"service", "get", "shop/web"});
  EXPECT_THAT(got.out, HasSubstr("192.0.2.1:30080/TCP NodePort of shop/web port http\n"));
  EXPECT_THAT(got.out, HasSubstr("      10.0.0.3:8080 maintenance\n"));
  EXPECT_EQ(run({"service", "get", "web"}).exit_code, 1);
}

TEST_F(CliServiceTest, EndpointsOfTheOtherFamilyOnRequest) {
  const std::string shop =
      "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: "
      "LoadBalancer, clusterIP: 172.20.0.1, externalIPs: [\"2001:db8:9::1\"], ports: [{name: "
      "http, port: 80}]}\n" +
      std::string(kShop).substr(std::string(kShop).find("---"));
  const auto load_it = [&](bool crosses) {
    return load(shop,
                crosses ? std::vector<std::string>{"--nat46x64"} : std::vector<std::string>{});
  };
  for (const bool crosses : {true, false, true}) {
    ASSERT_EQ(load_it(crosses).exit_code, 0);
    const json list = listed({"service", "list"});
    ASSERT_THAT(list, SizeIs(2));
    const json& six = list[0]["address"] == "2001:db8:9::1" ? list[0] : list[1];
    EXPECT_EQ(six["nat46x64"], crosses);
    ASSERT_THAT(six["external"]["backends"], SizeIs(crosses ? 3 : 0));
    if (crosses) {
      EXPECT_EQ(six["external"]["backends"][0]["address"], "10.0.0.1");
      EXPECT_THAT(run({"service", "get", "shop/web"}).out, HasSubstr("nat46x64"));
    }
    // Read back, it is the same.
    EXPECT_THAT(load_it(crosses).out, HasSubstr("nothing changed"));
  }
}

TEST_F(CliServiceTest, TheMapsAreListedWithTheirNumbers) {
  ASSERT_EQ(load(kShop, {"--algorithm", "maglev", "--maglev-size", "251"}).exit_code, 0);
  const json list = listed({"bpf", "lb", "list"});
  ASSERT_THAT(list, SizeIs(4));  // with the cluster's address alone
  EXPECT_EQ(list[0]["closed"], true);
  EXPECT_GT(list[1]["number"], 0);
  EXPECT_GT(list[3]["external"]["number"], 0);
  EXPECT_EQ(list[3]["external"]["maglev_table"], true);
  EXPECT_EQ(list[3]["algorithm"], "maglev");
  EXPECT_EQ(list[3]["external"]["backends"][0]["generation"], 1);
}

TEST_F(CliServiceTest, ASecondLoadWritesTheDifference) {
  ASSERT_EQ(load(kShop).exit_code, 0);
  EXPECT_EQ(load(kShop).out, "1 services loaded, nothing changed\n");
  std::string changed = kShop;
  changed.replace(changed.find("10.0.0.2"), 8, "10.0.0.9");
  EXPECT_THAT(load(changed).out, HasSubstr("frontends 0 written, 0 removed; backends 2 written"));
  EXPECT_THAT(load("---\n").out, HasSubstr("0 services loaded: frontends 0 written, 4 removed"));
}

TEST_F(CliServiceTest, SettingsStayUnlessTheyAreGiven) {
  const auto config = [this] {
    return must(must(maps::ServiceMaps::open(paths_.maps())).config());
  };
  ASSERT_EQ(load(kShop, {"--no-backend-response", "drop", "--maglev-size", "509"}).exit_code, 0);
  EXPECT_EQ(config().flags, SERVICE_PER_PACKET | SERVICE_NO_BACKEND_DROP);
  EXPECT_EQ(config().maglev_size, 509U);
  ASSERT_EQ(load(kShop, {"--per-packet", "off"}).exit_code, 0);
  EXPECT_EQ(config().flags, SERVICE_NO_BACKEND_DROP);
  EXPECT_EQ(config().maglev_size, 509U);
  EXPECT_EQ(load(kShop, {"--maglev-size", "100"}).exit_code, 2);
}

TEST_F(CliServiceTest, UnloadLeavesNothing) {
  EXPECT_EQ(run({"service", "unload"}).out, "no services are loaded\n");
  ASSERT_EQ(load(kShop).exit_code, 0);
  EXPECT_EQ(run({"service", "unload"}).out, "frontends removed: 4\n");
  EXPECT_EQ(listed({"bpf", "lb", "list"}), json::array());
}

TEST_F(CliServiceTest, WhatARemovalLeftGoesBeforeServicesCome) {
  ASSERT_EQ(load(kShop).exit_code, 0);
  std::ofstream(paths_.state / "unloading") << paths_.bpffs.string();
  std::string other = kShop;
  other.replace(other.find("172.20.0.1"), 10, "172.20.0.9");
  ASSERT_EQ(load(other).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(paths_.state / "unloading"));
  std::string all = listed({"service", "list"}).dump();
  EXPECT_THAT(all, HasSubstr("172.20.0.9"));
  ASSERT_EQ(run({"service", "attach-device", "lo"}).exit_code, 0);
  EXPECT_THAT(listed({"service", "list"}).dump(), HasSubstr("172.20.0.9"));
  EXPECT_EQ(run({"unload", "--all"}).exit_code, 0);
}

TEST_F(CliServiceTest, WithoutMapsThereIsNothingToList) {
  const auto done = run({"service", "list"});
  EXPECT_EQ(done.exit_code, 3);
  EXPECT_THAT(done.err, HasSubstr("no services are loaded"));
}

TEST_F(CliServiceTest, ARefusedManifestChangesNothing) {
  ASSERT_EQ(load(kShop).exit_code, 0);
  std::string wrong = kShop;
  wrong.replace(wrong.find("port: 80"), 8, "port: 0 ");
  const auto done = load(wrong);
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.err, HasSubstr("s.yaml:8:30: error: "));
  EXPECT_EQ(load(kShop).out, "1 services loaded, nothing changed\n");
}

TEST_F(CliServiceTest, CheckNeedsNoKernel) {
  const auto done = run_policyc({"service", "check", write(kShop), "--node-name", "n1",
                                 "--node-address", "192.0.2.1", "-o", "json"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  const json list = json::parse(done.out);
  ASSERT_THAT(list, SizeIs(3));
  // It prints what `service list` does once it is loaded.
  ASSERT_EQ(load(kShop).exit_code, 0);
  EXPECT_EQ(list, listed({"service", "list"}));
}

TEST_F(CliServiceTest, CheckWarnsOfWhatIsMissing) {
  const auto done = run_policyc({"service", "check", write(kShop)});
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_THAT(done.err, HasSubstr("without --node-name"));
  EXPECT_THAT(done.err, HasSubstr("without --node-address"));
  std::string twice = kShop;
  twice +=
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: shop}\nspec: "
      "{clusterIP: 172.20.0.1, ports: [{port: 80}]}\n";
  EXPECT_THAT(run_policyc({"service", "check", write(twice)}).err,
              HasSubstr("warning: 172.20.0.1 port 80 of shop/web is taken by shop/other"));
}

TEST_F(CliServiceTest, TheManifestOfTheNodeSaysItsAddresses) {
  const auto done = run_policyc(
      {"service", "check",
       write(std::string(kShop) +
             "---\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: "
             "InternalIP, address: 192.0.2.77}]}\n"),
       "--node-name", "n1"});
  EXPECT_THAT(done.out, HasSubstr("192.0.2.77:30080/TCP NodePort"));
}

}  // namespace
}  // namespace policyc::testing
