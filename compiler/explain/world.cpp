#include "compiler/explain/world.h"

#include <algorithm>
#include <set>

#include "compiler/explain/addresses.h"
#include "compiler/policy/entities.h"

namespace policyc::explain {
namespace {

constexpr std::string_view kWorld = "world";

bool is_world(const policy::LabelSet& labels) {
  return std::any_of(labels.all().begin(), labels.all().end(), [](const policy::Label& label) {
    return label.source == "reserved" && label.key.starts_with(kWorld);
  });
}

// One of each that differ in labels and family.
void unite(std::vector<End>& into, std::vector<End> more) {
  for (End& end : more) {
    const bool known = std::any_of(into.begin(), into.end(), [&end](const End& other) {
      return other.labels == end.labels && other.v6 == end.v6 && other.endpoint == end.endpoint;
    });
    if (!known) into.push_back(std::move(end));
  }
}

}  // namespace

std::string subject_key(const policy::Endpoint& endpoint, const policy::AddressBook& book) {
  std::string key = endpoint.namespace_ + "\n" + std::to_string(static_cast<int>(endpoint.kind)) +
                    "\n" + book.subject_labels(endpoint).to_string();
  for (const policy::NamedPort& port : endpoint.ports)
    key += "\n" + port.protocol + " " + std::to_string(port.port) + " " + port.name;
  return key;
}

World::World(const Model& model, std::span<const Side> sides, bool imagine)
    : model_(model), cluster_(model.cluster) {
  read_book();
  const bool named = std::any_of(sides.begin(), sides.end(),
                                 [](const Side& side) { return side.kind == Side::Kind::Name; });
  bool changed = false;
  if (named) {
    add_names(sides);
    changed = true;
  }
  for (const Side& side : sides) {
    if (!imagine || side.kind != Side::Kind::Labels) continue;
    const bool exists = std::any_of(
        cluster_.endpoints.begin(), cluster_.endpoints.end(),
        [&](const policy::Endpoint& endpoint) { return selects(side, endpoint, *book_); });
    if (exists) continue;
    for (policy::Endpoint& pod : imagined_pod(side)) {
      cluster_.endpoints.push_back(std::move(pod));
      changed = true;
    }
  }
  if (changed) read_book();
  for (std::size_t i = 0; i < cluster_.endpoints.size(); ++i) {
    by_name_.emplace(cluster_.endpoints[i].full_name(), i);
    for (const IpAddress& address : cluster_.endpoints[i].addresses) by_address_[address] = i;
  }
}

void World::read_book() {
  book_.emplace(cluster_, model_.resolved, model_.agent);
  known_.clear();
  for (const auto& entry : book_->entries()) known_.push_back(entry.prefix);
}

void World::add_names(std::span<const Side> sides) {
  std::vector<IpPrefix> taken = known_;
  for (const Side& side : sides) {
    if (side.kind != Side::Kind::Name || cluster_.dns.contains(side.name)) continue;
    std::vector<IpAddress>& answers = cluster_.dns.edit()[side.name];
    for (const bool v6 : {false, true}) {
      if (!(v6 ? model_.agent.ipv6 : model_.agent.ipv4)) continue;
      const auto address = free_address(IpPrefix{IpAddress{v6, {}}, 0}, taken);
      if (!address) continue;
      answers.push_back(*address);
      taken.push_back(host_prefix(*address));
    }
  }
}

bool World::selects(const Side& side, const policy::Endpoint& endpoint,
                    const policy::AddressBook& book) const {
  if (endpoint.kind != policy::EndpointKind::Pod) return false;
  policy::LabelSet labels = book.endpoint_labels(endpoint);
  // Labels that are no part of an identity can be asked for as well.
  for (const auto& [key, value] : endpoint.labels) labels.add(policy::Label{"k8s", key, value});
  return std::all_of(side.labels.begin(), side.labels.end(),
                     [&labels](const auto& requirement) { return requirement.matches(labels); });
}

End World::pod(std::size_t index) const {
  const policy::Endpoint& endpoint = cluster_.endpoints[index];
  const bool imagined = index >= model_.cluster.endpoints.size();
  return {imagined ? endpoint.name : endpoint.full_name(),
          1,
          index,
          book_->endpoint_labels(endpoint),
          std::nullopt,
          {eval::Peer::Kind::Endpoint, endpoint.full_name(), {}}};
}

End World::address(const IpAddress& address) const {
  if (const auto found = by_address_.find(address); found != by_address_.end()) {
    End end = pod(found->second);
    end.v6 = address.v6;
    return end;
  }
  policy::LabelSet labels = book_->address_labels(address);
  const std::string name = (is_world(labels) ? "world " : "") + address.to_string();
  return {name,         1,
          std::nullopt, std::move(labels),
          address.v6,   {eval::Peer::Kind::Address, {}, address}};
}

std::vector<End> World::pods(const Side& side) const {
  std::vector<End> out;
  std::unordered_map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < cluster_.endpoints.size(); ++i) {
    if (!selects(side, cluster_.endpoints[i], *book_)) continue;
    const auto [found, is_new] =
        known.try_emplace(subject_key(cluster_.endpoints[i], *book_), out.size());
    if (is_new) {
      out.push_back(pod(i));
    } else {
      ++out[found->second].alike;
    }
  }
  return out;
}

