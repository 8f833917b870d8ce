#include "compiler/suggest/report.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace policyc::suggest {
namespace {

std::string list(const char* what, const std::vector<std::string>& connections, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < std::min(most, connections.size()); ++i)
    out += std::string("  ") + what + ": " + connections[i] + "\n";
  if (connections.size() > most)
    out += "  and " + std::to_string(connections.size() - most) + " more\n";
  return out;
}

}  // namespace

std::string to_text(const Summary& summary, std::size_t max_listed) {
  const ReadFlows& flows = summary.flows;
  const Proof& proof = summary.proof;
  const std::string different = std::to_string(flows.flows.size());
  std::string out =
      different + " different flows of " + std::to_string(flows.lines) + " lines (" +
      std::to_string(flows.left_out) + " left out: replies, drops, other messages)\n" +
      std::to_string(proof.allowed) + " of " + different +
      " are allowed by these policies, by the reference evaluator\n" +
      list("not allowed", proof.denied, max_listed) + std::to_string(proof.asked) +
      " other connections between the pods seen were tried, " + std::to_string(proof.more.size()) +
      " are allowed too\n" + list("also allowed", proof.more, max_listed);
  if (proof.left_out > 0)
    out += std::to_string(proof.left_out) + " pods were not tried: too many different labels\n";
  return out;
}

std::string to_json(const Summary& summary) {
  using Json = nlohmann::ordered_json;
  const Proof& proof = summary.proof;
  const Json out = {{"schemaVersion", 1},
                    {"flows", summary.flows.flows.size()},
                    {"lines", summary.flows.lines},
                    {"leftOut", summary.flows.left_out},
                    {"badLines", summary.flows.bad_lines},
                    {"allowed", proof.allowed},
                    {"notAllowed", proof.denied},
                    {"tried", proof.asked},
                    {"alsoAllowed", proof.more},
                    {"podsNotTried", proof.left_out},
                    {"policies", summary.policies}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace policyc::suggest
