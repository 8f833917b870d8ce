// loader/attach: tcx and clsact, each under the same expectations.

#include "loader/attach/attach.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <net/if.h>
#include <unistd.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/bpf/map.h"
#include "loader/bpf/object.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using attach::HookKind;
using attach::Side;

// A loaded counting object.
class Counting {
 public:
  Counting() : object_(must(bpf::Object::open(counting_object(), "counting"))) {
    must(object_.load());
  }

  [[nodiscard]] int program(Side side) const {
    return must(object_.program_fd(std::string(attach::program_name(side))));
  }
  [[nodiscard]] std::uint32_t id(Side side) const {
    return must(bpf::program_info(program(side))).id;
  }
  [[nodiscard]] std::uint64_t hits(Side side) const {
    const std::uint32_t key = side == Side::FromEndpoint ? 0 : 1;
    std::uint64_t value = 0;
    const bpf::MapHandle map("hits", bpf::Fd(::dup(must(object_.map_fd("hits")))));
    must(map.lookup_raw(&key, &value));
    return value;
  }

 private:
  bpf::Object object_;
};

class AttachTest : public KernelTest, public ::testing::WithParamInterface<HookKind> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    shell("ip link add tst0 type veth peer name tst1");
    shell("ip link set tst0 up");
    shell("ip link set tst1 up");
  }
  void TearDown() override {
    static_cast<void>(std::system("ip link del tst0 2>/dev/null") == 0);
    KernelTest::TearDown();
  }
  [[nodiscard]] attach::Hook hook(Side side) const {
    return {must(bpf_interface()), side, GetParam(), paths_.bpffs / attach::program_name(side)};
  }
  static Result<std::uint32_t> bpf_interface() {
    const unsigned index = ::if_nametoindex("tst0");
    if (index == 0) return fail("no interface");
    return index;
  }
};

INSTANTIATE_TEST_SUITE_P(Hooks, AttachTest, ::testing::Values(HookKind::Tcx, HookKind::Clsact),
                         [](const auto& test) {
                           return std::string(attach::hook_name(test.param));
                         });

