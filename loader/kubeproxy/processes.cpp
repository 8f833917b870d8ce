#include "loader/kubeproxy/processes.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>

namespace policyc::kubeproxy {
namespace {

namespace fs = std::filesystem;

struct Known {
  std::string_view name;
  bool embedded;
};
constexpr Known kKnown[] = {
    {"kube-proxy", false}, {"k3s-server", true}, {"k3s-agent", true}, {"kubelite", true}};

std::optional<pid_t> pid_of(const fs::path& folder) {
  const std::string name = folder.filename();
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return pid;
}

std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

bool elsewhere(const fs::path& process, const fs::path& own) {
  std::error_code error;
  const fs::path network = fs::read_symlink(process / "ns/net", error);
  return !error && !own.empty() && network != own;
}

}  // namespace

std::vector<Process> find_processes(const fs::path& proc) {
  std::vector<Process> result;
  std::error_code error;
  const fs::path own = fs::read_symlink(proc / "self/ns/net", error);
  // A process may end while it is looked at; then it is not found, which is true.
  for (fs::directory_iterator at(proc, error), end; !error && at != end; at.increment(error)) {
    const auto pid = pid_of(at->path());
    if (!pid) continue;
    const std::string name = first_line(at->path() / "comm");
    const auto* known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                     [&](const Known& one) { return one.name == name; });
    if (known == std::end(kKnown) || elsewhere(at->path(), own)) continue;
    result.push_back({*pid, name, known->embedded});
  }
  std::sort(result.begin(), result.end(),
            [](const Process& a, const Process& b) { return a.pid < b.pid; });
  return result;
}

}  // namespace policyc::kubeproxy