std::vector<End> World::addresses(const IpPrefix& prefix, bool world_only) const {
  std::vector<End> out;
  for (const IpAddress& one : representatives(prefix, known_)) {
    End end = address(one);
    if (!world_only || is_world(end.labels)) unite(out, {std::move(end)});
  }
  return out;
}

std::vector<End> World::entity(const std::string& name) const {
  std::vector<End> out;
  if (name.starts_with(kWorld)) {
    for (const bool v6 : {false, true}) {
      const bool asked = name == kWorld || name == (v6 ? "world-ipv6" : "world-ipv4");
      if (asked && (v6 ? model_.agent.ipv6 : model_.agent.ipv4))
        unite(out, addresses(IpPrefix{IpAddress{v6, {}}, 0}, true));
    }
    return out;
  }
  if (name == "cluster" || name == "all") {
    out = pods(Side{});
    for (const std::string& part : entity_names()) {
      if (part != "all" && part != "cluster" && (name == "all" || !part.starts_with(kWorld)))
        unite(out, entity(part));
    }
    return out;
  }
  // The nodes that are known, and one of which nothing is known.
  for (const auto& entry : book_->entries()) {
    if (entry.labels.has("reserved", name) &&
        entry.prefix.length == entry.prefix.address.bit_length())
      unite(out, {address(entry.prefix.address)});
  }
  for (End& end : out) end.name = name + " " + end.peer.address.to_string();
  if (name != "host" || out.empty()) {
    unite(out, {{name,
                 1,
                 std::nullopt,
                 book_->entity_labels(name),
                 std::nullopt,
                 {eval::Peer::Kind::Entity, name, {}}}});
  }
  return out;
}

Result<std::vector<End>> World::ends(const Side& side) const {
  std::vector<End> out;
  switch (side.kind) {
    case Side::Kind::Pod: {
      const auto found = by_name_.find(side.name);
      if (found == by_name_.end()) return fail("no pod is called `" + side.name + "`");
      return std::vector{pod(found->second)};
    }
    case Side::Kind::Labels:
      out = pods(side);
      if (out.empty()) return fail("no pod has `" + side.text + "`");
      return out;
    case Side::Kind::Entity:
      out = entity(side.name);
      break;
    case Side::Kind::Prefix:
      out = addresses(side.prefix, false);
      break;
    case Side::Kind::Name:
      if (const auto found = cluster_.dns.find(side.name); found != cluster_.dns.end()) {
        for (const IpAddress& one : found->second) {
          End end = address(one);
          end.name = side.name + " " + one.to_string();
          unite(out, {std::move(end)});
        }
      }
      break;
  }
  if (out.empty()) return fail("`" + side.text + "` is nobody here");
  return out;
}

}  // namespace policyc::explain
