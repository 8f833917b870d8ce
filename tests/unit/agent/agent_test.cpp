// loader/agent/agent: from a source's events to what the compiler is asked, with a source and a
// compiler that the test plays.

#include "loader/agent/agent.h"

#include <algorithm>
#include <deque>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loader/source/recording.h"
#include "loader/source/replay.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/agent/fake_node.h"

namespace policyc::testing {
namespace {

using namespace std::chrono_literals;
using agent::Agent;
using agent::Loop;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using watch::Event;
using watch::EventKind;

bpf::Fd readable() { return bpf::Fd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)); }

// Takes down what it is told; the test answers. Files are good unless they are "bad".
class PlayedCompiler : public agent::Compiler {
 public:
  struct Talk {
    std::vector<std::string> log;
    std::vector<worker::Answer> answers;
    std::uint64_t last = 0;  // request
    bool more_than_pods = false;
    bool answers_resolutions = true;
  };
  explicit PlayedCompiler(Talk& talk) : talk_(talk) {}

  [[nodiscard]] int fd() const override { return fd_.get(); }
  void put_file(std::string key, std::string, std::string content) override {
    talk_.log.push_back("put " + key);
    talk_.answers.emplace_back(worker::FileResult{key, content != "bad", content, false, false});
  }
  void remove_file(const std::string& key) override { talk_.log.push_back("remove " + key); }
  std::uint64_t resolve(worker::LocalEndpoints, bool) override {
    talk_.log.emplace_back("resolve");
    return answer(false);
  }
  std::uint64_t resolve_pods(worker::LocalEndpoints) override {
    talk_.log.emplace_back("pods");
    return answer(talk_.more_than_pods);
  }
  std::uint64_t compile(std::string, unsigned) override { return ++talk_.last; }
  [[nodiscard]] Result<std::vector<worker::Answer>> pump() override {
    return std::exchange(talk_.answers, {});
  }
  [[nodiscard]] bool ready() const override { return true; }
  [[nodiscard]] worker::Statistics statistics() const override { return {}; }

 private:
  std::uint64_t answer(bool refused) {
    const std::uint64_t id = ++talk_.last;
    if (refused) {
      talk_.answers.emplace_back(
          worker::Failed{id, worker::FailureReason::MoreThanPods, "more than pods"});
    } else if (talk_.answers_resolutions) {
      worker::Resolved resolved;
      resolved.id = id;
      talk_.answers.emplace_back(resolved);
    }
    return id;
  }

  Talk& talk_;
  bpf::Fd fd_ = readable();
};

// A recording that is added to, and may break.
class BrokenReplay final : public watch::Source {
 public:
  explicit BrokenReplay(std::filesystem::path file, const bool& breaks, const bool& forgets)
      : replay_(std::move(file)), breaks_(breaks), forgets_(forgets) {}

  [[nodiscard]] Result<bool> start(const std::optional<watch::Cursor>& after) override {
    return replay_.start(forgets_ ? std::nullopt : after);
  }
  [[nodiscard]] int fd() const override { return fd_.get(); }
  [[nodiscard]] Result<std::optional<Event>> next() override {
    if (breaks_) return fail("the watch broke");
    return replay_.next();
  }
  [[nodiscard]] watch::Cursor cursor() const override { return replay_.cursor(); }

 private:
  watch::ReplaySource replay_;
  const bool& breaks_;
  const bool& forgets_;
  bpf::Fd fd_ = readable();
};

class AgentUnitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = std::move(*Loop::make());
    record({EventKind::Put, {"a.yaml", ++version_, "a.yaml", "one"}, {}});
    record({EventKind::Synced, {{}, ++version_, {}, {}}, {}});
    start();
    ASSERT_TRUE(until([this] { return agent_->synced(); }));
    quiet();
    talk_.log.clear();
  }
  void record(const Event& event) const {
    std::ofstream(file(), std::ios::app) << watch::to_json_line(event) << "\n";
  }
  [[nodiscard]] std::filesystem::path file() const { return folder_ / "recording"; }
  void start() {
    agent::Parts parts;
    parts.loop = loop_.get();
    parts.metrics = &metrics_;
    parts.source = source();
    parts.compiler = [this](const agent::Config&) -> Result<std::unique_ptr<agent::Compiler>> {
      return std::make_unique<PlayedCompiler>(talk_);
    };
    parts.node = std::make_unique<FakeNode>();
    parts.interface_index = [](const std::string&) { return 1U; };
    parts.log = [this](const std::string& line) { log_.push_back(line); };
    agent::Config config;
    config.paths.state = folder_ / "state";
    auto started = Agent::start(std::move(parts), config);
    ASSERT_TRUE(started) << started.error().message;
    agent_ = std::move(*started);
  }
  virtual std::unique_ptr<watch::Source> source() {
    return std::make_unique<BrokenReplay>(file(), breaks_, forgets_);
  }
  // The replay reads its file when it starts: what was added is told by a watch that resumes.
  void tell(const Event& event) {
    record(event);
    break_watch();
    breaks_ = false;
    ASSERT_TRUE(until([this] { return component("source") == ""; }));
  }
  void break_watch() {
    breaks_ = true;
    ASSERT_TRUE(until([this] { return component("source") != ""; }));
  }
  bool until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop_->turn(1ms);
    }
    return true;
  }
  // Longer than any wait for more.
  void quiet() {
    const auto end = std::chrono::steady_clock::now() + 300ms;
    while (std::chrono::steady_clock::now() < end) loop_->turn(1ms);
  }
  // What is wrong with it; empty: nothing.
  [[nodiscard]] std::string component(const std::string& name) const {
    for (const agent::Component& one : agent_->components()) {
      if (one.name == name) return one.healthy ? "" : one.message;
    }
    return "there is no such component";
  }

  TemporaryFolder folder_;
  std::unique_ptr<Loop> loop_;
  agent::Metrics metrics_;
  PlayedCompiler::Talk talk_;
  bool breaks_ = false;
  bool forgets_ = false;
  std::uint64_t version_ = 0;
  std::vector<std::string> log_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentUnitTest, AChangeThatComesAloneIsAskedAboutAtOnceAndOnce) {
  const auto before = agent_->revision();
  tell({EventKind::Put, {"b.yaml", ++version_, "b.yaml", "pod"}, {}});
  ASSERT_TRUE(until([&] { return agent_->revision() > before; }));
  quiet();
  EXPECT_THAT(talk_.log, ElementsAre("put b.yaml", "pods"));
  EXPECT_EQ(agent_->revision(), before + 1);
  EXPECT_EQ(agent_->reconciler().realized(), before + 1);
}

TEST_F(AgentUnitTest, MoreThanPodsWaitsForWhatBelongsToIt) {
  const auto before = agent_->revision();
  talk_.more_than_pods = true;
  tell({EventKind::Put, {"b.yaml", ++version_, "b.yaml", "policy"}, {}});
  ASSERT_TRUE(until([&] { return agent_->revision() > before; }));
  quiet();
  EXPECT_THAT(talk_.log, ElementsAre("put b.yaml", "pods", "resolve"));
  EXPECT_EQ(agent_->reconciler().realized(), before + 1);
}

TEST_F(AgentUnitTest, AResolutionThatTakesLongIsFollowedByWhatCameMeanwhile) {
  const auto before = agent_->revision();
  talk_.answers_resolutions = false;
  tell({EventKind::Put, {"b.yaml", ++version_, "b.yaml", "pod"}, {}});
  ASSERT_TRUE(until([&] { return !talk_.log.empty() && talk_.log.back() == "pods"; }));
  const std::uint64_t id = talk_.last;
  tell({EventKind::Put, {"c.yaml", ++version_, "c.yaml", "pod"}, {}});
  quiet();
  EXPECT_THAT(talk_.log, ElementsAre("put b.yaml", "pods", "put c.yaml"));
  talk_.answers_resolutions = true;
  worker::Resolved resolved;
  resolved.id = id;
  talk_.answers.emplace_back(resolved);
  ASSERT_TRUE(until([&] { return agent_->reconciler().realized() > before; }));
  quiet();
  EXPECT_EQ(talk_.log.back(), "resolve");
  EXPECT_EQ(agent_->reconciler().realized(), agent_->revision());
}

TEST_F(AgentUnitTest, WhatABrokenWatchMissedIsGone) {
  tell({EventKind::Put, {"b.yaml", ++version_, "b.yaml", "pod"}, {}});
  quiet();
  talk_.log.clear();
  // A source that begins anew, and has lost a file meanwhile.
  std::filesystem::remove(file());
  record({EventKind::Put, {"a.yaml", ++version_, "a.yaml", "one"}, {}});
  forgets_ = true;
  break_watch();
  EXPECT_THAT(component("source"), HasSubstr("the watch broke"));
  EXPECT_FALSE(agent_->healthy());
  breaks_ = false;
  quiet();
  EXPECT_THAT(talk_.log, Not(Contains("remove b.yaml"))) << "it has not told all yet";
  EXPECT_NE(component("source"), "");
  record({EventKind::Synced, {{}, ++version_, {}, {}}, {}});
  breaks_ = true;
  quiet();
  breaks_ = false;
  ASSERT_TRUE(until([this] { return component("source") == ""; }));
  EXPECT_THAT(talk_.log, Contains("remove b.yaml"));
  EXPECT_EQ(agent_->files().count(), 1U);
}

