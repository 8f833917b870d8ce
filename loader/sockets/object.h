#pragma once
// The socket object (compiler/backend: socket_object) in the kernel.

#include <filesystem>
#include <span>
#include <string_view>

#include "compiler/support/result.h"
#include "loader/bpf/object.h"

namespace policyc::sockets {

struct SocketProgram {
  std::string_view name;      // in the object; also of the link's pin
  std::uint32_t attach_type;  // enum bpf_attach_type
};
// In the order in which they are attached: what shows sockets their frontends comes before what
// gives them backends, so a socket never sees a backend in its frontend's place.
[[nodiscard]] std::span<const SocketProgram> socket_programs();

// Loads the programs for this node. Maps that are pinned in `maps` are used, whatever their size;
// the others are made and pinned there. The calling process is in the network namespace of the
// node's own processes: its cookie is what tells them from pods.
[[nodiscard]] Result<bpf::Object> load_object(const std::filesystem::path& maps);

}  // namespace policyc::sockets
