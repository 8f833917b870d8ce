#include "compiler/replay/replay.h"

#include <algorithm>
#include <tuple>

#include "compiler/explain/explain.h"
#include "compiler/replay/cluster.h"

namespace policyc::replay {
namespace {

using explain::EndAnswer;
using explain::Outcome;

constexpr std::size_t kIngress = 0;
constexpr std::size_t kEgress = 1;

bool can_replay(const flows::FlowRecord& flow) {
  return !flow.reply && flow.verdict != flows::Verdict::Other &&
         flow.protocol != policy::Protocol::Any;
}

// The ends that the flow reports about.
std::vector<EndAnswer> reported(const explain::Answer& answer, const flows::FlowRecord& flow) {
  std::vector<EndAnswer> out;
  for (const auto& end : {answer.egress, answer.ingress}) {
    if (!end) continue;
    if (flow.direction && static_cast<std::size_t>(*flow.direction) != end->direction) continue;
    out.push_back(*end);
  }
  return out;
}

std::vector<ir::Origin> origins_of(const EndAnswer& end) {
  if (end.rule != nullptr) return {end.rule->origin};
  if (end.by_default && end.policy->problem.empty()) return end.shape().default_deny_origins;
  return {};
}

class Replayer {
 public:
  Replayer(const explain::Model& model, const std::vector<flows::FlowRecord>& flows)
      : cluster_(model.cluster, model.agent),
        model_{prepare(flows), model.resolved, model.agent, model.sources},
        world_(model_, {}, false),
        answers_(model_, world_) {}

  void look_at(const flows::FlowRecord& flow, std::size_t line) {
    if (!can_replay(flow)) {
      ++report_.skipped;
      return;
    }
    const explain::End from = cluster_.end(flow.source, world_);
    const explain::End to = cluster_.end(flow.destination, world_);
    explain::Flow asked{&from, &to, flow.protocol, flow.port, {}};
    if (flow.http) {
      asked.request.http = flow.http;
    } else if (flow.dns_query) {
      asked.request.dns = flow.dns_query;
    }
    const auto ends = reported(answers_.ask(asked), flow);
    if (ends.empty()) {
      ++report_.skipped;
      return;
    }
    ++report_.flows;
    Outcome outcome = Outcome::Allow;
    for (const EndAnswer& end : ends) outcome = std::max(outcome, end.outcome);
    const bool passed = flow.verdict != flows::Verdict::DeniedByPolicy;
    if (outcome == Outcome::Redirect) ++report_.undecided;
    const bool denied = outcome == Outcome::Deny || outcome == Outcome::Authenticate;
    const bool allowed = outcome == Outcome::Allow;
    if (passed && denied) return add(Change::NewlyDenied, flow, line, asked, ends, outcome);
    if (!passed && allowed) return add(Change::NewlyAllowed, flow, line, asked, ends, outcome);
    if (outcome != Outcome::Redirect) ++report_.same;
  }

  Report take() {
    for (auto& [key, group] : groups_) report_.groups.push_back(std::move(group));
    std::stable_sort(report_.groups.begin(), report_.groups.end(),
                     [](const Group& a, const Group& b) {
                       return std::tie(a.change, b.count, a.first_line) <
                              std::tie(b.change, a.count, b.first_line);
                     });
    return std::move(report_);
  }

 private:
  const policy::Cluster& prepare(const std::vector<flows::FlowRecord>& flows) {
    for (const flows::FlowRecord& flow : flows) {
      if (can_replay(flow)) cluster_.add(flow);
    }
    return cluster_.cluster();
  }

  // Flows of pods that no policy tells apart, with equal answers, are one group.
  void add(Change change, const flows::FlowRecord& flow, std::size_t line,
           const explain::Flow& asked, const std::vector<EndAnswer>& ends, Outcome outcome) {
    std::string summary;
    std::vector<ir::Origin> origins;
    std::string direction;
    for (const EndAnswer& end : ends) {
      direction = ends.size() > 1 ? "both" : end.direction == kEgress ? "egress" : "ingress";
      if (end.outcome != outcome) continue;
      summary += (summary.empty() ? "" : "; ") + explain::summary_of(end);
      for (ir::Origin& origin : origins_of(end)) origins.push_back(std::move(origin));
    }
    const std::string request = asked.request.to_string();
    Group& group = groups_[{change, asked.from->labels.to_string(), asked.to->labels.to_string(),
                            direction, flow.protocol, flow.port, request, summary}];
    if (group.count++ != 0) return;
    group.change = change;
    group.source = asked.from->name;
    group.destination = asked.to->name;
    group.direction = direction;
    group.protocol = flow.protocol;
    group.port = flow.port;
    group.request = request;
    group.summary = summary;
    group.origins = std::move(origins);
    group.first_line = line;
  }

  using Key = std::tuple<Change, std::string, std::string, std::string, policy::Protocol,
                         std::uint16_t, std::string, std::string>;

  FlowCluster cluster_;
  explain::Model model_;
  explain::World world_;
  explain::Answers answers_;
  std::map<Key, Group> groups_;
  Report report_;
};

static_assert(kIngress == static_cast<std::size_t>(policy::Direction::Ingress));

}  // namespace

Report replay(const explain::Model& model, const std::vector<flows::FlowRecord>& flows,
              const std::vector<std::size_t>& lines,
              const std::function<void(std::size_t, std::size_t)>& progress) {
  Replayer replayer(model, flows);
  for (std::size_t i = 0; i < flows.size(); ++i) {
    replayer.look_at(flows[i], lines[i]);
    if (progress) progress(i + 1, flows.size());
  }
  return replayer.take();
}

}  // namespace policyc::replay
