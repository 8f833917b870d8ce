#include "loader/cni/addresses.h"

#include <algorithm>

#include "loader/cni/delegate.h"
#include "loader/ipam/store.h"

namespace policyc::cni {
namespace {

bool is_own(const Config& config) { return config.ipam.type == "policyc"; }

ipam::Owner owner_of(const Environment& environment) {
  return {environment.container, environment.interface};
}

Expected<ipam::Store> open_store(const Config& config) {
  return with_code(Code::Addresses, ipam::Store::open(config.ipam.directory / config.name));
}

// GC and STATUS are younger than most plugins: those do not know the command or the version, or
// miss the container.
bool is_not_known(const Failure& failure) {
  return failure.code == Code::BadEnvironment || failure.code == Code::IncompatibleVersion ||
         failure.code == Code::UnknownContainer;
}

Expected<Addresses> parse_delegated(const std::string& text) {
  const auto result = parse_result(Json::parse(text, nullptr, false));
  if (!result)
    return refuse(Code::Delegate,
                  "the answer of the plugin for addresses: " + result.error().message, text);
  Addresses addresses;
  addresses.dns = result->dns;
  bool families[2] = {false, false};
  for (const AssignedAddress& address : result->addresses) {
    if (std::exchange(families[address.address.v6 ? 1 : 0], true))
      return refuse(Code::UnsupportedField,
                    "the plugin for addresses gave two of one family; an interface gets one", text);
    addresses.list.push_back(address.address);
  }
  if (addresses.list.empty())
    return refuse(Code::Delegate, "the plugin for addresses gave none", text);
  return addresses;
}

}  // namespace

Expected<Addresses> take_addresses(const Environment& environment, const Config& config) {
  if (is_own(config)) {
    auto store = open_store(config);
    if (!store) return std::unexpected(store.error());
    const auto given =
        with_code(Code::Addresses, store->allocate(owner_of(environment), config.ipam.sets));
    if (!given) return std::unexpected(given.error());
    Addresses addresses;
    for (const ipam::Given& one : *given) addresses.list.push_back(one.address);
    return addresses;
  }
  const auto answer = delegate(environment, config, config.ipam.type, Command::Add);
  auto addresses = answer ? parse_delegated(*answer) : std::unexpected(answer.error());
  // It may have taken some: one that was killed, or whose answer is of no use.
  if (!addresses)
    static_cast<void>(delegate(environment, config, config.ipam.type, Command::Del).has_value());
  return addresses;
}

Expected<void> release_addresses(const Environment& environment, const Config& config) {
  if (is_own(config)) {
    auto store = open_store(config);
    if (!store) return std::unexpected(store.error());
    const auto released = with_code(Code::Addresses, store->release(owner_of(environment)));
    if (!released) return std::unexpected(released.error());
    return {};
  }
  const auto answer = delegate(environment, config, config.ipam.type, Command::Del);
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Expected<void> check_addresses(const Environment& environment, const Config& config,
                               const std::vector<IpAddress>& addresses) {
  if (!is_own(config)) {
    const auto answer = delegate(environment, config, config.ipam.type, Command::Check);
    if (!answer) return std::unexpected(answer.error());
    return {};
  }
  auto store = open_store(config);
  if (!store) return std::unexpected(store.error());
  const auto known = with_code(Code::Addresses, store->find(owner_of(environment)));
  if (!known) return std::unexpected(known.error());
  if (!*known) return refuse(Code::Check, "no addresses are recorded for this interface");
  for (const IpAddress& address : addresses) {
    const auto& recorded = (*known)->addresses;
    if (std::find(recorded.begin(), recorded.end(), address) == recorded.end())
      return refuse(Code::Check,
                    "address " + address.to_string() + " is not recorded for this interface");
  }
  return {};
}

Expected<std::vector<ipam::Owner>> collect_addresses(const Environment& environment,
                                                     const Config& config) {
  std::vector<ipam::Owner> owners;
  if (is_own(config)) {
    auto store = open_store(config);
    if (!store) return std::unexpected(store.error());
    const auto removed = with_code(Code::Addresses, store->collect(*config.valid));
    if (!removed) return std::unexpected(removed.error());
    for (const ipam::Attachment& attachment : *removed) owners.push_back(attachment.owner);
    return owners;
  }
  const auto answer = delegate(environment, config, config.ipam.type, Command::Gc);
  if (!answer && !is_not_known(answer.error())) return std::unexpected(answer.error());
  return owners;
}

Expected<void> check_pools(const Environment& environment, const Config& config) {
  if (is_own(config)) {
    auto store = open_store(config);
    if (!store) return std::unexpected(store.error());
    return with_code(Code::Addresses, store->check_room(config.ipam.sets));
  }
  const auto answer = delegate(environment, config, config.ipam.type, Command::Status);
  if (!answer && !is_not_known(answer.error())) return std::unexpected(answer.error());
  return {};
}

}  // namespace policyc::cni
