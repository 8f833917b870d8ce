#pragma once
// What the running kernel gives to the datapath and the loader. Everything is tried, nothing is
// concluded from a version number: distributions backport, and configurations differ.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace policyc::kernel {

enum class Need : std::uint8_t {
  Required,  // without it nothing can be loaded
  Optional,  // something else takes its place
  Unused,    // nothing in policyc uses it so far
};
[[nodiscard]] std::string_view need_name(Need need);  // "required", "optional", "unused"

struct Feature {
  std::string_view name;
  Need need = Need::Required;
  bool present = false;
  std::string_view used_for;
  std::string_view cost;  // of its absence
  std::string_view fix;
};

// "6.12.117+deb12-cloud-amd64"
[[nodiscard]] std::string release();

// Tries everything, in a fixed order; takes some milliseconds and leaves nothing behind. Needs
// root: without it the kernel refuses, and nothing seems present.
[[nodiscard]] std::vector<Feature> probe_features();
// Whether everything that is required is present.
[[nodiscard]] bool is_ready(std::span<const Feature> features);

// Those that the loader decides by. The helpers are tried once in a process.
[[nodiscard]] bool has_tcx();
[[nodiscard]] bool has_coarse_clock();
[[nodiscard]] bool has_redirect_peer();
// bpf_set_retval at connect(2), sendmsg(2) and bind(2).
[[nodiscard]] bool has_socket_errors();

}  // namespace policyc::kernel
