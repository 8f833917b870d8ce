#pragma once
// A policy and an inventory for tests of the command line, and files to put them into.

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

namespace policyc::testing {

inline constexpr std::string_view kPolicy = R"(apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: web
  namespace: shop
spec:
  endpointSelector:
    matchLabels:
      app: web
  ingress:
    - fromEndpoints:
        - matchLabels:
            app: frontend
      toPorts:
        - ports:
            - port: "80"
              protocol: TCP
)";

// Three pods in the order given; two of them are of the web.
inline std::string inventory(std::initializer_list<const char*> pods) {
  std::string text = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n";
  for (const std::string pod : pods) {
    text += "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: " + pod +
            "\n  namespace: shop\n  labels:\n    app: " + pod.substr(0, pod.find('-')) +
            "\nspec:\n  containers: [{name: main}]\nstatus:\n  podIP: 10.0.0." +
            std::to_string(pod.back() - '0' + (pod.starts_with("web") ? 10 : 20)) + "\n";
  }
  return text;
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Every file below a folder by its relative name.
inline std::map<std::string, std::string> folder_content(const std::filesystem::path& folder) {
  std::map<std::string, std::string> content;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      content[std::filesystem::relative(entry.path(), folder).string()] = read_bytes(entry.path());
    }
  }
  return content;
}

}  // namespace policyc::testing
