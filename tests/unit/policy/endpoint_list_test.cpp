// compiler/policy/endpoint_list: a list whose copies share what they have in common.

#include "compiler/policy/endpoint_list.h"

#include <algorithm>
#include <string>
#include <utility>
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

bool has(const EndpointList& list, const std::vector<EndpointRef>& expected) {
  if (list.size() != expected.size()) return false;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (list.ref(i) != expected[i]) return false;
  }
  auto one = list.begin();
  return std::ranges::all_of(expected,
                             [&one](const EndpointRef& ref) { return (one++).ref() == ref; }) &&
         one == list.end();
}

// Most are small and close together; a copy of before stays as it is.
TEST(EndpointList, ManySplicesAreAsOfAVector) {
  std::uint32_t random = 9;
  const auto pick = [&random](std::size_t below) {
    random = random * 1664525 + 1013904223;
    return static_cast<std::size_t>(random >> 8U) % below;
  };
  std::uint32_t next = 0;
  EndpointList list;
  std::vector<EndpointRef> expected;
  for (; next < 9000; ++next) list.push_back(expected.emplace_back(endpoint(next)));
  for (int round = 0; round < 200; ++round) {
    const EndpointList before = list;
    const std::vector<EndpointRef> was = expected;
    std::vector<EndpointSplice> splices;
    std::size_t from = 0;
    for (std::size_t left = 1 + pick(60); left != 0; --left) {
      const std::size_t size = expected.size();
      const bool anywhere = pick(8) == 0;  // else in the list's order
      EndpointSplice splice{
          anywhere ? pick(size + 1) : std::min(size, from + pick(pick(3) == 0 ? 400 : 3)), 0, {}};
      splice.removed = std::min(size - splice.position, pick(pick(12) == 0 ? 90 : 4));
      for (std::size_t more = pick(pick(12) == 0 ? 90 : 4); more != 0; --more)
        splice.added.push_back(endpoint(next++));
      from = splice.position + splice.added.size();
      const auto at = expected.begin() + static_cast<std::ptrdiff_t>(splice.position);
      const auto hole = expected.erase(at, at + static_cast<std::ptrdiff_t>(splice.removed));
      expected.insert(hole, splice.added.begin(), splice.added.end());
      splices.push_back(std::move(splice));
    }
    list.splice(splices);
    ASSERT_TRUE(has(list, expected)) << round;
    ASSERT_TRUE(has(before, was)) << round;
    EndpointList again = before;
    again.splice(EndpointList::splices_between(before, list));
    ASSERT_TRUE(has(again, expected)) << round;
  }
}

TEST(EndpointList, FindsPlacesAsInAVector) {
  std::uint32_t random = 5;
  const auto pick = [&random](std::size_t below) {
    random = random * 1664525 + 1013904223;
    return static_cast<std::size_t>(random >> 8U) % below;
  };
  const auto number = [](const policy::Endpoint& one) { return std::stoul(one.name); };
  EndpointList list;
  EXPECT_EQ(list.find_place(0, 0, [](const policy::Endpoint&) { return true; }), 0U);
  for (std::uint32_t i = 0; i < 3000; ++i) {
    EndpointSplice splice{pick(list.size() + 1), 0, {}};
    const std::size_t before = splice.position;
    const auto least = before == 0 ? 0 : number(std::as_const(list)[before - 1]);
    splice.added = {endpoint(static_cast<std::uint32_t>(least))};
    list.splice(splice);
    if (i % 100 == 99) {  // as sorted as it was, but spread
      for (std::size_t k = 0; k < list.size(); ++k) list[k].name = std::to_string(3 * k);
    }
  }
  for (int round = 0; round < 2000; ++round) {
    const std::size_t from = pick(list.size() + 1);
    const std::size_t to = from + pick(list.size() + 1 - from);
    const std::size_t wanted = pick(3 * list.size());
    const std::size_t expected = std::clamp((wanted + 2) / 3, from, to);
    EXPECT_EQ(list.find_place(from, to,
                              [&](const policy::Endpoint& one) { return number(one) < wanted; }),
              expected);
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
