#include "tests/unit/loader/service_model.h"

#include <algorithm>
#include <cstring>

namespace policyc::testing {
namespace {

using namespace service;

bool same_bytes(const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

bool is_referenced(const Snapshot& maps, std::uint32_t service) {
  return std::ranges::any_of(maps.frontends, [service](const auto& entry) {
    return std::ranges::find(entry.second.service, service) != std::end(entry.second.service);
  });
}

// A program may be reading the entry: only single fields change, or those that nobody can use.
void check_backend(const backend_value& before, const backend_value& after,
                   std::vector<std::string>& broken) {
  if (after.generation < before.generation) broken.emplace_back("a generation goes back");
  backend_value alike = after;
  alike.state = before.state;
  alike.flags = before.flags;
  alike.zone = before.zone;
  if (before.state != BACKEND_FREE && !same_bytes(alike, before))
    broken.emplace_back("a backend in use becomes another one");
  if (before.state == BACKEND_FREE && after.state != BACKEND_FREE && before.generation != 0 &&
      (after.generation != before.generation || !same_bytes(alike, before)))
    broken.emplace_back("a number comes back together with its new content");
}

}  // namespace

Snapshot empty_maps(std::uint32_t frontends, std::uint32_t services, std::uint32_t slots,
                    std::uint32_t backends) {
  Snapshot maps;
  maps.addresses.resize(frontends);
  maps.services.resize(services);
  maps.slots.resize(slots);
  maps.backends.resize(backends);
  maps.config.maglev_size = 251;
  return maps;
}

const frontend_value* find_frontend(const Snapshot& maps, const FrontendKey& key) {
  const auto found =
      std::ranges::find_if(maps.frontends, [&](const auto& entry) { return entry.first == key; });
  return found == maps.frontends.end() ? nullptr : &found->second;
}

void apply_write(Snapshot& maps, const Write& write, std::vector<std::string>& broken) {
  if (const auto* put = std::get_if<PutBackend>(&write)) {
    check_backend(maps.backends.at(put->number), put->value, broken);
    maps.backends.at(put->number) = put->value;
  } else if (const auto* slot = std::get_if<PutSlot>(&write)) {
    maps.slots.at(slot->index) = slot->backend;
  } else if (const auto* word = std::get_if<PutService>(&write)) {
    service_value& value = maps.services.at(word->number);
    if (is_referenced(maps, word->number) && value.slots != word->value.slots &&
        value.count != word->value.count)
      broken.emplace_back("both words of a service change at once");
    value = word->value;
  } else if (const auto* address = std::get_if<PutAddress>(&write)) {
    maps.addresses.at(address->number) = address->value;
  } else if (const auto* range = std::get_if<PutRange>(&write)) {
    maps.ranges.push_back(range->key);
  } else if (const auto* gone = std::get_if<EraseRange>(&write)) {
    if (std::erase_if(maps.ranges, [&](const auto& key) { return same_bytes(key, gone->key); }) !=
        1)
      broken.emplace_back("a source range is removed that is not there");
  } else if (const auto* frontend = std::get_if<PutFrontend>(&write)) {
    std::erase_if(maps.frontends, [&](const auto& entry) { return entry.first == frontend->key; });
    maps.frontends.emplace_back(frontend->key, frontend->value);
  } else if (const auto* lost = std::get_if<EraseFrontend>(&write)) {
    if (std::erase_if(maps.frontends, [&](const auto& e) { return e.first == lost->key; }) != 1)
      broken.emplace_back("a frontend is removed that is not there");
  } else if (const auto* table = std::get_if<PutMaglev>(&write)) {
    for (const MaglevBackend& backend : table->backends) {
      if (maps.backends.at(backend.number).state == BACKEND_FREE)
        broken.emplace_back("a Maglev table names a free backend");
    }
    std::erase(maps.tables, table->service);
    maps.tables.push_back(table->service);
  } else if (const auto* no_table = std::get_if<EraseMaglev>(&write)) {
    std::erase(maps.tables, no_table->service);
  } else if (const auto* config = std::get_if<PutConfig>(&write)) {
    maps.config = config->value;
  }
}

BackendName name_of(const backend_value& value) {
  IpAddress address;
  address.v6 = value.family == 6;
  std::ranges::copy(value.address, address.bytes.begin());
  return address.to_string() + " " + std::to_string(__builtin_bswap16(value.port)) + "/" +
         std::to_string(value.protocol);
}

BackendName name_of(const Backend& backend, std::uint8_t protocol) {
  return backend.address.to_string() + " " + std::to_string(backend.port) + "/" +
         std::to_string(protocol);
}

std::set<BackendName> takers(const DesiredService& service, std::optional<std::size_t> set) {
  std::set<BackendName> names;
  if (!set) return names;
  const BackendSet& backends = service.sets.at(*set);
  for (const std::size_t i : takers_of_new_connections(backends.backends))
    names.insert(name_of(backends.backends[i], backends.protocol));
  return names;
}

std::optional<std::set<BackendName>> listed(const Snapshot& maps, std::uint32_t service) {
  std::set<BackendName> names;
  const service_value& value = maps.services.at(service);
  for (std::uint32_t i = 0; i < value.count; ++i) {
    const backend_value& backend = maps.backends.at(maps.slots.at(value.slots + i));
    if (backend.state == BACKEND_FREE || backend.service != service) return std::nullopt;
    if (!names.insert(name_of(backend)).second) return std::nullopt;
  }
  return names;
}

}  // namespace policyc::testing
