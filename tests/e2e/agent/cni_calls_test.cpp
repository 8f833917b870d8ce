// policyc-cni that is killed before each system call by which it changes the node or asks the
// agent: what the runtime does then, DEL and ADD again, leaves nothing of the first attempt, and
// nobody reaches a pod whom its policy does not let. Some of the calls; with POLICYC_EVERY_CALL=1
// all of them.

#include <memory>

#include "tests/e2e/agent/cni_node.h"
#include "tests/e2e/agent/cut_short.h"

namespace policyc::testing {
namespace {

class CniCallsTest : public CniNode {
 protected:
  // Killed before that call, unless it is done before.
  Ran run_to_die(int call, const std::string& command, const Container& container,
                 const Json& configuration) const {
    return run(command, container, configuration, "web", DYING_BINARY,
               {"-m", std::to_string(call), POLICYC_CNI_BINARY});
  }
  static std::string address_of(const Ran& added) {
    const std::string text = added.json["ips"][0]["address"];
    return text.substr(0, text.find('/'));
  }
  // Whoever is not allowed knocks at every address that the pod may have.
  struct Knocks {
    explicit Knocks(const Container& container) : asked(inside(container, "0.0.0.0", 53)) {
      for (const char* address : {"10.9.1.1", "10.9.1.2", "10.9.1.3", "10.9.1.4", "10.9.1.5"})
        all.push_back(std::make_unique<Knocking>(host_udp_socket(kOther, 0), address, 53));
    }
    bpf::Fd asked;
    std::vector<std::unique_ptr<Knocking>> all;
  };
  // The pool has five addresses: one that leaked would soon be missed.
  [[nodiscard]] Json small() const {
    Json json = config();
    const Json range{{"subnet", "10.9.1.0/29"}, {"rangeEnd", "10.9.1.5"}};
    json["ipam"]["ranges"] = Json::array({Json::array({range})});
    return json;
  }
  void expect_gone(const Container& container, const std::string& where) {
    EXPECT_TRUE(container.interface().is_null()) << where;
    EXPECT_TRUE(eventually([this] { return client_->endpoints()->endpoints_size() == 0; }))
        << where;
    expect_nothing_left();
  }
  // As new.
  void expect_another_add(const Container& container, const std::string& where) {
    const Ran added = run("ADD", container, small());
    ASSERT_EQ(added.exit_code, 0) << where << added.output;
    expect_enforced(container, address_of(added), where);
    EXPECT_EQ(run("DEL", container, small()).exit_code, 0) << where;
    expect_gone(container, where);
  }
};

TEST_F(CniCallsTest, AnAddThatIsCutShortBeforeAnyCallIsRepeated) {
  start_synced();
  const Container web("one");
  int call = 1;
  int killed = 0;
  for (bool added = false; !added && call < 1000; call += stride(7)) {
    const std::string where = "call " + std::to_string(call);
    {
      const Knocks others(web);
      const Ran ran = run_to_die(call, "ADD", web, small());
      added = ran.exit_code == 0;
      ASSERT_TRUE(added || ran.exit_code == kKilled) << where << ran.output;
      killed += added ? 0 : 1;
      ASSERT_TRUE(eventually(
          [&, count = others.all[0]->count()] { return others.all[0]->count() > count + 20; }));
      EXPECT_EQ(received(others.asked, kOther), 0U) << where;
    }
    const Ran deleted = run("DEL", web, small());
    EXPECT_EQ(deleted.exit_code, 0) << where << deleted.output;
    expect_gone(web, where);
    if (!added) expect_another_add(web, where);
  }
  EXPECT_GE(killed, 5);
  RecordProperty("calls", call);
}

TEST_F(CniCallsTest, ADelThatIsCutShortBeforeAnyCallIsRepeated) {
  start_synced();
  const Container web("one");
  int call = 1;
  int killed = 0;
  for (bool deleted = false; !deleted && call < 1000; call += stride(3)) {
    const std::string where = "call " + std::to_string(call);
    const Ran added = run("ADD", web, small());
    ASSERT_EQ(added.exit_code, 0) << where << added.output;
    {
      const Knocks others(web);
      const Ran ran = run_to_die(call, "DEL", web, small());
      deleted = ran.exit_code == 0;
      ASSERT_TRUE(deleted || ran.exit_code == kKilled) << where << ran.output;
      killed += deleted ? 0 : 1;
      // The runtime takes its time before it tries again.
      ASSERT_TRUE(eventually(
          [&, count = others.all[0]->count()] { return others.all[0]->count() > count + 20; }));
      EXPECT_EQ(received(others.asked, kOther), 0U) << where;
    }
    EXPECT_EQ(run("DEL", web, small()).exit_code, 0) << where;
    expect_gone(web, where);
    if (!deleted) expect_another_add(web, where);
  }
  EXPECT_GE(killed, 3);
  RecordProperty("calls", call);
}

TEST_F(CniCallsTest, ACollectionThatIsCutShortBeforeAnyCallIsRepeated) {
  start_synced();
  const Container kept("kept"), lost("lost");
  const Ran first = run("ADD", kept, small());
  ASSERT_EQ(first.exit_code, 0) << first.output;
  Json valid = small();
  valid["cni.dev/valid-attachments"] = {{{"containerID", "kept"}, {"ifname", "eth0"}}};
  int call = 1;
  int killed = 0;
  for (bool collected = false; !collected && call < 1000; call += stride(4)) {
    const std::string where = "call " + std::to_string(call);
    const Ran added = run("ADD", lost, small(), "web2");
    ASSERT_EQ(added.exit_code, 0) << where << added.output;
    {
      const Knocks others(lost);
      const Ran ran = run_for_network("GC", valid, DYING_BINARY,
                                      {"-m", std::to_string(call), POLICYC_CNI_BINARY});
      collected = ran.exit_code == 0;
      ASSERT_TRUE(collected || ran.exit_code == kKilled) << where << ran.output;
      killed += collected ? 0 : 1;
      ASSERT_TRUE(eventually(
          [&, count = others.all[0]->count()] { return others.all[0]->count() > count + 20; }));
      EXPECT_EQ(received(others.asked, kOther), 0U) << where;
    }
    EXPECT_EQ(run_for_network("GC", valid).exit_code, 0) << where;
    EXPECT_TRUE(lost.interface().is_null()) << where;
    EXPECT_TRUE(eventually([this] { return client_->endpoints()->endpoints_size() == 1; }))
        << where;
    expect_enforced(kept, address_of(first), where);
  }
  EXPECT_GE(killed, 3);
  RecordProperty("calls", call);
  EXPECT_EQ(run("DEL", kept, small()).exit_code, 0);
  expect_gone(kept, "the end");
}

}  // namespace
}  // namespace policyc::testing
