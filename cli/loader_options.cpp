#include "cli/loader_options.h"

#include <unistd.h>

#include "cli/command.h"
#include "loader/endpoint/unload.h"

namespace policyc::cli {

void add_loader_paths(CLI::App& command, endpoint::Paths& paths) {
  command
      .add_option("--bpffs", paths.bpffs,
                  "where maps, programs and links are pinned, on a BPF file system")
      ->type_name("DIR")
      ->capture_default_str();
  command
      .add_option("--state-dir", paths.state,
                  "where identities, classes and endpoints are remembered")
      ->type_name("DIR")
      ->capture_default_str();
}

Result<void> require_root() {
  if (::geteuid() != 0) return fail("this needs root: it works on BPF objects in the kernel");
  return {};
}

Result<void> require_whole_node(const endpoint::Paths& paths) {
  if (auto root = require_root(); !root) return root;
  return endpoint::finish_unload(paths);
}

int kernel_error(std::ostream& err, const Error& error) {
  err << "policyc: " << error.message;
  if (!error.message.ends_with('\n')) err << "\n";
  return kUnreadable;
}

}  // namespace policyc::cli
