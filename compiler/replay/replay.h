#pragma once
// Flows that were seen, decided again: which of them policies would newly deny or allow.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/explain/answers.h"
#include "compiler/explain/printer.h"
#include "compiler/flows/reader.h"

namespace policyc::replay {

enum class Change : std::uint8_t { NewlyDenied, NewlyAllowed };

// Flows of one kind that are decided otherwise.
struct Group {
  Change change = Change::NewlyDenied;
  std::string source, destination;  // of the first flow
  std::string direction;            // "ingress", "egress"; "both" where the flow does not say
  policy::Protocol protocol = policy::Protocol::Tcp;
  std::uint16_t port = 0;
  std::string request;              // `http GET "/v1"`; may be empty
  std::string summary;              // what decides now: explain::summary_of()
  std::vector<ir::Origin> origins;  // the rules, or what denies by default
  std::size_t count = 0;
  std::size_t first_line = 0;  // of the input, from 1
};

struct Report {
  std::vector<Group> groups;
  std::size_t flows = 0;      // decided again
  std::size_t same = 0;       // of them
  std::size_t undecided = 0;  // of them: a proxy decides, and the flow has no request
  std::size_t skipped = 0;  // replies, drops that no policy made, flows without ports or endpoints
};

// `lines`: the number of each flow's line. Endpoints are those of the flows, with the labels that
// Hubble gives; the model's inventory adds port names and what services and nodes there are.
// `progress`: flows decided, of how many.
[[nodiscard]] Report replay(const explain::Model& model,
                            const std::vector<flows::FlowRecord>& flows,
                            const std::vector<std::size_t>& lines,
                            const std::function<void(std::size_t, std::size_t)>& progress = {});

[[nodiscard]] std::string to_text(const Report& report, explain::Printer printer = {});
[[nodiscard]] std::string to_json(const Report& report);

}  // namespace policyc::replay
