// loader/bpf: typed maps, pins, objects.

#include <cerrno>

#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/bpf/map.h"
#include "loader/bpf/object.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

struct Pair {
  std::uint32_t a;
  std::uint32_t b;
  friend bool operator==(const Pair&, const Pair&) = default;
};

class BpfTest : public KernelTest {
 protected:
  static bpf::MapSpec hash(std::uint32_t entries = 8) {
    return {"pairs", BPF_MAP_TYPE_HASH, sizeof(std::uint32_t), sizeof(Pair), entries, 0};
  }
};

TEST_F(BpfTest, TypedMapWritesReadsAndWalks) {
  const bpf::Map<std::uint32_t, Pair> map(must(bpf::MapHandle::create(hash())));
  EXPECT_FALSE(must(map.lookup(1)));
  must(map.update(1, {10, 11}));
  must(map.update(2, {20, 21}));
  must(map.update(2, {22, 23}));
  EXPECT_EQ(must(map.lookup(2)), (Pair{22, 23}));
  EXPECT_THAT(must(map.entries()),
              UnorderedElementsAre(std::pair<std::uint32_t, Pair>{1, {10, 11}},
                                   std::pair<std::uint32_t, Pair>{2, {22, 23}}));
  EXPECT_EQ(must(map.handle().count()), 2U);
  EXPECT_TRUE(must(map.erase(1)));
  EXPECT_FALSE(must(map.erase(1)));
  EXPECT_EQ(must(map.handle().count()), 1U);
}

TEST_F(BpfTest, BatchUpdateWritesAllOrSaysHowMany) {
  const bpf::Map<std::uint32_t, Pair> map(must(bpf::MapHandle::create(hash(4))));
  const std::vector<std::uint32_t> keys{1, 2, 3};
  const std::vector<Pair> values{{1, 1}, {2, 2}, {3, 3}};
  must(map.update_batch(keys, values));
  EXPECT_EQ(must(map.lookup(3)), (Pair{3, 3}));
  const std::vector<std::uint32_t> more{4, 5, 6};
  const auto full = map.update_batch(more, values);
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().message, HasSubstr("1 of 3"));
}

TEST_F(BpfTest, AFullMapSaysSo) {
  const bpf::Map<std::uint32_t, Pair> map(must(bpf::MapHandle::create(hash(1))));
  must(map.update(1, {}));
  const auto second = map.update(2, {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("full"));
}

TEST_F(BpfTest, APinnedMapIsUsedAgain) {
  const auto path = paths_.bpffs / "pairs";
  const auto first = must(bpf::MapHandle::open_or_create(hash(), path));
  const auto second = must(bpf::MapHandle::open_or_create(hash(16), path));
  EXPECT_EQ(must(first.info()).id, must(second.info()).id);
  EXPECT_EQ(must(second.info()).max_entries, 8U) << "a map that is there keeps its size";
}

TEST_F(BpfTest, APinnedMapOfAnotherShapeIsRefused) {
  const auto path = paths_.bpffs / "pairs";
  must(bpf::MapHandle::open_or_create(hash(), path));
  auto wider = hash();
  wider.value_size = 12;
  const auto refused = bpf::MapHandle::open_or_create(wider, path);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("value 8 bytes"));
  EXPECT_THAT(refused.error().message, HasSubstr("value 12 bytes"));
}

TEST_F(BpfTest, PinReplacingLeavesOneName) {
  const auto path = paths_.bpffs / "pairs";
  const auto first = must(bpf::MapHandle::create(hash()));
  const auto second = must(bpf::MapHandle::create(hash()));
  must(bpf::pin_replacing(first.fd(), path));
  must(bpf::pin_replacing(second.fd(), path));
  const auto opened = must(bpf::open_pinned(path));
  EXPECT_EQ(must(bpf::map_info(opened.get())).id, must(second.info()).id);
  EXPECT_THAT(bpf::list(paths_.bpffs), ::testing::ElementsAre("pairs"));
}

TEST_F(BpfTest, ADirectoryOutsideABpfFileSystemIsRefused) {
  EXPECT_FALSE(bpf::ensure_directory(paths_.state / "pins"));
  EXPECT_FALSE(bpf::exists(paths_.state / "pins"));
}

TEST_F(BpfTest, VerifierTellsWhatItRefuses) {
  auto object = must(bpf::Object::open(compile_c(R"(
__attribute__((section("tc"), used)) int from_endpoint(int *context) { return *(volatile int *)(long)context[0]; }
char test_license[] __attribute__((section("license"), used)) = "GPL";
)"),
                                       "test"));
  const auto refused = object.load();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("from_endpoint"));
  EXPECT_THAT(refused.error().message, HasSubstr("invalid mem access"));
}

TEST_F(BpfTest, BytesThatAreNoObjectAreRefused) {
  const backend::Bytes noise(100, 0x5a);
  EXPECT_FALSE(bpf::Object::open(noise, "test"));
  EXPECT_FALSE(bpf::Object::open({}, "test"));
  auto cut = counting_object();
  cut.resize(cut.size() / 2);
  EXPECT_FALSE(bpf::Object::open(cut, "test"));
}

TEST_F(BpfTest, ObjectMapsAreSizedReusedAndRefused) {
  auto object = must(bpf::Object::open(counting_object(), "test"));
  ASSERT_EQ(object.maps().size(), 1U);
  EXPECT_EQ(object.maps()[0].name, "hits");
  EXPECT_EQ(object.maps()[0].max_entries, 2U);
  const auto wrong = must(bpf::MapHandle::create({"hits", BPF_MAP_TYPE_ARRAY, 4, 4, 2, 0}));
  EXPECT_FALSE(object.reuse_map("hits", wrong.fd()));
  const auto right = must(bpf::MapHandle::create({"hits", BPF_MAP_TYPE_ARRAY, 4, 8, 2, 0}));
  must(object.reuse_map("hits", right.fd()));
  must(object.load());
  EXPECT_EQ(must(bpf::map_info(must(object.map_fd("hits")))).id, must(right.info()).id);
  EXPECT_THAT(must(bpf::program_info(must(object.program_fd("to_endpoint")))).map_ids,
              ::testing::Contains(must(right.info()).id));
  EXPECT_FALSE(object.program_fd("nothing"));

  auto larger = must(bpf::Object::open(counting_object(), "test"));
  must(larger.set_max_entries("hits", 7));
  must(larger.load());
  EXPECT_EQ(must(bpf::map_info(must(larger.map_fd("hits")))).max_entries, 7U);
}

}  // namespace
}  // namespace policyc::testing
