#pragma once
// What an object of policies may be. It is made by a process that nobody vouches for, and loaded by
// one that is root: the verifier sees to memory, this to what the programs may reach.

#include <cstdint>
#include <span>

#include "compiler/ir/shape.h"
#include "compiler/support/result.h"
#include "loader/bpf/object.h"

namespace policyc::endpoint {

// Before libbpf sees it: an ELF file for BPF with program code in section "tc" alone, which refers
// to nothing outside the file, and relocations of that code alone. An Error says what is not so.
[[nodiscard]] Result<void> check_policy_file(std::span<const std::uint8_t> bytes);

// Before it is loaded: two programs of tc, policy_ingress and policy_egress, that call nothing but
// bpf_map_lookup_elem and bpf_tail_call and name no map by number; of maps the node's
// policy_scratch and policy_finish, and those that the shape says, of its sizes; none is pinned by
// itself. (Linux Documentation/bpf/standardization/instruction-set.rst)
[[nodiscard]] Result<void> check_policy_object(const bpf::Object& object, const ir::Shape& shape);

}  // namespace policyc::endpoint
