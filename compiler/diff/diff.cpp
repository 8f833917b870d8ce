#include "compiler/diff/diff.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "compiler/diff/compare.h"
#include "compiler/diff/entries.h"
#include "compiler/diff/subjects.h"

namespace policyc::diff {
namespace {

std::vector<KnownPeer> known_peers(const explain::Model& model, const policy::AddressBook& book) {
  std::map<policy::LabelSet, KnownPeer> known;
  for (const policy::Endpoint& endpoint : model.cluster.endpoints) {
    policy::LabelSet labels = book.endpoint_labels(endpoint);
    const auto [found, is_new] = known.try_emplace(labels);
    if (!is_new) {
      ++found->second.count;
    } else {
      found->second = {endpoint.full_name(), std::move(labels), 1};
    }
  }
  std::vector<KnownPeer> out;
  for (auto& [labels, peer] : known) out.push_back(std::move(peer));
  return out;
}

auto key_of(const Region& region) {
  return std::tie(region.direction, region.peers, region.ports, region.before.text,
                  region.before.origins, region.after.text, region.after.origins,
                  region.requests_removed, region.requests_added);
}

// Regions of different subjects that say the same are one.
void merge(std::vector<Region>& regions) {
  std::stable_sort(regions.begin(), regions.end(),
                   [](const Region& a, const Region& b) { return key_of(a) < key_of(b); });
  std::vector<Region> out;
  for (Region& region : regions) {
    if (!out.empty() && key_of(out.back()) == key_of(region)) {
      auto& names = out.back().subjects;
      names.insert(names.end(), region.subjects.begin(), region.subjects.end());
    } else {
      out.push_back(std::move(region));
    }
  }
  for (Region& region : out) std::sort(region.subjects.begin(), region.subjects.end());
  std::stable_sort(out.begin(), out.end(), [](const Region& a, const Region& b) {
    return std::tie(a.subjects, a.direction) < std::tie(b.subjects, b.direction);
  });
  regions = std::move(out);
}

}  // namespace

Report diff(const explain::Model& before, const explain::Model& after, const Options& options) {
  Report report;
  const std::set<std::string> changed = changed_objects(before.resolved, after.resolved);
  const bool groups = groups_differ(before.resolved, after.resolved);
  const Books books(before, after);
  const auto subjects = affected_subjects(before, after, books, changed, groups, options, report);
  std::vector<KnownPeer> known;
  if (options.has_inventory && !subjects.empty()) known = known_peers(after, books.after());
  std::size_t done = 0;
  for (const SubjectPair& subject : subjects) {
    const PeerKinds peers = peer_kinds(before, after, subject, options.max_peers);
    report.left_out += peers.left_out;
    auto found = compare(before, after, subject, peers, known);
    std::move(found.begin(), found.end(), std::back_inserter(report.regions));
    if (options.progress) options.progress(++done, subjects.size());
  }
  merge(report.regions);
  report.subjects = subjects.size();
  report.changed_policies.assign(changed.begin(), changed.end());
  std::set<std::string> mentioned;
  for (const Region& region : report.regions) {
    for (const auto* said : {&region.before, &region.after}) {
      for (const ir::Origin& origin : said->origins) mentioned.insert(origin.object);
    }
  }
  for (const std::string& object : report.changed_policies) {
    if (!mentioned.contains(object)) report.without_effect.push_back(object);
  }
  return report;
}

}  // namespace policyc::diff
