// `policyc load --batch`, by running the program.

#include <fstream>

#include <gmock/gmock.h>

#include "loader/endpoint/status.h"
#include "loader/maps/ipcache.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class CliLoadTest : public KernelTest {
 protected:
  [[nodiscard]] Finished load(const std::string& batch,
                              const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"load",       "--batch",     "-",         "--bpffs",
                                       paths_.bpffs, "--state-dir", paths_.state};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_policyc(arguments, batch);
  }
  // One entry of the list with this instead of the labels.
  // The file of a policy's object.
  [[nodiscard]] static std::string web_object(const TemporaryFolder& folder) {
    const auto bytes =
        compile_policies(
            "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
            "shop}\nspec:\n  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n  - {}\n")
            .at(0);
    const std::string object = folder.path() / "web.o";
    std::ofstream(object, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return object;
  }
  [[nodiscard]] static std::string entry(const std::string& object, const std::string& interface,
                                         const std::string& address, const std::string& more) {
    return "{\"object\": \"" + object + "\", \"interface\": \"" + interface +
           "\", \"addresses\": [\"" + address + "\"], " + more + "}";
  }
};

TEST_F(CliLoadTest, AnAgentThatIsAskedForHasToAnswer) {
  const std::string nobody = paths_.state / "nobody.sock";
  const auto result = run_policyc({"status", "--socket", nobody});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("does not answer"));
  EXPECT_EQ(result.out, "");
}

TEST_F(CliLoadTest, ABatchIsLoadedInOneChange) {
  const TemporaryFolder folder;
  const std::string object = web_object(folder);
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const auto done =
      load("[" + entry(object, "web0", "10.9.1.1", "\"labels\": \"app=web\"") + "," +
           entry(object, "web1", "10.9.1.2", "\"identity\": 4242, \"audit\": true") + "]");
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("endpoint 1 on web0: identity 256, "));
  EXPECT_THAT(done.out, HasSubstr("endpoint 2 on web1: identity 4242, "));
  EXPECT_THAT(done.out, HasSubstr("2 endpoints loaded; ipcache +"));
  const auto status = *must(endpoint::read_status(paths_));
  ASSERT_THAT(status.endpoints, SizeIs(2));
  EXPECT_TRUE(status.endpoints[1].enforced());
  EXPECT_TRUE(status.endpoints[1].record.audit);
  EXPECT_FALSE(status.endpoints[0].record.audit);
}

TEST_F(CliLoadTest, AMacAddressIsKeptAndGivenToTheDatapath) {
  const TemporaryFolder folder;
  const std::string object = web_object(folder);
  const Pod web0("web0", "10.9.1.1");
  const auto batch = [&](const std::string& mac) {
    return "[" + entry(object, "web0", "10.9.1.1", "\"identity\": 4242, \"mac\": \"" + mac + "\"") +
           "]";
  };
  for (const char* bad : {"", "02:00:00:00:00", "02:00:00:00:00:0g", "03:00:00:00:00:01",
                          "00:00:00:00:00:00", "02-00-00-00-00-01", "02:00:00:00:00:01x"}) {
    const auto refused = load(batch(bad));
    EXPECT_EQ(refused.exit_code, 1) << bad;
    EXPECT_THAT(refused.err, HasSubstr("`mac` must be an address")) << bad;
  }
  EXPECT_FALSE(must(endpoint::read_status(paths_))) << "nothing was loaded";
  ASSERT_EQ(load(batch("02:AB:00:00:00:01")).exit_code, 0);
  const endpoint::MacAddress expected{0x02, 0xab, 0, 0, 0, 0x01};
  EXPECT_EQ(must(endpoint::read_status(paths_))->endpoints.at(0).record.mac, expected);
  const auto maps = must(maps::NodeMaps::open(paths_.maps()));
  const auto value = must(maps.endpoints.lookup(web0.index())).value();
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), value.mac));
}

