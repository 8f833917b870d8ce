#include "loader/sockets/sockets.h"

#include <algorithm>

#include "loader/bpf/bpffs.h"
#include "loader/sockets/links.h"
#include "loader/sockets/object.h"

namespace policyc::sockets {
namespace {

std::filesystem::path links_of(const std::filesystem::path& bpffs) { return bpffs / "sockets"; }

// Errors of an undoing have nowhere to go: the first one is what the user needs.
void undo(const std::vector<std::filesystem::path>& pins) {
  for (const auto& pin : pins) static_cast<void>(detach_link(pin));
}

}  // namespace

Result<void> attach(const std::filesystem::path& bpffs, const std::filesystem::path& cgroup) {
  const auto place = open_cgroup(cgroup);
  if (!place) return std::unexpected(place.error());
  const auto object = load_object(bpffs / "maps");
  if (!object) return std::unexpected(object.error());
  const auto links = links_of(bpffs);
  if (auto made = bpf::ensure_directory(links); !made) return made;
  std::vector<std::filesystem::path> fresh;
  for (const SocketProgram& program : socket_programs()) {
    const auto pin = links / program.name;
    const auto fd = object->program_fd(std::string(program.name));
    const auto attached = fd ? attach_link(pin, *place, program.attach_type, *fd)
                             : Result<Attached>(std::unexpected(fd.error()));
    if (!attached) {
      undo(fresh);
      return std::unexpected(attached.error());
    }
    if (*attached == Attached::Fresh) fresh.insert(fresh.begin(), pin);
  }
  return {};
}

Result<std::vector<ProgramStatus>> status(const std::filesystem::path& bpffs) {
  std::vector<ProgramStatus> result;
  for (const SocketProgram& program : socket_programs()) {
    const auto state = link_state(links_of(bpffs) / program.name);
    if (!state) return std::unexpected(state.error());
    const LinkState found = state->value_or(LinkState{});
    result.push_back({std::string(program.name), found.program_id, found.cgroup_id});
  }
  std::ranges::sort(result, {}, &ProgramStatus::name);
  return result;
}

Result<void> detach(const std::filesystem::path& bpffs) {
  const auto programs = socket_programs();
  for (auto program = programs.rbegin(); program != programs.rend(); ++program) {
    if (auto detached = detach_link(links_of(bpffs) / program->name); !detached) return detached;
  }
  return bpf::remove_tree(links_of(bpffs));
}

}  // namespace policyc::sockets
