#pragma once
// A BPF object between its bytes and the kernel: open, adjust its maps, load, take programs and
// maps out.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/map.h"

struct bpf_insn;
struct bpf_object;

namespace policyc::bpf {

struct ProgramSpec {
  std::string name;
  std::uint32_t type = 0;                  // enum bpf_prog_type
  std::span<const bpf_insn> instructions;  // as in the file
};

class Object {
 public:
  // The bytes are copied. Hostile bytes give an Error.
  [[nodiscard]] static Result<Object> open(std::span<const std::uint8_t> bytes,
                                           const std::string& name);

  // The maps that the object declares; internal ones (.rodata and the like) are left out.
  [[nodiscard]] std::vector<MapSpec> maps() const;
  [[nodiscard]] bool has_map(const std::string& name) const;

  // Whether the object says where the map is pinned, which load() would do.
  [[nodiscard]] bool pins_itself(const std::string& map) const;

  [[nodiscard]] std::vector<std::string> programs() const;
  // Before load(). The instructions are the object's.
  [[nodiscard]] std::vector<ProgramSpec> program_specs() const;

  // Before load().
  [[nodiscard]] Result<void> set_max_entries(const std::string& map, std::uint32_t max_entries);
  // Uses an existing map instead of making one. Type, key and value size must be equal.
  [[nodiscard]] Result<void> reuse_map(const std::string& map, int fd);
  // load() pins the map there once it is made, or uses one of the same kind and size that is there.
  [[nodiscard]] Result<void> pin_map(const std::string& map, const std::filesystem::path& path);

  // Makes the maps and loads the programs. A refusal's Error holds what the verifier said.
  [[nodiscard]] Result<void> load();

  // After load(); the object keeps owning the descriptor.
  [[nodiscard]] Result<int> program_fd(const std::string& name) const;
  [[nodiscard]] Result<int> map_fd(const std::string& name) const;

 private:
  struct Close {
    void operator()(bpf_object* object) const;
  };
  explicit Object(bpf_object* object) : object_(object) {}
  std::unique_ptr<bpf_object, Close> object_;
};

}  // namespace policyc::bpf
