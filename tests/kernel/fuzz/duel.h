#pragma once
// A sequence played by the datapath (BPF_PROG_TEST_RUN) and by the reference model, side by side.

#include <map>
#include <optional>
#include <set>
#include <string>

#include "tests/kernel/datapath.h"
#include "tests/kernel/fuzz/sequence.h"
#include "tests/reference/model.h"

namespace policyc::packet_fuzz {

// The other sides that sequences begin with: address, class. More are in prefixes and in the world.
struct Peer {
  const char* address;
  std::uint32_t peer_class;
};
[[nodiscard]] const std::vector<Peer>& peers();
struct PeerPrefix {
  const char* address;
  std::uint32_t length;
  std::uint32_t peer_class;
};
[[nodiscard]] const std::vector<PeerPrefix>& peer_prefixes();

// The policies of tests/kernel/policies, said once more.
[[nodiscard]] reference::Policy policy_of(Policy policy);

struct Disagreement {
  std::size_t step = 0;
  std::string what;
};

// The model as the kernel tests' endpoint, policies and peers have it.
class Reference {
 public:
  explicit Reference(const reference::Tolerance& tolerate);
  // What must come of a packet; nullopt for the other steps.
  std::optional<reference::Answer> play(const Step& step);
  [[nodiscard]] const reference::Model& model() const { return model_; }

 private:
  reference::Model model_;
};

// A loaded datapath that plays one sequence after the other, each from an empty beginning.
class Duel {
 public:
  explicit Duel(const reference::Tolerance& tolerate);

  // The first step at which datapath, model and the sequence's own expectations are not of one
  // mind.
  [[nodiscard]] std::optional<Disagreement> play(const Sequence& sequence);

  // The sequence with the model's answers as its expectations.
  [[nodiscard]] Sequence expect(Sequence sequence) const;

  // How often each answer came, over all sequences; DROP_NONE: passed.
  [[nodiscard]] const std::map<policyc_drop_reason, std::uint64_t>& answers() const {
    return answers_;
  }

 private:
  void reset();
  void apply(const Settings& settings);
  void apply(const PeerClass& peer);
  void apply(const Age& age) const;
  struct Observed {
    policyc_drop_reason reason = DROP_NONE;
    event drop{};          // of a dropped packet
    std::string nonsense;  // what makes no sense by itself
  };
  Observed run(const Packet& packet);
  [[nodiscard]] std::string compare_tables(const reference::Model& model) const;

  reference::Tolerance tolerate_;
  kernel_test::Datapath datapath_;
  std::set<std::string> changed_peers_;  // not as peers() says
  std::map<policyc_drop_reason, std::uint64_t> answers_;
};

// Test runs refuse frames that are empty behind the Ethernet header, or say IP there and do not
// hold its header, and those that do not fit into a page with what the kernel needs around them.
inline constexpr std::size_t kLongestFrame = 3000;
[[nodiscard]] bool test_run_takes(const Bytes& frame);

}  // namespace policyc::packet_fuzz
