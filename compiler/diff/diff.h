#pragma once
// What a change of policies changes: the connections that are decided in another way, and no others
// (docs/diff.md).

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/explain/answers.h"
#include "compiler/explain/printer.h"
#include "compiler/matrix/matrix.h"

namespace policyc::diff {

struct Options {
  bool has_inventory = false;     // subjects are endpoints; without, they are subject selectors
  std::size_t max_peers = 65536;  // kinds of peers to follow at most, for each subject
  std::function<void(std::size_t done, std::size_t total)> progress = {};  // subjects
};

// One connection of a region.
struct Witness {
  std::string peer;  // "shop/web-0", "203.0.113.9", "a pod with app=web in shop"
  policy::Protocol protocol = policy::Protocol::Tcp;
  std::uint16_t port = 0;
  std::string request;  // that one side lets pass; empty: none is needed, or none was found
};

// What one side says of a region's connections.
struct Said {
  explain::Outcome outcome = explain::Outcome::Deny;
  std::string text;  // "denied by default", "redirected to the http proxy"
  // The rule that decides, or the policies that put the subject into default deny.
  std::vector<ir::Origin> origins;
};

// Connections that change in one way: subject, direction, peers, ports, requests.
struct Region {
  std::vector<std::string> subjects;  // endpoints, or selectors; sorted
  std::size_t direction = 0;          // policyc_direction: 0 ingress, 1 egress
  std::string peers;                  // exact: "app=web, but not tier=x", or a list of kinds
  std::size_t known_peers = 0;        // endpoints of the inventory among them
  std::vector<matrix::PortRange> ports;
  Said before, after;
  // Where both redirect: the L7 rules that only one of them has.
  std::vector<std::string> requests_removed, requests_added;
  Witness witness;
};

struct Report {
  std::vector<Region> regions;
  std::vector<std::string> changed_policies;  // "CiliumNetworkPolicy/shop/api": says something else
  std::vector<std::string> without_effect;    // of them: in no region
  std::size_t subjects = 0;                   // looked at, alike ones once
  std::size_t left_out = 0;                   // kinds of peers beyond the limit, at least
  std::vector<std::string> only_before,
      only_after;  // endpoints that one side alone has: not compared

  [[nodiscard]] bool differs() const { return !regions.empty(); }
};

[[nodiscard]] Report diff(const explain::Model& before, const explain::Model& after,
                          const Options& options);

[[nodiscard]] std::string to_text(const Report& report, explain::Printer printer = {});
// {"schemaVersion": 1, "differs", "regions": [...], ...}.
[[nodiscard]] std::string to_json(const Report& report);

}  // namespace policyc::diff
