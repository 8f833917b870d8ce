// Addresses given and taken back, by one process and by several.

#include <fstream>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temporary_folder.h"
#include "tests/unit/ipam/ranges.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;
using ipam::Owner;
using ipam::RangeSet;
using ipam::Store;
using Texts = std::vector<std::string>;

class IpamStoreTest : public ::testing::Test {
 protected:
  [[nodiscard]] Store open() const { return must(Store::open(folder_ / "net")); }
  [[nodiscard]] std::size_t files(const char* below) const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_ / "net" / below), {}));
  }

  TemporaryFolder folder_;
  const std::vector<RangeSet> dual_{{range("10.0.0.0/29")}, {range("fd00::/64")}};
};

TEST_F(IpamStoreTest, GivesOneAddressOfEachFamilyAndTheSameAgain) {
  ipam::Range with_gateway = range("10.0.0.0/29");
  with_gateway.gateway = ip("10.0.0.1");
  const std::vector<RangeSet> sets{{with_gateway}, {range("fd00::/64")}};
  const auto given = must(open().allocate({"a", "eth0"}, sets));
  EXPECT_EQ(texts(given), (Texts{"10.0.0.2", "fd00::1"}));
  EXPECT_EQ(given[0].subnet, prefix("10.0.0.0/29"));
  EXPECT_EQ(given[0].gateway, ip("10.0.0.1"));
  EXPECT_EQ(given[1].gateway, std::nullopt);
  EXPECT_EQ(must(open().allocate({"a", "eth0"}, sets)), given);
  // Another interface of the container is another owner.
  EXPECT_EQ(texts(must(open().allocate({"a", "eth1"}, sets))), (Texts{"10.0.0.3", "fd00::2"}));
  EXPECT_EQ(texts(must(open().allocate({"ae", "th0"}, sets))), (Texts{"10.0.0.4", "fd00::3"}));
  EXPECT_EQ(must(open().find({"a", "eth1"}))->addresses,
            (std::vector<IpAddress>{ip("10.0.0.3"), ip("fd00::2")}));
  EXPECT_EQ(must(open().find({"b", "eth0"})), std::nullopt);
  EXPECT_EQ(must(open().list()).size(), 3U);
}

TEST_F(IpamStoreTest, WhatIsReleasedComesLast) {
  Store store = open();
  EXPECT_EQ(texts(must(store.allocate({"a", "eth0"}, dual_)))[0], "10.0.0.1");
  EXPECT_TRUE(must(store.release({"a", "eth0"})));
  EXPECT_FALSE(must(store.release({"a", "eth0"})));
  EXPECT_EQ(files("used"), 0U);
  EXPECT_EQ(files("attachments"), 0U);
  for (const char* expected :
       {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.1"}) {
    const std::string name = expected;
    EXPECT_EQ(texts(must(open().allocate({name, "eth0"}, dual_)))[0], expected);
  }
}

TEST_F(IpamStoreTest, ExhaustionIsToldAndTakesNothing) {
  Store store = open();
  for (int i = 0; i < 6; ++i) must(store.allocate({std::to_string(i), "eth0"}, dual_));
  const auto none = store.allocate({"late", "eth0"}, dual_);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().message, "no free address is left in 10.0.0.0/29");
  EXPECT_EQ(files("used"), 12U);
  // The other order: the family that has some gives none either.
  ASSERT_FALSE(store.allocate({"late", "eth0"}, {dual_[1], dual_[0]}).has_value());
  EXPECT_EQ(files("used"), 12U);
  EXPECT_EQ(must(store.find({"late", "eth0"})), std::nullopt);
  must(store.release({"3", "eth0"}));
  EXPECT_EQ(texts(must(store.allocate({"late", "eth0"}, dual_)))[0], "10.0.0.4");
}

TEST_F(IpamStoreTest, FurtherRangesOfASetAreTakenWhenTheFirstIsFull) {
  const std::vector<RangeSet> sets{{range("10.0.0.0/30"), range("10.7.0.0/30")}};
  Texts got;
  for (int i = 0; i < 4; ++i)
    got.push_back(texts(must(open().allocate({std::to_string(i), "eth0"}, sets)))[0]);
  EXPECT_EQ(got, (Texts{"10.0.0.1", "10.0.0.2", "10.7.0.1", "10.7.0.2"}));
  EXPECT_EQ(open().allocate({"late", "eth0"}, sets).error().message,
            "no free address is left in 10.0.0.0/30, 10.7.0.0/30");
}

