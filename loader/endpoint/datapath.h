#pragma once
// The programs that every endpoint of a node runs: loaded once, pinned under
// <bpffs>/programs/<version>/<name>. A version appears under its name in one step, complete; two
// are there only while one takes over from the other. And the slots through which they reach the
// policy programs of shapes.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "compiler/support/result.h"
#include "loader/attach/attach.h"
#include "loader/bpf/fd.h"
#include "loader/bpf/object.h"
#include "loader/endpoint/paths.h"
#include "loader/maps/node_maps.h"
#include "loader/maps/service_maps.h"

namespace policyc::endpoint {

struct Datapath {
  std::string version;
  std::array<bpf::Fd, 2> programs;  // by attach::Side
  std::array<bpf::Fd, 2> finish;    // by policyc_direction
};

// Removes expired connections (loader/conntrack runs it).
inline constexpr std::string_view kCollectProgram = "ct_collect";

// By policyc_direction.
[[nodiscard]] std::string_view policy_program_name(std::size_t direction);
[[nodiscard]] std::string_view finish_program_name(std::size_t direction);

// A name made from the object's bytes.
[[nodiscard]] std::string datapath_version(std::span<const std::uint8_t> object);

// Opens the programs of that datapath object, or loads them. Nothing runs them yet.
[[nodiscard]] Result<Datapath> ensure_datapath(const Paths& paths, const maps::NodeMaps& maps,
                                               std::span<const std::uint8_t> object);
// Makes endpoints' programs translate what is sent to services, or not, as service_config says.
[[nodiscard]] Result<void> follow_services(const maps::NodeMaps& maps,
                                           const maps::ServiceMaps& services);
// Makes the policy programs go on to its finish programs; those of an older version of the same ABI
// are replaced one after the other.
[[nodiscard]] Result<void> install_finish(const bpf::Map<std::uint32_t, std::uint32_t>& map,
                                          const std::array<int, 2>& programs);

// Puts policy programs, by policyc_direction, into a slot that nobody uses yet.
[[nodiscard]] Result<void> fill_slot(const bpf::Map<std::uint32_t, std::uint32_t>& policies,
                                     std::uint32_t slot, const std::array<int, 2>& programs);
// Fine when it is empty. No CPU may still be on its way to it.
[[nodiscard]] Result<void> clear_slot(const bpf::Map<std::uint32_t, std::uint32_t>& policies,
                                      std::uint32_t slot);

}  // namespace policyc::endpoint
