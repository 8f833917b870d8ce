#include "cli/demo/leftovers.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>

#include <sys/stat.h>
#include <unistd.h>

#include "cli/demo/netns.h"
#include "cli/demo/process.h"
#include "cli/demo/topology.h"
#include "loader/bpf/bpffs.h"

namespace policyc::demo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStateParent = "/run";

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    names.insert(entry->path().filename().string());
  }
  return names;
}

// The process id in "policyc-demo-<pid>" or "policyc-demo-<pid>-<host>".
std::optional<pid_t> owner_of(std::string_view name) {
  if (!name.starts_with(kNamePrefix)) return std::nullopt;
  name.remove_prefix(kNamePrefix.size());
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  const bool ends_well = end == name.data() + name.size() || *end == '-';
  if (error != std::errc() || pid <= 0 || !ends_well) return std::nullopt;
  return pid;
}

std::string command_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

// A number is given again after a while: a process of another name has it by chance, and so have
// we.
bool is_gone(pid_t pid) {
  if (pid == ::getpid()) return true;
  if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
  return command_of(pid) != command_of(::getpid());
}

void remove_run_folders(const std::string& run) {
  static_cast<void>(bpf::remove_tree(pin_folder(run)));
  std::error_code error;
  fs::remove_all(state_folder(run), error);
}

}  // namespace

fs::path pin_folder(const std::string& run) { return fs::path(bpf::kBpffsMount) / run; }
fs::path state_folder(const std::string& run) { return fs::path(kStateParent) / run; }

std::size_t remove_leftovers() {
  std::set<pid_t> gone;
  const auto gone_owner = [&gone](const std::string& name) {
    const auto owner = owner_of(name);
    if (!owner || !is_gone(*owner)) return false;
    gone.insert(*owner);
    return true;
  };
  for (const std::string& name : names_in(kNamespaceFolder)) {
    if (gone_owner(name)) static_cast<void>(run_program({"ip", "netns", "delete", name}));
  }
  for (const fs::path& parent : {fs::path(bpf::kBpffsMount), fs::path(kStateParent)}) {
    for (const std::string& name : names_in(parent)) static_cast<void>(gone_owner(name));
  }
  for (const pid_t pid : gone) remove_run_folders(std::string(kNamePrefix) + std::to_string(pid));
  return gone.size();
}

Result<RunFolders> RunFolders::create(const std::string& run) {
  const fs::path folder = state_folder(run);
  if (::mkdir(folder.c_str(), 0700) != 0)
    return fail(folder.string() + ": " + std::strerror(errno));
  return RunFolders(run);
}

RunFolders::~RunFolders() {
  if (!run_.empty()) remove_run_folders(run_);
}

}  // namespace policyc::demo
