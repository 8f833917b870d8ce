// The programs themselves: attaching, replacing while sockets connect, taking off.

#include <atomic>
#include <cerrno>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/sockets/cgroup.h"
#include "loader/sockets/sockets.h"
#include "tests/unit/loader/socket_services.h"

namespace policyc::testing {
namespace {

using sockets::ProgramStatus;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

class SocketProgramsTest : public ServicesTest {
 protected:
  [[nodiscard]] std::vector<ProgramStatus> status() const {
    return must(sockets::status(paths_.bpffs));
  }
};

TEST_P(SocketProgramsTest, StatusNamesEveryProgramAndItsCgroup) {
  std::vector<std::string> names;
  for (const ProgramStatus& program : status()) {
    names.push_back(program.name);
    EXPECT_EQ(must(bpf::program_info_by_id(program.program_id)).name, program.name.substr(0, 15));
  }
  EXPECT_THAT(names, ElementsAre("connect4", "connect6", "getpeername4", "getpeername6",
                                 "post_bind4", "post_bind6", "recvmsg4", "recvmsg6", "sendmsg4",
                                 "sendmsg6", "sock_release"));
  const auto cgroup = must(sockets::open_cgroup(cgroup_));
  EXPECT_THAT(status(), Each(Field(&ProgramStatus::cgroup_id, cgroup.id)));
}

TEST_P(SocketProgramsTest, ReplacingLosesNothing) {
  const Server server = serve(backend(0));
  make_service({0});
  const Socket before(GetParam());
  ASSERT_EQ(before.connect(frontend()), 0);
  const auto old = status();
  std::atomic<bool> stop = false;
  std::atomic<int> connected = 0;
  std::atomic<int> wrong = 0;
  // The frontend's address answers too, so a socket that is not translated gets there.
  const Server untranslated = serve(frontend());
  std::thread load([&] {
    while (!stop) {
      const Socket client(GetParam());
      if (client.connect(frontend()) != 0 || client.peer() != frontend()) ++wrong;
      if (GetParam().type == SOCK_STREAM) {
        // Let the server's queue not fill.
        const bpf::Fd taken(
            ::accept4(server.socket().fd().get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!taken.valid()) ++wrong;
      } else if (client.send("x") != 0 || server.receive() != "x") {
        ++wrong;
      }
      ++connected;
    }
  });
  for (int i = 0; i < 5; ++i) attach();
  while (connected < 20) std::this_thread::yield();
  stop = true;
  load.join();
  EXPECT_EQ(wrong, 0);
  for (std::size_t i = 0; i < old.size(); ++i)
    EXPECT_NE(status()[i].program_id, old[i].program_id) << old[i].name;
  EXPECT_EQ(before.peer(), frontend());
}

TEST_P(SocketProgramsTest, OtherCgroupsAreLeftAlone) {
  make_service({});
  EXPECT_EQ(Socket(GetParam()).connect(frontend()), EHOSTUNREACH);
  // Now they are another one's; the test's process has none.
  const auto other = cgroup_.string() + "-other";
  std::filesystem::create_directory(other);
  must(sockets::attach(paths_.bpffs, other));
  const Server untranslated = serve(frontend());
  EXPECT_EQ(Socket(GetParam()).connect(frontend()), 0);
  EXPECT_THAT(status(),
              Each(Field(&ProgramStatus::cgroup_id, must(sockets::open_cgroup(other)).id)));
  // A cgroup that is removed takes its links along.
  std::filesystem::remove(other);
  const auto gone = [&] {
    return std::ranges::all_of(status(), [](const auto& program) { return !program.program_id; });
  };
  for (int i = 0; i < 200 && !gone(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(gone());
  attach();
  EXPECT_EQ(Socket(GetParam()).connect({frontend().address, 80}), EHOSTUNREACH);
}

TEST_P(SocketProgramsTest, TakenOffSocketsStayConnected) {
  const Server server = serve(backend(0));
  make_service({0});
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(frontend()), 0);
  must(sockets::detach(paths_.bpffs));
  EXPECT_THAT(status(), Each(Field(&ProgramStatus::program_id, 0U)));
  ASSERT_EQ(client.send("x"), 0);
  EXPECT_EQ(server.receive(), "x");
  EXPECT_EQ(client.peer(), backend(0));
  must(sockets::detach(paths_.bpffs));
}

INSTANTIATE_TEST_SUITE_P(Kinds, SocketProgramsTest, ::testing::ValuesIn(socket_kinds()),
                         [](const auto& kind) { return kind.param.name; });

class SocketAttachTest : public SocketTest {};

TEST_F(SocketAttachTest, PathsThatAreNoCgroups) {
  const auto own = paths_.bpffs.string() + "-unused";
  const auto missing = sockets::attach(own, cgroup_ / "missing");
  ASSERT_FALSE(missing.has_value());
  EXPECT_THAT(missing.error().message, HasSubstr("missing"));
  const auto file = sockets::attach(own, paths_.state);
  ASSERT_FALSE(file.has_value());
  EXPECT_THAT(file.error().message, HasSubstr("not in a cgroup2 file system"));
  EXPECT_FALSE(bpf::exists(own));
}

TEST_F(SocketAttachTest, APinThatIsNotOursStopsAndUndoes) {
  const auto own = paths_.bpffs / "second";
  must(bpf::ensure_directory(own / "sockets"));
  // A map where the link of connect6, the last one, goes.
  must(bpf::pin(table_->reverse.fd(), own / "sockets" / "connect6"));
  EXPECT_FALSE(sockets::attach(own, cgroup_).has_value());
  EXPECT_THAT(bpf::list(own / "sockets"), ElementsAre("connect6"));
}

TEST_F(SocketAttachTest, MapsOfOtherSizesAreUsed) {
  const auto own = paths_.bpffs / "second";
  must(bpf::ensure_directory(own / "maps"));
  const bpf::MapSpec small{
      "frontends4", BPF_MAP_TYPE_HASH, sizeof(frontend4_key), sizeof(frontend_value),
      16,           BPF_F_NO_PREALLOC};
  const auto map = must(bpf::MapHandle::open_or_create(small, own / "maps" / "frontends4"));
  must(sockets::attach(own, cgroup_));
  const auto status = must(sockets::status(own));
  const auto used = must(bpf::program_info_by_id(status.front().program_id)).map_ids;
  EXPECT_THAT(used, ::testing::Contains(must(map.info()).id));
  must(sockets::detach(own));
}

TEST_F(SocketAttachTest, MapsOfAnotherVersionAreRefused) {
  const auto own = paths_.bpffs / "second";
  must(bpf::ensure_directory(own / "maps"));
  const bpf::MapSpec other{"frontends4", BPF_MAP_TYPE_HASH, 4, 4, 16, BPF_F_NO_PREALLOC};
  static_cast<void>(must(bpf::MapHandle::open_or_create(other, own / "maps" / "frontends4")));
  const auto refused = sockets::attach(own, cgroup_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("another version"));
}

}  // namespace
}  // namespace policyc::testing
