// Maglev tables: shares, and what moves when backends come and go.

#include "loader/service/maglev.h"

#include <algorithm>
#include <map>

#include <gmock/gmock.h>

namespace policyc::testing {
namespace {

using namespace service;

std::vector<MaglevBackend> backends(unsigned count) {
  std::vector<MaglevBackend> result;
  for (unsigned i = 0; i < count; ++i) {
    IpAddress address = *parse_ip_address("10.0.0.0");
    address.bytes[2] = static_cast<std::uint8_t>(i >> 8);
    address.bytes[3] = static_cast<std::uint8_t>(i);
    result.push_back({address, 8080, 1, i + 1});
  }
  return result;
}

std::map<std::uint32_t, unsigned> shares(const std::vector<std::uint32_t>& table) {
  std::map<std::uint32_t, unsigned> result;
  for (const std::uint32_t number : table) ++result[number];
  return result;
}

TEST(Maglev, SharesAreEqual) {
  for (const unsigned count : {1U, 3U, 10U, 100U, 160U}) {
    const auto table = maglev_table(backends(count), kDefaultMaglevSize);
    EXPECT_EQ(table.size(), kDefaultMaglevSize);
    const auto share = shares(table);
    ASSERT_EQ(share.size(), count);
    const auto [least, most] =
        std::ranges::minmax_element(share, {}, [](const auto& entry) { return entry.second; });
    EXPECT_LE(most->second - least->second, 1U) << count;
  }
}

TEST(Maglev, EverySizeIsFilled) {
  for (const std::uint32_t size : kMaglevSizes) {
    ASSERT_TRUE(is_maglev_size(size));
    const auto table = maglev_table(backends(7), size);
    EXPECT_EQ(table.size(), size);
    EXPECT_EQ(std::ranges::count(table, 0U), 0);
  }
  EXPECT_FALSE(is_maglev_size(16382));
}

// Of those that did not go to the backend that leaves, at most 2 % move.
TEST(Maglev, WhenABackendLeavesTheOthersKeepTheirs) {
  for (const unsigned count : {3U, 10U, 100U}) {
    const auto all = backends(count);
    const auto before = maglev_table(all, kDefaultMaglevSize);
    for (const std::size_t leaving : {std::size_t{0}, std::size_t{count / 2}}) {
      auto left = all;
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(leaving));
      const auto after = maglev_table(left, kDefaultMaglevSize);
      unsigned moved = 0;
      for (std::size_t i = 0; i < before.size(); ++i)
        moved += before[i] != all[leaving].number && before[i] != after[i] ? 1U : 0U;
      EXPECT_LE(moved, kDefaultMaglevSize * 2 / 100) << count;
    }
  }
}

TEST(Maglev, OrderAndNumbersDoNotMatter) {
  auto all = backends(20);
  const auto table = maglev_table(all, 251);
  std::ranges::reverse(all);
  EXPECT_EQ(maglev_table(all, 251), table);
  for (MaglevBackend& backend : all) backend.number += 1000;
  auto renumbered = table;
  for (std::uint32_t& number : renumbered) number += 1000;
  EXPECT_EQ(maglev_table(all, 251), renumbered);
}

TEST(Maglev, WeightsAreShares) {
  auto all = backends(4);
  all[0].weight = 3;
  all[3].weight = 0;
  const auto share = shares(maglev_table(all, kDefaultMaglevSize));
  EXPECT_FALSE(share.contains(4));
  EXPECT_NEAR(share.at(1), kDefaultMaglevSize * 3 / 5, kDefaultMaglevSize / 100);
  EXPECT_NEAR(share.at(2), kDefaultMaglevSize / 5, kDefaultMaglevSize / 100);
}

TEST(Maglev, NobodyGetsNothing) {
  auto all = backends(1);
  all[0].weight = 0;
  EXPECT_EQ(std::ranges::count(maglev_table(all, 251), 0U), 251);
  EXPECT_EQ(std::ranges::count(maglev_table({}, 251), 0U), 251);
}

TEST(Maglev, PortsAndFamiliesAreToldApart) {
  auto all = backends(1);
  all.push_back(all[0]);
  all[1].port = 8081;
  all[1].number = 2;
  all.push_back({*parse_ip_address("fd00::1"), 8080, 1, 3});
  EXPECT_EQ(shares(maglev_table(all, 251)).size(), 3U);
}

}  // namespace
}  // namespace policyc::testing
