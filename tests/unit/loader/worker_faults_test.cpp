// What the agent's side does with a compiler process that dies, hangs or says what it must not; and
// what the process does with bytes that are no requests.
#include <chrono>
#include <csignal>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "loader/worker/client_messages.h"
#include "loader/worker/frame.h"
#include "loader/worker/spawn.h"
#include "tests/unit/driver/session_manifests.h"
#include "tests/unit/loader/worker_client.h"
#include "tests/unit/loader/worker_wrong.h"

namespace policyc::worker {
namespace {

using policyc::testing::allow;
using policyc::testing::pod;
using policyc::testing::service;
using policyc::testing::slice;
using ::testing::HasSubstr;

Settings fake_settings(const std::string& mode) {
  Settings settings = test_settings();
  settings.program = POLICYC_WORKER_FAKE;
  settings.node_name = mode;
  settings.limits.first_backoff = std::chrono::milliseconds(1);
  settings.limits.last_backoff = std::chrono::milliseconds(10);
  return settings;
}

class Deadly : public ::testing::TestWithParam<const char*> {
 protected:
  static Settings settings() {
    Settings result = fake_settings(GetParam());
    if (std::string(GetParam()) == "hang") {
      // Enough for what does not hang.
      result.limits.file = result.limits.resolve = result.limits.compile = std::chrono::seconds(4);
    }
    return result;
  }
};

TEST_P(Deadly, AFileIsQuarantinedAndItsLastGoodVersionCounts) {
  Agent agent(settings());
  agent.put("pods", pod("api", "api"));
  agent.put("p", allow("p", "api", "web", "80"));
  agent.put("z", allow("z", "api", "web", "90"));
  const auto before = agent.resolve_at_last({"api"});
  agent.forget_answers();
  agent.put("p", allow("p", "api", "web", "81") + "# CRASH-PUT\n");
  agent.put("new", allow("new", "api", "web", "82") + "# CRASH-PUT\n");
  agent.put("other", pod("web", "web"));
  agent.until(
      [&] { return agent.has_file("p") && agent.has_file("new") && agent.has_file("other"); });
  EXPECT_FALSE(agent.file("p").accepted);
  EXPECT_TRUE(agent.file("p").quarantined);
  EXPECT_TRUE(agent.file("p").last_good);
  EXPECT_THAT(agent.file("p").diagnostics, HasSubstr("left out"));
  EXPECT_TRUE(agent.file("new").quarantined);
  EXPECT_FALSE(agent.file("new").last_good);
  EXPECT_TRUE(agent.file("other").accepted);
  EXPECT_EQ(agent.client().statistics().quarantined, 2U);
  EXPECT_LE(agent.losses().size(), 5U);
  EXPECT_EQ(agent.resolve_at_last({"api"}).endpoints[0].shape, before.endpoints[0].shape);
  // The same again is known; another version is tried.
  agent.forget_answers();
  agent.put("new", allow("new", "api", "web", "82") + "# CRASH-PUT\n");
  EXPECT_TRUE(agent.file("new").quarantined);
  EXPECT_TRUE(agent.losses().empty());
  agent.put("p", allow("p", "api", "web", "81"));
  EXPECT_TRUE(agent.file("p").accepted);
  EXPECT_NE(agent.resolve_at_last({"api"}).endpoints[0].shape, before.endpoints[0].shape);
}

TEST_P(Deadly, AFileThatIsFineAloneIsFoundOut) {
  Agent agent(settings());
  agent.put("pods", pod("api", "api"));
  agent.put("d", allow("d", "api", "web", "80"));
  const auto before = agent.resolve_at_last({"api"});
  agent.forget_answers();
  agent.put("a", allow("a", "api", "web", "81"));
  agent.put("d", allow("d", "api", "web", "82") + "# CRASH-RESOLVE\n");
  agent.put("e", allow("e", "api", "web", "83"));
  const auto after = agent.resolve_at_last({"api"});
  EXPECT_TRUE(agent.file("a").accepted);
  EXPECT_TRUE(agent.file("e").accepted);
  EXPECT_TRUE(agent.file("d").quarantined);
  EXPECT_TRUE(agent.file("d").last_good);
  EXPECT_EQ(after.policies.size(), 3U);
  EXPECT_TRUE(after.everything);
  EXPECT_NE(after.endpoints[0].shape, before.endpoints[0].shape);
  EXPECT_EQ(agent.client().statistics().quarantined, 1U);
  // And it is over: nothing is lost any more.
  agent.forget_answers();
  agent.put("a", allow("a", "api", "web", "84"));
  (void)agent.resolve({"api"});
  EXPECT_TRUE(agent.losses().empty());
}

TEST_P(Deadly, AShapeIsQuarantinedAndFilesAreNot) {
  Agent agent(settings());
  agent.put("pods", pod("api", "api"));
  agent.put("p", allow("p", "api", "web", "80") + "# CRASH-COMPILE\n");
  FailureReason reason = FailureReason::Restarted;
  int tries = 0;
  while (reason == FailureReason::Restarted || reason == FailureReason::TimedOut) {
    ASSERT_LT(++tries, 6);
    const auto resolved = agent.resolve_at_last({"api"});
    reason = agent.failure_of(agent.client().compile(resolved.endpoints[0].shape, 1)).reason;
  }
  EXPECT_EQ(reason, FailureReason::Quarantined);
  EXPECT_EQ(agent.client().statistics().quarantined, 0U);
  EXPECT_TRUE(agent.file("p").accepted);
}

INSTANTIATE_TEST_SUITE_P(WorkerFaults, Deadly, ::testing::Values("crash", "hang"));

// The process answers many at once: which of them it died of shows when they are told one by one.
TEST(WorkerFaults, AFileIsFoundOutAmongManyThatWereNotAnswered) {
  Agent agent(fake_settings("holds"));
  const auto key = [](int i) { return "pod" + std::to_string(i + 10); };
  for (int i = 0; i < 20; ++i)
    agent.put(key(i), pod(key(i), "web") + (i == 13 ? "# CRASH-PUT\n" : ""));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(agent.file(key(i)).accepted, i != 13) << i;
  EXPECT_TRUE(agent.file(key(13)).quarantined);
  EXPECT_EQ(agent.client().statistics().quarantined, 1U);
  EXPECT_EQ(agent.losses().size(), 3U);
  // And it is over: what was doubted is told with others again.
  agent.forget_answers();
  for (int i = 0; i < 3; ++i) agent.put(key(i), pod(key(i), "api"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(agent.file(key(i)).accepted);
  EXPECT_TRUE(agent.losses().empty());
}

TEST(WorkerFaults, OneThatDoesNotStartIsAnError) {
  const auto ends = Client::start(fake_settings("ends"));
  ASSERT_FALSE(ends);
  EXPECT_THAT(ends.error().message, HasSubstr("exit code 0"));
  Settings silent = fake_settings("silent");
  silent.limits.start = std::chrono::milliseconds(200);
  const auto late = Client::start(silent);
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message, HasSubstr("in time"));
}

class Wrong : public ::testing::TestWithParam<unsigned> {};

TEST_P(Wrong, RepliesAreNotBelieved) {
  Agent agent(fake_settings("wrong " + std::to_string(GetParam())));
  agent.put("pods", pod("api", "api"));
  agent.put("p", allow("p", "api", "web", "80"));
  agent.put("s", service("a", "10.0.0.1", "80") + "---\n" + slice("a-1", "a", "10.1.0.1"));
  const auto id = agent.client().resolve(pod_endpoints({"api"}));
  EXPECT_EQ(agent.failure_of(id).reason, FailureReason::Restarted);
  ASSERT_EQ(agent.losses().size(), 1U);
  EXPECT_THAT(agent.losses()[0], HasSubstr("it sent"));
}

INSTANTIATE_TEST_SUITE_P(
    WorkerFaults, Wrong,
    ::testing::Range(0U, kOtherReplies + static_cast<unsigned>(wrong_resolutions().size())));

// Whatever the bytes, the agent's side goes on: each request is answered or fails.
TEST(WorkerFaults, RandomRepliesBreakNothing) {
  std::random_device device;
  for (int round = 0; round < 20; ++round) {
    const std::string mode = round % 4 == 0 ? "noise " : "mutate ";
    const std::string seed = std::to_string(device());
    SCOPED_TRACE(mode + seed);
    Agent agent(fake_settings(mode + seed));
    agent.put("pods", pod("api", "api"));
    agent.put("s", service("a", "10.0.0.1", "80") + "---\n" + slice("a-1", "a", "10.1.0.1"));
    for (int i = 0; i < 6; ++i) {
      agent.put("p", allow("p", "api", "web", std::to_string(80 + i)));
      const auto id = agent.client().resolve(pod_endpoints({"api"}));
      agent.until([&] { return agent.answered(id); });
      const auto* resolved = agent.resolved(id);
      if (resolved == nullptr || resolved->endpoints[0].shape.empty()) continue;
      const auto compilation = agent.client().compile(resolved->endpoints[0].shape, 1);
      agent.until([&] { return agent.answered(compilation); });
    }
    if (HasFatalFailure()) return;
  }
}

// One conversation with the real process, without a client.
class Conversation {
 public:
  Conversation() {
    auto child = spawn(POLICYC_COMPILERD, {std::to_string(std::uint64_t{1} << 30), "0"});
    if (!child) {
      ADD_FAILURE() << child.error().message;
      std::abort();
    }
    child_ = std::move(*child);
  }
  ~Conversation() {
    if (child_.pid != 0) (void)end_child(child_.pid);
  }

  // Sends all of it and reads what comes meanwhile; false when the process listens no more.
  bool say(std::string bytes) {
    while (!bytes.empty()) {
      pollfd wait{child_.socket.get(), POLLIN | POLLOUT, 0};
      (void)::poll(&wait, 1, -1);
      if ((wait.revents & POLLIN) != 0 && !hear()) return false;
      if ((wait.revents & POLLOUT) == 0) continue;
      const ssize_t count = ::send(child_.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EAGAIN) continue;
      if (count < 0) return false;
      bytes.erase(0, static_cast<std::size_t>(count));
    }
    return true;
  }
  // Waits for the reply to a request; false when the process ended.
  bool await(std::uint64_t id) {
    while (!seen_.contains(id)) {
      pollfd wait{child_.socket.get(), POLLIN, 0};
      (void)::poll(&wait, 1, -1);
      if (!hear()) return false;
    }
    return true;
  }
  // After its end: by an exit code, not by a signal.
  int exit_code() {
    ::shutdown(child_.socket.get(), SHUT_WR);
    while (hear(true)) {
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child_.pid, &status, 0), child_.pid);
    child_.pid = 0;
    EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::size_t errors() const { return errors_; }
  std::size_t answers() const { return seen_.size(); }

 private:
  bool hear(bool wait_for_more = false) {
    char bytes[65536];
    if (wait_for_more) {
      pollfd wait{child_.socket.get(), POLLIN, 0};
      (void)::poll(&wait, 1, -1);
    }
    const ssize_t count = ::recv(child_.socket.get(), bytes, sizeof bytes, 0);
    if (count < 0 && errno == EAGAIN) return true;
    if (count <= 0) return false;
    reader_.append({bytes, static_cast<std::size_t>(count)});
    while (true) {
      auto message = reader_.next();
      EXPECT_TRUE(message);
      if (!message || !*message) return true;
      wire::Reply reply;
      EXPECT_TRUE(reply.ParseFromString(**message));
      seen_.insert(reply.id());
      errors_ += reply.error().empty() ? 0U : 1U;
    }
  }

  Child child_;
  FrameReader reader_{kMaxReplyBytes};
  std::set<std::uint64_t> seen_;
  std::size_t errors_ = 0;
};

TEST(WorkerFaults, TheProcessAnswersAnyMessage) {
  std::random_device device;
  const auto seed = device();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&random](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  };
  Conversation talk;
  // Before it was configured, too.
  ASSERT_TRUE(talk.say(put_request(1, "k", "n", "x")));
  ASSERT_TRUE(talk.await(1));
  EXPECT_EQ(talk.errors(), 1U);
  ASSERT_TRUE(talk.say(configure_request(2, test_settings())));
  const LocalEndpoints endpoints = pod_endpoints({"api"});
  const std::vector<std::string> good = {
      put_request(3, "pods", "pods.yaml", pod("api", "api")),
      put_request(4, "p", "p.yaml", allow("p", "api", "web", "80")),
      put_request(5, "s", "s.yaml", service("a", "10.0.0.1", "80")),
      remove_request(6, "p"),
      resolve_request(7, {endpoints.get(), true, false}),
      resolve_request(10, {endpoints.get(), false, true}),
      resolve_request(11, {nullptr, false, false}),
      resolve_request(12, {nullptr, true, false}),
      compile_request(8, std::string(64, 'a'), 1),
      configure_request(9, test_settings()),
  };
  std::uint64_t id = 1000;
  for (int i = 0; i < 3000; ++i) {
    std::string message = good[pick(good.size())].substr(kLengthBytes);
    for (std::size_t times = pick(4); times > 0 && !message.empty(); --times) {
      if (pick(2) == 0) {
        message[pick(message.size())] = static_cast<char>(pick(256));
      } else {
        message.erase(pick(message.size()), 1 + pick(3));
      }
    }
    ASSERT_TRUE(talk.say(length_prefix(message.size()) + message));
    if (i % 100 != 0) continue;
    ASSERT_TRUE(talk.say(remove_request(++id, "nobody")));
    ASSERT_TRUE(talk.await(id));
  }
  EXPECT_GT(talk.errors(), 100U);
  EXPECT_EQ(talk.exit_code(), 0);
}

// The agent counts on that when the process dies (Client::State::doubt_files).
TEST(WorkerFaults, TheProcessHoldsBackSoManyAnswersAndNoMore) {
  Conversation talk;
  ASSERT_TRUE(talk.say(configure_request(1, test_settings())));
  ASSERT_TRUE(talk.await(1));
  // The last one is not whole: something has come that the process waits for the rest of.
  std::string bytes;
  for (std::uint64_t id = 2; id < 2 + kMaxHeld + 5; ++id)
    bytes += put_request(id, "pods" + std::to_string(id), "pods.yaml", pod("api", "api"));
  const std::string last = put_request(1000, "last", "last.yaml", pod("web", "web"));
  ASSERT_TRUE(talk.say(bytes + last.substr(0, last.size() / 2)));
  ASSERT_TRUE(talk.await(2));
  EXPECT_EQ(talk.answers(), 1U + kMaxHeld);
  ASSERT_TRUE(talk.say(last.substr(last.size() / 2)));
  ASSERT_TRUE(talk.await(1000));
  EXPECT_EQ(talk.answers(), 1U + kMaxHeld + 5 + 1);
  EXPECT_EQ(talk.errors(), 0U);
  EXPECT_EQ(talk.exit_code(), 0);
}

TEST(WorkerFaults, TheProcessEndsAtBytesThatAreNoMessages) {
  std::mt19937 random(std::random_device{}());
  Conversation large;
  std::string bytes("\xff\xff\xff\xff", 4);
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(random());
  (void)large.say(bytes);
  EXPECT_EQ(large.exit_code(), 1);
  Conversation half;
  EXPECT_TRUE(half.say(length_prefix(100) + "half"));
  EXPECT_EQ(half.exit_code(), 1);
  Conversation nothing;
  EXPECT_EQ(nothing.exit_code(), 0);
}

}  // namespace
}  // namespace policyc::worker