TEST_P(AttachTest, EachSideSeesItsDirection) {
  const Counting counting;
  for (const Side side : attach::kSides) {
    EXPECT_EQ(must(attach::attached_program(hook(side))), std::nullopt);
    must(attach::attach(hook(side), counting.program(side)));
    EXPECT_EQ(must(attach::attached_program(hook(side))), counting.id(side));
  }
  const FrameSender out("tst0");
  const FrameSender in("tst1");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(out.send());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(in.send());
  for (int i = 0; i < 50 && counting.hits(Side::FromEndpoint) < 3; ++i) ::usleep(10'000);
  EXPECT_EQ(counting.hits(Side::ToEndpoint), 5U);
  EXPECT_EQ(counting.hits(Side::FromEndpoint), 3U);
}

TEST_P(AttachTest, ReplacingUnderTrafficLosesNothing) {
  const Counting first;
  const Counting second;
  const auto where = hook(Side::ToEndpoint);
  must(attach::attach(where, first.program(Side::ToEndpoint)));
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> sent = 0;
  std::thread traffic([&] {
    const FrameSender sender("tst0");
    while (!stop) sent += sender.send() ? 1 : 0;
  });
  while (sent < 100) ::usleep(1000);
  for (int i = 0; i < 500; ++i) {
    must(attach::attach(where, (i % 2 == 0 ? second : first).program(Side::ToEndpoint)));
    for (const std::uint64_t before = sent; i % 10 == 0 && sent == before;) ::usleep(10);
  }
  const std::uint64_t at_end = sent;
  while (sent < at_end + 100) ::usleep(1000);
  stop = true;
  traffic.join();
  EXPECT_GT(second.hits(Side::ToEndpoint), 0U);
  EXPECT_EQ(first.hits(Side::ToEndpoint) + second.hits(Side::ToEndpoint), sent)
      << "each frame met exactly one program";
  EXPECT_EQ(must(attach::attached_program(where)), first.id(Side::ToEndpoint));
}

TEST_P(AttachTest, DetachingLetsTrafficBy) {
  const Counting counting;
  const auto where = hook(Side::ToEndpoint);
  must(attach::attach(where, counting.program(Side::ToEndpoint)));
  must(attach::detach(where));
  EXPECT_EQ(must(attach::attached_program(where)), std::nullopt);
  ASSERT_TRUE(FrameSender("tst0").send());
  EXPECT_EQ(counting.hits(Side::ToEndpoint), 0U);
  must(attach::detach(where));
  EXPECT_FALSE(bpf::exists(where.link_pin));
}

TEST_P(AttachTest, AVanishedInterfaceHasNoProgram) {
  const Counting counting;
  const auto where = hook(Side::ToEndpoint);
  must(attach::attach(where, counting.program(Side::ToEndpoint)));
  shell("ip link del tst0");
  EXPECT_EQ(must(attach::attached_program(where)), std::nullopt);
  EXPECT_FALSE(attach::attach(where, counting.program(Side::ToEndpoint)));
  must(attach::detach(where));
  EXPECT_FALSE(bpf::exists(where.link_pin));
}

TEST_P(AttachTest, AnInterfaceMadeAnewIsAttachedAgain) {
  const Counting counting;
  must(attach::attach(hook(Side::ToEndpoint), counting.program(Side::ToEndpoint)));
  shell("ip link del tst0");
  shell("ip link add tst0 type veth peer name tst1");
  shell("ip link set tst0 up");
  shell("ip link set tst1 up");
  must(attach::attach(hook(Side::ToEndpoint), counting.program(Side::ToEndpoint)));
  ASSERT_TRUE(FrameSender("tst0").send());
  EXPECT_EQ(counting.hits(Side::ToEndpoint), 1U);
}

class TcxTest : public AttachTest {};
INSTANTIATE_TEST_SUITE_P(Hooks, TcxTest, ::testing::Values(HookKind::Tcx));

TEST_P(TcxTest, TheLinkOutlivesItsMaker) {
  const auto where = hook(Side::ToEndpoint);
  std::uint32_t id = 0;
  {
    const Counting counting;
    must(attach::attach(where, counting.program(Side::ToEndpoint)));
    id = counting.id(Side::ToEndpoint);
  }
  EXPECT_EQ(must(attach::attached_program(where)), id);
}

// Killed between a link and its place, a process leaves the program attached.
TEST_P(TcxTest, ALinkWithoutItsPlaceIsTakenOver) {
  const auto where = hook(Side::ToEndpoint);
  const Counting counting;
  must(attach::attach(where, counting.program(Side::ToEndpoint)));
  must(bpf::rename(where.link_pin, bpf::half_replaced(where.link_pin)));
  must(attach::attach(where, counting.program(Side::ToEndpoint)));
  EXPECT_EQ(must(attach::attached_program(where)), counting.id(Side::ToEndpoint));
  EXPECT_FALSE(bpf::exists(bpf::half_replaced(where.link_pin)));
  ASSERT_TRUE(FrameSender("tst0").send());
  EXPECT_EQ(counting.hits(Side::ToEndpoint), 1U);
}

TEST_P(TcxTest, OurProgramRunsFirst) {
  const Counting other;
  const Counting ours;
  auto elsewhere = hook(Side::ToEndpoint);
  elsewhere.link_pin = paths_.bpffs / "other";
  must(attach::attach(elsewhere, other.program(Side::ToEndpoint)));
  must(attach::attach(hook(Side::ToEndpoint), ours.program(Side::ToEndpoint)));
  ASSERT_TRUE(FrameSender("tst0").send());
  // The first program answers "pass", which ends the chain.
  EXPECT_EQ(ours.hits(Side::ToEndpoint), 1U);
  EXPECT_EQ(other.hits(Side::ToEndpoint), 0U);
  must(attach::detach(elsewhere));
}

class ClsactTest : public AttachTest {};
INSTANTIATE_TEST_SUITE_P(Hooks, ClsactTest, ::testing::Values(HookKind::Clsact));

TEST_P(ClsactTest, AStrangersFilterIsNotReplaced) {
  auto object = must(bpf::Object::open(compile_c(R"(
__attribute__((section("tc"), used)) int stranger(void *context) { return 0; }
char test_license[] __attribute__((section("license"), used)) = "GPL";
)"),
                                       "stranger"));
  must(object.load());
  const auto where = hook(Side::ToEndpoint);
  const int stranger = must(object.program_fd("stranger"));
  must(attach::attach(where, stranger));
  EXPECT_EQ(must(attach::attached_program(where)), std::nullopt) << "it is not ours";
  const Counting counting;
  const auto refused = attach::attach(where, counting.program(Side::ToEndpoint));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("someone else"));
  must(attach::detach(where));
  EXPECT_FALSE(attach::attach(where, counting.program(Side::ToEndpoint)))
      << "detach leaves it as well";
}

TEST_F(KernelTest, TheHookIsChosen) {
  EXPECT_EQ(must(attach::choose_hook(attach::HookChoice::Clsact)), HookKind::Clsact);
  const HookKind expected = attach::kernel_has_tcx() ? HookKind::Tcx : HookKind::Clsact;
  EXPECT_EQ(must(attach::choose_hook(attach::HookChoice::Auto)), expected);
}

}  // namespace
}  // namespace policyc::testing
