#pragma once
// Where the loader keeps things: kernel objects on a BPF file system, what they mean in a state
// directory.

#include <cstdint>
#include <filesystem>
#include <string>

#include "loader/attach/attach.h"

namespace policyc::endpoint {

// <bpffs>/maps/<name>                  node maps
// <bpffs>/programs/<version>/<program> the datapath, one for the node
// <bpffs>/shapes/<key>/<program, map>  the policy programs of a shape, with its maps
// <bpffs>/endpoints/<id>/<program>     tcx links
// <bpffs>/replaced/<number>/...         what an upgrade set aside (upgrade.h)
// <state>/state.json, identities.<n>, inventory, shapes/<key>.json, shapes/<key>.o, lock,
// unloading (a removal began)
struct Paths {
  std::filesystem::path bpffs = "/sys/fs/bpf/policyc";
  std::filesystem::path state = "/run/policyc";

  [[nodiscard]] std::filesystem::path maps() const { return bpffs / "maps"; }
  [[nodiscard]] std::filesystem::path programs() const { return bpffs / "programs"; }
  [[nodiscard]] std::filesystem::path shapes() const { return bpffs / "shapes"; }
  [[nodiscard]] std::filesystem::path shape(const std::string& key) const { return shapes() / key; }
  [[nodiscard]] std::filesystem::path endpoints() const { return bpffs / "endpoints"; }
  [[nodiscard]] std::filesystem::path endpoint(std::uint16_t id) const {
    return endpoints() / std::to_string(id);
  }
  // Links of the node's devices, and the programs that they run (loader/nat).
  [[nodiscard]] std::filesystem::path devices() const { return bpffs / "devices"; }
  [[nodiscard]] std::filesystem::path device_programs() const { return devices() / "programs"; }
  [[nodiscard]] std::filesystem::path replaced() const { return bpffs / "replaced"; }
  [[nodiscard]] std::filesystem::path replaced(std::uint32_t number) const {
    return replaced() / std::to_string(number);
  }
  [[nodiscard]] std::filesystem::path state_file() const { return state / "state.json"; }
  [[nodiscard]] std::filesystem::path inventory_file() const { return state / "inventory"; }
  // As versions before kept it (inventory_json.h).
  [[nodiscard]] std::filesystem::path old_inventory_file() const {
    return state / "inventory.json";
  }
  [[nodiscard]] std::filesystem::path identity_file(std::uint64_t generation) const {
    return state / ("identities." + std::to_string(generation));
  }
  [[nodiscard]] std::filesystem::path shape_files() const { return state / "shapes"; }
  [[nodiscard]] std::filesystem::path shape_file(const std::string& key) const {
    return shape_files() / (key + ".json");
  }
  // `key` of the first generation: all have the same object.
  [[nodiscard]] std::filesystem::path object_file(const std::string& key) const {
    return shape_files() / (key + ".o");
  }

  [[nodiscard]] attach::Hook hook(std::uint16_t endpoint_id, std::uint32_t interface_index,
                                  attach::Side side, attach::HookKind kind) const {
    return {interface_index, side, kind, endpoint(endpoint_id) / attach::program_name(side)};
  }
};

}  // namespace policyc::endpoint
