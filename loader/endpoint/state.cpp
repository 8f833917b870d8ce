#include "loader/endpoint/state.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <set>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/identity_file.h"
#include "loader/endpoint/json.h"

namespace policyc::endpoint {
namespace {

constexpr int kVersion = 4;
constexpr int kOneFile = 3;       // the identities were in it
constexpr int kOneClassEach = 2;  // every identity had a class of its own
constexpr std::string_view kIdentityFiles = "identities.";
constexpr std::uint32_t kMaxSlot = 1U << 24U;

IdentityRecord identity_from_json(const Json& json) {
  return {labels_from_json(json.at("labels")), json.at("identity").get<std::uint32_t>(),
          json.at("class").get<std::uint32_t>(), 0};
}

Json to_json(const EndpointRecord& record) {
  Json json = {{"id", record.id},
               {"interface", record.interface},
               {"interface_index", record.interface_index},
               {"addresses", addresses_to_json(record.addresses)},
               {"identity", record.identity},
               {"labels", labels_to_json(record.labels)},
               {"name", record.name},
               {"shape", record.shape},
               {"hook", attach::hook_name(record.hook)},
               {"audit", record.audit}};
  if (record.mac) json["mac"] = mac_text(*record.mac);
  return json;
}

EndpointRecord endpoint_from_json(const Json& json) {
  EndpointRecord record;
  record.id = json.at("id").get<std::uint16_t>();
  record.interface = json.at("interface").get<std::string>();
  record.interface_index = json.at("interface_index").get<std::uint32_t>();
  record.addresses = addresses_from_json(json.at("addresses"));
  record.identity = json.at("identity").get<std::uint32_t>();
  record.labels = labels_from_json(json.at("labels"));
  record.name = json.at("name").get<std::string>();
  record.shape = json.at("shape").get<std::string>();
  const auto hook = attach::parse_hook(json.at("hook").get<std::string>());
  if (!hook) throw std::runtime_error("unknown hook");
  record.hook = *hook;
  record.audit = json.at("audit").get<bool>();
  if (const auto mac = json.find("mac"); mac != json.end()) {
    record.mac = parse_mac(mac->get<std::string>());
    if (!record.mac) throw std::runtime_error("not a MAC address: " + mac->get<std::string>());
  }
  return record;
}

// It becomes a path.
bool is_key(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef_") == std::string::npos;
}

// What the JSON types do not say.
void check_consistent(const State& state) {
  std::set<std::uint16_t> ids;
  for (const EndpointRecord& record : state.endpoints) {
    if (record.id == 0 || !ids.insert(record.id).second)
      throw std::runtime_error("an endpoint id is bad");
    if (!is_key(record.shape)) throw std::runtime_error("a shape's key is bad");
  }
  std::set<std::uint32_t> slots;
  for (const auto& [key, slot] : state.slots) {
    if (!is_key(key)) throw std::runtime_error("a shape's key is bad");
    if (slot == 0 || slot > kMaxSlot || !slots.insert(slot).second)
      throw std::runtime_error("a slot is bad");
  }
  std::set<std::uint32_t> clusters;
  for (const auto& [name, cluster] : state.clusters) {
    if (cluster.id == 0 || cluster.id > kMaxCluster || !clusters.insert(cluster.id).second)
      throw std::runtime_error("the number of a cluster is bad");
  }
  if (!state.datapath.empty() && !is_key(state.datapath))
    throw std::runtime_error("the datapath's version is bad");
  if (state.instance == 0) throw std::runtime_error("the instance is 0");
}

}  // namespace

const EndpointRecord* State::find_interface(std::string_view name) const {
  const auto found =
      std::find_if(endpoints.begin(), endpoints.end(),
                   [name](const EndpointRecord& record) { return record.interface == name; });
  return found == endpoints.end() ? nullptr : &*found;
}

const EndpointRecord* State::find_endpoint(std::uint16_t id) const {
  const auto found = std::find_if(endpoints.begin(), endpoints.end(),
                                  [id](const EndpointRecord& record) { return record.id == id; });
  return found == endpoints.end() ? nullptr : &*found;
}

const IdentityRecord* State::find_identity(std::uint32_t identity) const {
  const auto found = std::find_if(
      identities.begin(), identities.end(),
      [identity](const IdentityRecord& record) { return record.identity == identity; });
  return found == identities.end() ? nullptr : &*found;
}

Result<std::vector<std::uint16_t>> State::take_endpoint_ids(std::size_t count) {
  std::set<std::uint16_t> taken{0};
  for (const EndpointRecord& record : endpoints) taken.insert(record.id);
  std::vector<std::uint16_t> ids;
  std::uint16_t next = next_endpoint_id;
  for (std::uint32_t tries = 0; ids.size() < count; ++tries) {
    if (tries == 0x10000U) return fail("no endpoint id is free");
    const std::uint16_t id = next++;
    if (!taken.contains(id)) ids.push_back(id);
  }
  next_endpoint_id = next;
  return ids;
}

Result<std::uint16_t> State::take_endpoint_id() {
  const auto ids = take_endpoint_ids(1);
  if (!ids) return std::unexpected(ids.error());
  return ids->front();
}

Result<std::uint32_t> State::take_slot(const std::string& key, std::uint32_t end) {
  if (const auto found = slots.find(key); found != slots.end()) return found->second;
  std::set<std::uint32_t> taken;
  for (const auto& [other, slot] : slots) taken.insert(slot);
  std::uint32_t slot = 1;
  while (taken.contains(slot)) ++slot;
  if (slot >= end)
    return fail("the node has room for " + std::to_string(end - 1) + " loaded shapes");
  slots.emplace(key, slot);
  return slot;
}

bool State::uses_shape(std::string_view key) const {
  return std::any_of(endpoints.begin(), endpoints.end(),
                     [key](const EndpointRecord& record) { return record.shape == key; });
}

std::string to_json(const State& state) {
  Json json = {{"version", kVersion},
               {"instance", state.instance},
               {"dirty", state.dirty},
               {"next_cluster_identity", state.next_cluster_identity},
               {"next_local_identity", state.next_local_identity},
               {"next_remote_node_identity", state.next_remote_node_identity},
               {"next_endpoint_id", state.next_endpoint_id},
               {"datapath", state.datapath},
               {"slots", state.slots},
               {"identities", state.stored.generation},
               {"endpoints", Json::array()}};
  for (const EndpointRecord& record : state.endpoints) json["endpoints"].push_back(to_json(record));
  for (const auto& [name, cluster] : state.clusters)
    json["clusters"][name] = {{"id", cluster.id}, {"next_identity", cluster.next_identity}};
  return json.dump(1) + "\n";
}

Result<State> state_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    const int version = json.at("version").get<int>();
    if (version != kVersion && version != kOneFile && version != kOneClassEach)
      return fail("it is of another version");
    State state;
    state.instance = json.at("instance").get<std::uint64_t>();
    state.dirty = json.at("dirty").get<bool>();
    state.next_cluster_identity = json.at("next_cluster_identity").get<std::uint32_t>();
    state.next_local_identity = json.at("next_local_identity").get<std::uint32_t>();
    state.next_remote_node_identity = json.at("next_remote_node_identity").get<std::uint32_t>();
    state.next_endpoint_id = json.at("next_endpoint_id").get<std::uint16_t>();
    state.datapath = json.at("datapath").get<std::string>();
    state.slots = json.at("slots").get<std::map<std::string, std::uint32_t>>();
    if (version == kVersion) {
      state.stored.generation = json.at("identities").get<std::uint64_t>();
    } else {
      for (const Json& record : json.at("identities"))
        state.identities.push_back(identity_from_json(record));
      if (auto checked = check_identities(state.identities); !checked)
        return std::unexpected(checked.error());
    }
    for (const Json& record : json.at("endpoints"))
      state.endpoints.push_back(endpoint_from_json(record));
    if (const auto clusters = json.find("clusters"); clusters != json.end()) {
      for (const auto& [name, cluster] : clusters->items()) {
        state.clusters[name] = {cluster.at("id").get<std::uint32_t>(),
                                cluster.at("next_identity").get<std::uint32_t>()};
      }
    }
    check_consistent(state);
    return state;
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

namespace {

std::unexpected<Error> damaged(const std::filesystem::path& file, const std::string& how) {
  return fail(
      file.string() + " is damaged: " + how +
      ". What is loaded stays enforced; `policyc unload --all` removes it, to start afresh");
}

// Nothing when the file is not there: whoever writes the state has put another in its place.
Result<std::optional<State>> read_once(const Paths& paths) {
  const auto text = read_file(paths.state_file());
  if (!text) return std::unexpected(text.error());
  if (!*text) {
    State fresh;
    std::random_device random;
    while (fresh.instance == 0) fresh.instance = (std::uint64_t{random()} << 32U) | random();
    return fresh;
  }
  auto state = state_from_json(**text);
  if (!state) return damaged(paths.state_file(), state.error().message);
  if (state->stored.generation == 0) return *state;
  const auto file = paths.identity_file(state->stored.generation);
  const auto bytes = read_file(file);
  if (!bytes) return std::unexpected(bytes.error());
  if (!*bytes) return std::nullopt;
  auto identities = identities_from_bytes(**bytes);
  if (!identities) return damaged(file, identities.error().message);
  state->identities = std::move(*identities);
  state->stored.hash = std::hash<std::string>{}(**bytes);
  return *state;
}

}  // namespace

Result<State> read_state(const Paths& paths) {
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    auto state = read_once(paths);
    if (!state) return std::unexpected(state.error());
    if (*state) return std::move(**state);
  }
  return damaged(paths.state_file(), "the file of its identities is gone");
}