TEST_F(IpamStoreTest, AnotherConfigurationGivesOtherAddresses) {
  Store store = open();
  must(store.allocate({"a", "eth0"}, dual_));
  EXPECT_EQ(texts(must(store.allocate({"a", "eth0"}, {{range("10.5.0.0/24")}}))),
            (Texts{"10.5.0.1"}));
  EXPECT_EQ(files("used"), 1U);
}

TEST_F(IpamStoreTest, CollectKeepsTheValidAlone) {
  Store store = open();
  for (const char* name : {"a", "b", "c"}) must(store.allocate({name, "eth0"}, dual_));
  std::ofstream(folder_ / "net" / "attachments" / "rubbish") << "not json";
  const auto removed = must(store.collect({{"b", "eth0"}, {"c", "eth1"}}));
  std::set<std::string> names;
  for (const auto& one : removed) names.insert(one.owner.container);
  EXPECT_EQ(names, (std::set<std::string>{"a", "c"}));
  EXPECT_EQ(files("attachments"), 1U);
  EXPECT_EQ(files("used"), 2U);
  EXPECT_TRUE(must(store.find({"b", "eth0"})).has_value());
}

TEST_F(IpamStoreTest, ARecordThatIsNotUnderstoodIsAnErrorAndCanBeReleased) {
  Store store = open();
  must(store.allocate({"a", "eth0"}, dual_));
  const fs::path file = folder_ / "net" / "attachments" / ipam::file_name_of({"a", "eth0"});
  std::ofstream(file, std::ios::trunc) << "{";  // in place: its addresses are links to it
  EXPECT_FALSE(store.allocate({"a", "eth0"}, dual_).has_value());
  EXPECT_TRUE(must(store.release({"a", "eth0"})));
  EXPECT_EQ(files("used"), 0U);
  EXPECT_TRUE(store.allocate({"a", "eth0"}, dual_).has_value());
}

TEST_F(IpamStoreTest, ThousandsOfAddressesAreEachGivenOnce) {
  const std::vector<RangeSet> sets{{range("10.0.0.0/20")}, {range("fd00::/64")}};
  Store store = open();
  std::set<std::string> seen;
  for (int i = 0; i < 4094; ++i) {
    for (const std::string& text : texts(must(store.allocate({std::to_string(i), "eth0"}, sets))))
      EXPECT_TRUE(seen.insert(text).second) << text;
  }
  EXPECT_FALSE(store.allocate({"late", "eth0"}, sets).has_value());
  EXPECT_EQ(seen.size(), 2U * 4094U);
  // The last free one of a full range is found, however far it is.
  must(store.release({"17", "eth0"}));
  EXPECT_TRUE(store.allocate({"late", "eth0"}, sets).has_value());
}

TEST_F(IpamStoreTest, WhetherThereIsRoomIsToldWithoutTakingIt) {
  const std::vector<RangeSet> sets{{range("10.0.0.0/30")}, {range("fd00::/64")}};
  Store store = open();
  must(store.allocate({"a", "eth0"}, sets));
  EXPECT_TRUE(store.check_room(sets).has_value());
  EXPECT_TRUE(store.check_room(sets).has_value());
  EXPECT_EQ(texts(must(store.allocate({"b", "eth0"}, sets))), (Texts{"10.0.0.2", "fd00::2"}));
  const auto full = store.check_room(sets);
  ASSERT_FALSE(full.has_value());
  EXPECT_NE(full.error().message.find("10.0.0.0/30"), std::string::npos) << full.error().message;
  must(store.release({"a", "eth0"}));
  EXPECT_TRUE(store.check_room(sets).has_value());
}

TEST_F(IpamStoreTest, ProcessesAtOnceShareNoAddress) {
  const std::vector<RangeSet> sets{{range("10.0.0.0/23")}, {range("fd00::/64")}};
  constexpr int kProcesses = 6, kEach = 60;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = Store::open(folder_ / "net");
      bool fine = store.has_value();
      for (int i = 0; fine && i < kEach; ++i) {
        const Owner owner{std::to_string(process) + "-" + std::to_string(i), "eth0"};
        fine = store->allocate(owner, sets).has_value();
        // Every third goes again.
        if (i % 3 == 2) fine = fine && store->release(owner).value_or(false);
      }
      ::_exit(fine ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  std::map<std::string, std::string> owners;
  for (const auto& attachment : must(open().list())) {
    for (const IpAddress& address : attachment.addresses)
      EXPECT_TRUE(owners.emplace(address.to_string(), attachment.owner.container).second)
          << address.to_string();
  }
  EXPECT_EQ(owners.size(), 2U * kProcesses * kEach * 2 / 3);
  EXPECT_EQ(files("used"), owners.size());
}

}  // namespace
}  // namespace policyc::testing