TEST_F(CliLoadTest, TheNodesOwnNameMakesItsAddressesTheHosts) {
  const TemporaryFolder folder;
  const Pod web0("web0", "10.9.1.1");
  const std::string batch =
      "[" + entry(web_object(folder), "web0", "10.9.1.1", "\"labels\": \"app=web\"") + "]";
  const std::string nodes = folder.path() / "nodes.yaml";
  std::ofstream(nodes) << "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: "
                          "[{type: InternalIP, address: 192.0.2.1}]}\n---\napiVersion: v1\nkind: "
                          "Node\nmetadata: {name: n2}\nstatus: {addresses: [{type: InternalIP, "
                          "address: 192.0.2.2}]}\n";
  const auto identity_of = [this](const char* address) {
    const auto cache = must(maps::read_ipcache(must(maps::NodeMaps::open(paths_.maps()))));
    return cache.at(host_prefix(*parse_ip_address(address))).identity;
  };
  ASSERT_EQ(load(batch, {"--endpoints", nodes}).exit_code, 0);
  EXPECT_EQ(identity_of("192.0.2.1"), std::uint32_t{IDENTITY_REMOTE_NODE});
  const auto done = load(batch, {"--endpoints", nodes, "--node-name", "n1"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(identity_of("192.0.2.1"), std::uint32_t{IDENTITY_HOST});
  EXPECT_EQ(identity_of("192.0.2.2"), std::uint32_t{IDENTITY_REMOTE_NODE});
}

TEST_F(CliLoadTest, WhatIsTheNodesStaysUntilALoadSaysOtherwise) {
  const TemporaryFolder folder;
  const Pod web0("web0", "10.9.1.1");
  const std::string batch =
      "[" + entry(web_object(folder), "web0", "10.9.1.1", "\"identity\": 4242") + "]";
  const auto config = [this] { return must(must(maps::NodeMaps::open(paths_.maps())).config()); };
  constexpr std::uint32_t kFlags = NODE_TRACE | NODE_LOCAL_DELIVERY | NODE_EGRESS_DELIVERY;
  ASSERT_EQ(load(batch).exit_code, 0);
  EXPECT_EQ(config().flags & kFlags, NODE_LOCAL_DELIVERY);
  EXPECT_NE(config().events_per_tick, 0U) << "limited unless said";
  ASSERT_EQ(load(batch, {"--trace-connections", "on", "--local-delivery", "off",
                         "--egress-delivery", "on", "--event-limit", "0"})
                .exit_code,
            0);
  EXPECT_EQ(config().flags & kFlags, NODE_TRACE | NODE_EGRESS_DELIVERY);
  EXPECT_EQ(config().events_per_tick, 0U);
  ASSERT_EQ(load(batch).exit_code, 0);
  EXPECT_EQ(config().flags & kFlags, NODE_TRACE | NODE_EGRESS_DELIVERY);
  EXPECT_EQ(config().events_per_tick, 0U);
}

TEST_F(CliLoadTest, TheResponseToDenialsIsTheNodes) {
  const TemporaryFolder folder;
  const std::string object = web_object(folder);
  const Pod web0("web0", "10.9.1.1");
  const std::string batch = "[" + entry(object, "web0", "10.9.1.1", "\"identity\": 4242") + "]";
  const auto status = [this](const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"status", "--bpffs", paths_.bpffs, "--state-dir",
                                       paths_.state};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_policyc(arguments).out;
  };
  EXPECT_EQ(load(batch).exit_code, 0);
  EXPECT_THAT(status(), Not(HasSubstr("denials")));
  EXPECT_THAT(status({"-o", "json"}), HasSubstr("\"policy_deny_response\": \"drop\""));
  for (const std::string response : {"icmp", "reset"}) {
    EXPECT_EQ(load(batch, {"--policy-deny-response", response}).exit_code, 0);
    EXPECT_EQ(load(batch).exit_code, 0) << "as it is";
    EXPECT_THAT(status(), HasSubstr("denials answered by " + response));
    EXPECT_THAT(status({"-o", "json"}),
                HasSubstr("\"policy_deny_response\": \"" + response + "\""));
  }
  for (const std::string response : {"none", "", "Reset", "reset,icmp"}) {
    EXPECT_EQ(load(batch, {"--policy-deny-response=" + response}).exit_code, 2) << response;
  }
  EXPECT_THAT(status(), HasSubstr("denials answered by reset"));
  EXPECT_EQ(load(batch, {"--policy-deny-response=drop"}).exit_code, 0);
  EXPECT_THAT(status(), Not(HasSubstr("denials")));
}

TEST_F(CliLoadTest, WhatIsWrongWithABatchIsNamed) {
  const auto refused = [this](const std::string& batch) {
    const auto done = load(batch);
    EXPECT_EQ(done.exit_code, 1) << batch;
    return done.err;
  };
  const std::string good = entry("x.o", "lo", "10.9.1.1", "\"audit\": false");
  EXPECT_THAT(refused("{}"), HasSubstr("it must be a JSON list"));
  EXPECT_THAT(refused("[" + good + ", 5]"), HasSubstr("entry 2: it must be an object"));
  EXPECT_THAT(refused("[" + good), HasSubstr("it must be a JSON list"));
  EXPECT_THAT(refused("[{\"object\": \"x.o\", \"interface\": \"lo\"}]"),
              HasSubstr("entry 1: `addresses` is missing"));
  EXPECT_THAT(refused("[" + entry("x.o", "lo", "ten", "\"audit\": false") + "]"),
              HasSubstr("entry 1: `addresses`: \"ten\" is not an address"));
  EXPECT_THAT(refused("[" + entry("", "lo", "10.9.1.1", "\"audit\": false") + "]"),
              HasSubstr("entry 1: `object` must be a text"));
  for (const auto& [more, says] : std::map<std::string, std::string>{
           {"\"labels\": \"a=b,a=c\"", "`labels`: key `a` is there twice"},
           {"\"labels\": [\"a=b\"]", "`labels` must be a text"},
           {"\"identity\": -1", "`identity` must be a number"},
           {"\"identity\": 4294967296", "`identity` must be a number"},
           {"\"audit\": 1", "`audit` must be true or false"},
           {"\"labels\": \"\", \"labels\": \"a=b\"", "key `labels` is there twice"},
           {"\"label\": \"a=b\"", "unknown key `label`"}}) {
    EXPECT_THAT(refused("[" + good + ", " + entry("x.o", "lo", "10.9.1.2", more) + "]"),
                HasSubstr("entry 2: " + says));
  }
}

TEST_F(CliLoadTest, ABatchGoesWithoutTheOptionsOfOneEndpoint) {
  EXPECT_EQ(load("[]").exit_code, 0);
  EXPECT_EQ(load("[]", {"-i", "lo"}).exit_code, 2);
  EXPECT_EQ(load("[]", {"--audit"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"load", "x.o", "--endpoint-ip", "10.9.1.1"}).exit_code, 2);
  const auto missing = load("[" + entry("/nowhere/x.o", "lo", "10.9.1.1", "\"audit\": true") + "]");
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_THAT(missing.err, HasSubstr("lo: cannot read /nowhere/x.o"));
}

}  // namespace
}  // namespace policyc::testing