TEST_F(AgentUnitTest, ARefusedFileIsNotWell) {
  EXPECT_TRUE(agent_->healthy());
  tell({EventKind::Put, {"b.yaml", ++version_, "b.yaml", "bad"}, {}});
  ASSERT_TRUE(until([this] { return !agent_->healthy(); }));
  EXPECT_THAT(component("policies"), HasSubstr("b.yaml is refused"));
  tell({EventKind::Unusable, {"a.yaml", ++version_, "a.yaml", {}}, "no permission"});
  ASSERT_TRUE(until([this] { return component("policies").starts_with("2 files"); }));
  tell({EventKind::Put, {"b.yaml", ++version_, "b.yaml", "good"}, {}});
  tell({EventKind::Put, {"a.yaml", ++version_, "a.yaml", "good"}, {}});
  ASSERT_TRUE(until([this] { return agent_->healthy(); }));
  EXPECT_THAT(metrics_.text({}, {}), HasSubstr("outcome=\"failure\"} 1"));
}

// Tells what the test puts there.
class QueueSource final : public watch::Source {
 public:
  explicit QueueSource(std::deque<Event>& events, int ready) : events_(events), ready_(ready) {}

  [[nodiscard]] Result<bool> start(const std::optional<watch::Cursor>&) override { return false; }
  [[nodiscard]] int fd() const override { return ready_; }
  [[nodiscard]] Result<std::optional<Event>> next() override {
    if (!events_.empty()) {
      Event event = events_.front();
      events_.pop_front();
      return event;
    }
    std::uint64_t value = 0;
    static_cast<void>(::read(ready_, &value, sizeof value));
    return std::nullopt;
  }
  [[nodiscard]] watch::Cursor cursor() const override { return {}; }

 private:
  std::deque<Event>& events_;
  int ready_;
};

class AgentRestTest : public AgentUnitTest {
 protected:
  std::unique_ptr<watch::Source> source() override {
    events_ = {{EventKind::Put, {"a.yaml", ++version_, "a.yaml", "one"}, {}},
               {EventKind::Synced, {{}, ++version_, {}, {}}, {}}};
    return std::make_unique<QueueSource>(events_, ready_.get());
  }
  void put(const std::string& name) {
    events_.push_back({EventKind::Put, {name, ++version_, name, "pod"}, {}});
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(ready_.get(), &one, sizeof one), 8);
  }
  [[nodiscard]] bool was_said(const std::string& what) const {
    return std::ranges::find(talk_.log, what) != talk_.log.end();
  }

  std::deque<Event> events_;
  bpf::Fd ready_ = readable();
};

// While changes come on and on they are read in pieces, but at once by who is about to resolve.
TEST_F(AgentRestTest, AnEndpointIsResolvedWithAllThatWasTold) {
  talk_.more_than_pods = true;
  for (int tries = 0; tries < 100; ++tries) {
    const std::string name = std::to_string(tries);
    put("first" + name);
    ASSERT_TRUE(until([this] { return was_said("pods"); }));
    put("second" + name);
    loop_->turn(0ms);
    const bool rests = !was_said("put second" + name) && !was_said("resolve");
    if (rests) {
      reconcile::Registration pod;
      pod.container_id = "c";
      pod.host_interface = "lxc";
      agent_->add_endpoint(pod, agent::Clock::now() + 60s, [](const auto&) {});
      EXPECT_THAT(talk_.log,
                  ElementsAre("put first" + name, "pods", "put second" + name, "resolve"));
      return;
    }
    quiet();  // this machine was away for longer than a rest is
    talk_.log.clear();
  }
  FAIL() << "it never waits";
}

// Nothing that comes while it rests is left out, and the rest is no end of a swarm.
TEST_F(AgentRestTest, WhatComesOnAndOnIsResolvedInTheEnd) {
  const auto end = std::chrono::steady_clock::now() + 500ms;
  int count = 0;
  while (std::chrono::steady_clock::now() < end) {
    put("p" + std::to_string(count++));
    loop_->turn(1ms);
  }
  ASSERT_TRUE(until([&] { return was_said("put p" + std::to_string(count - 1)); }));
  quiet();
  EXPECT_EQ(agent_->reconciler().realized(), agent_->revision());
  EXPECT_EQ(agent_->files().count(), static_cast<std::size_t>(count) + 1);
  const auto last_put = std::ranges::find(talk_.log, "put p" + std::to_string(count - 1));
  EXPECT_NE(std::find(last_put, talk_.log.end(), "resolve"), talk_.log.end());
}

}  // namespace
}  // namespace policyc::testing
