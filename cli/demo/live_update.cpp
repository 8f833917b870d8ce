#include "cli/demo/live_update.h"

#include <ostream>

#include "cli/demo/judge.h"
#include "cli/demo/report.h"
#include "cli/demo/streams.h"

namespace policyc::demo {
namespace {

constexpr int kBeforeMilliseconds = 300;
constexpr int kAfterMilliseconds = 300;
// For what was under way when the policy changed.
constexpr int kSettleMilliseconds = 60;
// At most this for the last echoes to come back.
constexpr int kLastEchoesMilliseconds = 2000;

constexpr std::size_t kStays = 0;
constexpr std::size_t kCut = 1;

struct Measured {
  std::vector<StreamCounts> at_update, settled, end;
};

// Loads the programs of the pods whose policy is another one now.
Result<std::size_t> replace(Stage& stage, const Build& before, const Build& after,
                            std::ostream& out) {
  std::size_t replaced = 0;
  for (const policy::Endpoint& pod : after.pods) {
    if (after.policy_of(pod).shape.hash == before.policy_of(pod).shape.hash) continue;
    const auto loaded = stage.load(after, pod);
    if (!loaded) return std::unexpected(loaded.error());
    print_load(out, *loaded);
    ++replaced;
  }
  return replaced;
}

void print_stream(std::ostream& out, const Attempt& attempt, const StreamCounts& at_update,
                  const StreamCounts& end) {
  out << "frontend -> api " << service_name(attempt.service) << " " << attempt.port << ": "
      << at_update.echoed << " messages echoed before the update, " << end.echoed - at_update.echoed
      << " after; " << end.sent - end.echoed << " without an answer, "
      << count_of(end.retransmitted, "segment", "segments") << " retransmitted\n";
}

// The connection that stays allowed: every message came back, and no packet of it was dropped.
bool check_stays(const Measured& measured, const std::vector<Decision>& decisions,
                 std::ostream& out) {
  const StreamCounts& end = measured.end[kStays];
  const Decision* decision = deciding(decisions);
  const bool dropped = decision != nullptr && decision->dropped;
  if (dropped) print_decision(out, *decision);
  const bool flows = end.echoed > measured.settled[kStays].echoed;
  const bool whole = end.sent == end.echoed && end.wrong == 0;
  out << "      "
      << (flows && whole && !dropped ? "keeps flowing, nothing lost"
                                     : "NOT as expected: lost or stopped")
      << "\n";
  return flows && whole && !dropped;
}

// The connection that is denied now: nothing came back any more, and the new rule said so.
bool check_cut(const Measured& measured, const std::vector<Decision>& decisions,
               std::ostream& out) {
  const Decision* decision = deciding(decisions);
  if (decision != nullptr) print_decision(out, *decision);
  const bool silent = measured.end[kCut].echoed == measured.settled[kCut].echoed;
  const bool named =
      decision != nullptr && decision->dropped && decision->reason == DROP_POLICY_DENY &&
      decision->cause.origins.size() == 1 &&
      decision->cause.origins.front().object == "CiliumNetworkPolicy/demo/api-shared" &&
      decision->cause.origins.front().path == "spec.ingressDeny[1]";
  out << "      "
      << (silent && named ? "cut by the new rule"
                          : "NOT as expected: not cut, or not by the new rule")
      << "\n";
  return silent && named;
}

}  // namespace

std::vector<Attempt> update_attempts() {
  std::vector<Attempt> attempts(2);
  attempts[kStays] = {"frontend", "api", "", Service::Tcp, 443, false, {}};
  attempts[kCut] = {"frontend", "api", "", Service::Tcp, 8001, false, {}};
  return attempts;
}

Result<bool> live_update(Stage& stage, const Build& before, const Build& after, std::ostream& out,
                         Interrupt& interrupt) {
  const std::vector<Attempt> attempts = update_attempts();
  const std::vector<Exchange> exchanges = {stage.exchange(attempts[kStays]),
                                           stage.exchange(attempts[kCut])};
  auto streams = Streams::start(exchanges, interrupt);
  if (!streams) return std::unexpected(streams.error());
  Measured measured;
  if (!interrupt.sleep(kBeforeMilliseconds)) return false;
  const auto replaced = replace(stage, before, after, out);
  if (!replaced) return std::unexpected(replaced.error());
  measured.at_update = streams->counts();
  if (!interrupt.sleep(kSettleMilliseconds)) return false;
  measured.settled = streams->counts();
  if (!interrupt.sleep(kAfterMilliseconds)) return false;
  streams->stop_sending();
  for (int waited = 0; waited < kLastEchoesMilliseconds; waited += kSettleMilliseconds) {
    if (!interrupt.sleep(kSettleMilliseconds)) return false;
    measured.end = streams->counts();
    if (measured.end[kStays].sent == measured.end[kStays].echoed) break;
  }

  bool good = *replaced != 0;
  const auto stays = stage.decisions(exchanges[kStays], streams->source_port(kStays));
  if (!stays) return std::unexpected(stays.error());
  const auto cut = stage.decisions(exchanges[kCut], streams->source_port(kCut));
  if (!cut) return std::unexpected(cut.error());
  print_stream(out, attempts[kStays], measured.at_update[kStays], measured.end[kStays]);
  good = check_stays(measured, *stays, out) && good;
  print_stream(out, attempts[kCut], measured.at_update[kCut], measured.end[kCut]);
  return check_cut(measured, *cut, out) && good;
}

}  // namespace policyc::demo