Result<std::size_t> count_identities(const Paths& paths) {
  const auto text = read_file(paths.state_file());
  if (!text) return std::unexpected(text.error());
  if (!*text) return 0;
  const auto state = state_from_json(**text);
  if (!state) return damaged(paths.state_file(), state.error().message);
  if (state->stored.generation == 0) return state->identities.size();
  std::ifstream file(paths.identity_file(state->stored.generation), std::ios::binary);
  std::array<char, kCountBytes> bytes{};
  file.read(bytes.data(), bytes.size());
  return count_from_bytes({bytes.data(), static_cast<std::size_t>(file.gcount())});
}

namespace {

// Those of changes before, and of processes that died.
Result<void> remove_identity_files(const Paths& paths, const std::filesystem::path& but) {
  for (const std::string& name : bpf::list(paths.state)) {
    if (!name.starts_with(kIdentityFiles) || name == but.filename()) continue;
    if (auto removed = remove_file(paths.state / name); !removed) return removed;
  }
  return {};
}

}  // namespace

Result<void> write_state_alone(const Paths& paths, const State& state) {
  // Read from a version that had them in one file: there is no other file yet.
  if (state.stored.generation == 0 && !state.identities.empty()) return write_state(paths, state);
  return write_file(paths.state_file(), to_json(state));
}

Result<void> write_state(const Paths& paths, const State& state) {
  const std::string bytes = to_bytes(state.identities);
  const std::size_t hash = std::hash<std::string>{}(bytes);
  const State::Stored before = state.stored;
  if (before.generation != 0 && before.hash == hash) return write_state_alone(paths, state);
  // Until the state names it nobody reads it.
  const State::Stored now{before.generation + 1, hash};
  if (auto written = write_file(paths.identity_file(now.generation), bytes); !written)
    return written;
  state.stored = now;
  if (auto written = write_state_alone(paths, state); !written) {
    state.stored = before;
    return written;
  }
  return remove_identity_files(paths, paths.identity_file(now.generation));
}

Result<void> remove_state(const Paths& paths) {
  for (const auto& file :
       {paths.state_file(), paths.inventory_file(), paths.old_inventory_file()}) {
    if (auto removed = remove_file(file); !removed) return removed;
  }
  if (auto removed = remove_identity_files(paths, {}); !removed) return removed;
  return bpf::remove_tree(paths.shape_files());
}

}  // namespace policyc::endpoint
