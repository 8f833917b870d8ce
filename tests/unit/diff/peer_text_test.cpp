#include "compiler/diff/peer_text.h"

#include <gtest/gtest.h>

namespace policyc::diff {
namespace {

const std::vector<NamedSet> kPredicates = {{"A", {true, true, false, false, false}},
                                           {"B", {false, true, true, false, false}},
                                           {"C", {false, false, false, true, false}}};
const std::vector<std::string> kNames = {"k0", "k1", "k2", "k3", "k4"};

std::string text(const KindSet& wanted) { return peer_text(wanted, kPredicates, kNames); }

TEST(PeerText, IsExact) {
  EXPECT_EQ(text({true, true, true, true, true}), "anybody");
  EXPECT_EQ(text({true, true, false, false, false}), "A");
  EXPECT_EQ(text({true, true, true, false, false}), "A or B");
  EXPECT_EQ(text({true, false, false, false, false}), "A, but not B");
  EXPECT_EQ(text({true, true, true, false, true}), "anybody, but not C");
  EXPECT_EQ(text({false, false, false, false, true}), "anybody, but not A or B or C");
}

TEST(PeerText, ListsKindsWhereWordsFail) {
  EXPECT_EQ(text({true, false, true, false, true}), "k0; k2; k4");
  EXPECT_EQ(text({true, false, true, false, false}), "k0; k2");
}

}  // namespace
}  // namespace policyc::diff
