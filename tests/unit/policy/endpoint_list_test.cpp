// compiler/policy/endpoint_list: a list whose copies share what they have in common.

#include "compiler/policy/endpoint_list.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace policyc {
namespace {

using policy::EndpointList;
using policy::EndpointRef;
using policy::EndpointSplice;

EndpointRef endpoint(std::uint32_t number) {
  auto result = std::make_shared<policy::Endpoint>();
  result->name = std::to_string(number);
  return result;
}

TEST(EndpointList, SplicesAsAVectorDoes) {
  EndpointList list;
  std::vector<std::string> expected;
  std::uint32_t random = 3;
  const auto pick = [&random](std::size_t below) {
    random = random * 1664525 + 1013904223;
    return static_cast<std::size_t>(random >> 8U) % below;
  };
  std::uint32_t next = 0;
  for (int step = 0; step < 400; ++step) {
    const EndpointList before = list;
    EndpointSplice splice{pick(expected.size() + 1), 0, {}};
    splice.removed = pick(std::min<std::size_t>(expected.size() - splice.position, 300) + 1);
    std::vector<std::string> names;
    for (std::size_t left = pick(400); left != 0; --left) {
      splice.added.push_back(endpoint(next));
      names.push_back(std::to_string(next++));
    }
    list.splice(splice);
    const auto at = expected.begin() + static_cast<std::ptrdiff_t>(splice.position);
    const auto hole = expected.erase(at, at + static_cast<std::ptrdiff_t>(splice.removed));
    expected.insert(hole, names.begin(), names.end());
    ASSERT_EQ(list.size(), expected.size());
    std::size_t i = 0;
    for (const policy::Endpoint& one : list) ASSERT_EQ(one.name, expected[i++]);
    EndpointList again = before;
    for (const EndpointSplice& one : EndpointList::splices_between(before, list)) again.splice(one);
    ASSERT_EQ(again, list);
    const auto difference = EndpointList::difference(before, list);
    EXPECT_EQ(difference.gone.size(), splice.removed);
    EXPECT_EQ(difference.come.size(), splice.added.size());
  }
}

TEST(EndpointList, ACopyStaysAsItIs) {
  EndpointList list;
  for (std::uint32_t i = 0; i < 1000; ++i) list.push_back(endpoint(i));
  const EndpointList copy = list;
  list[500].name = "other";
  list.resize(600);
  EXPECT_EQ(copy.size(), 1000U);
  EXPECT_EQ(copy[500].name, "500");
  EXPECT_EQ(list.size(), 600U);
  EXPECT_EQ(list[500].name, "other");
  EXPECT_NE(list, copy);
}

}  // namespace
}  // namespace policyc
