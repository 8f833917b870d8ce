// loader/reconcile/registry: who told of which endpoint, across restarts.

#include "loader/reconcile/registry.h"

#include <fstream>

#include <gmock/gmock.h>

#include "tests/support/temporary_folder.h"

namespace policyc::testing {
namespace {

using reconcile::Registration;
using reconcile::Registry;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Registration web() {
  Registration registration;
  registration.container_id = "c1";
  registration.container_interface = "eth0";
  registration.host_interface = "lxc1";
  registration.interface_index = 7;
  registration.addresses = {*parse_ip_address("10.0.0.1"), *parse_ip_address("fd00::1")};
  registration.mac = endpoint::parse_mac("02:00:0a:00:00:01");
  registration.network = "pods";
  registration.pod_namespace = "shop";
  registration.pod_name = "web";
  registration.labels = {{"app", "web"}};
  return registration;
}

TEST(RegistryTest, WhatWasFlushedIsThereAgain) {
  const TemporaryFolder folder;
  const auto file = folder / "agent";
  auto registry = Registry::open(file / "endpoints.json");
  ASSERT_TRUE(registry);
  registry->put(web());
  ASSERT_TRUE(registry->flush());
  auto again = Registry::open(file / "endpoints.json");
  ASSERT_TRUE(again);
  ASSERT_NE(again->find("c1/eth0"), nullptr);
  EXPECT_EQ(*again->find("c1/eth0"), web());
  EXPECT_TRUE(again->erase("c1/eth0"));
  EXPECT_FALSE(again->erase("c1/eth0"));
  ASSERT_TRUE(again->flush());
  EXPECT_TRUE(Registry::open(file / "endpoints.json")->all().empty());
}

TEST(RegistryTest, ADamagedFileIsAnErrorThatSaysWhatToDo) {
  const TemporaryFolder folder;
  for (const char* text : {"{", "{\"version\": 2, \"endpoints\": []}", "[]",
                           "{\"version\": 1, \"endpoints\": [{\"container\": \"c\"}]}"}) {
    std::ofstream(folder / "endpoints.json") << text;
    const auto registry = Registry::open(folder / "endpoints.json");
    ASSERT_FALSE(registry) << text;
    EXPECT_THAT(registry.error().message, HasSubstr("stays enforced"));
  }
}

TEST(RegistryTest, AnInterfaceOrAnAddressBelongsToOne) {
  const TemporaryFolder folder;
  auto registry = Registry::open(folder / "endpoints.json");
  registry->put(web());
  EXPECT_THAT(registry->conflicts(web()), IsEmpty()) << "the same one again";
  Registration other = web();
  other.container_id = "c2";
  ASSERT_EQ(registry->conflicts(other).size(), 1U);
  EXPECT_EQ(registry->conflicts(other)[0].key, "c1/eth0");
  EXPECT_THAT(registry->conflicts(other)[0].message,
              HasSubstr("interface lxc1 is that of c1/eth0"));
  other.host_interface = "lxc2";
  other.addresses = {*parse_ip_address("10.0.0.2"), *parse_ip_address("fd00::1")};
  ASSERT_EQ(registry->conflicts(other).size(), 1U);
  EXPECT_THAT(registry->conflicts(other)[0].message, HasSubstr("address is that of c1/eth0"));
  other.addresses.pop_back();
  EXPECT_THAT(registry->conflicts(other), IsEmpty());
}

}  // namespace
}  // namespace policyc::testing
