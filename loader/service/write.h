#pragma once
// Single writes of the maps of services. A list of them is carried out in order; whoever reads the
// maps in between sees each one done or not done.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <variant>
#include <vector>

#include "compiler/support/ip.h"
#include "runtime/abi/service.h"

namespace policyc::service {

// Key of "frontends4" or "frontends6"; the port in host byte order. Port 0 with protocol 0: the
// address itself.
struct FrontendKey {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;
  friend auto operator<=>(const FrontendKey&, const FrontendKey&) = default;
};

struct FrontendKeyHash {
  std::size_t operator()(const FrontendKey& key) const noexcept {
    std::uint64_t hash = key.port | std::uint64_t{key.protocol} << 16 |
                         std::uint64_t{key.address.v6 ? 1U : 0U} << 24;
    for (std::size_t i = 0; i < 16; i += 4) {
      std::uint32_t word = 0;
      for (std::size_t byte = 0; byte < 4; ++byte) word = word << 8 | key.address.bytes[i + byte];
      hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
      hash ^= hash >> 29;
    }
    return static_cast<std::size_t>(hash);
  }
};

// One share of a Maglev table.
struct MaglevBackend {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint32_t weight = 1;
  std::uint32_t number = 0;
  friend bool operator==(const MaglevBackend&, const MaglevBackend&) = default;
};

struct PutBackend {
  std::uint32_t number = 0;
  backend_value value{};
};
struct PutSlot {
  std::uint32_t index = 0;
  std::uint32_t backend = 0;
};
struct PutService {
  std::uint32_t number = 0;
  service_value value{};
};
struct PutAddress {
  std::uint32_t number = 0;
  frontend_address value{};
};
struct PutRange {
  source_range_key key{};
};
struct EraseRange {
  source_range_key key{};
};
struct PutFrontend {
  FrontendKey key;
  frontend_value value{};
};
struct EraseFrontend {
  FrontendKey key;
};
// The table is built when the write is carried out: as text it would be a thousand times larger.
struct PutMaglev {
  std::uint32_t service = 0;
  std::uint32_t size = 0;
  std::vector<MaglevBackend> backends;
  bool may_be_there = false;  // compare with the table in the kernel first
};
struct EraseMaglev {
  std::uint32_t service = 0;
};
struct PutConfig {
  service_config_value value{};
};

using Write = std::variant<PutBackend, PutSlot, PutService, PutAddress, PutRange, EraseRange,
                           PutFrontend, EraseFrontend, PutMaglev, EraseMaglev, PutConfig>;

}  // namespace policyc::service
