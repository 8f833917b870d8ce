#include "cli/demo/process.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loader/bpf/fd.h"

extern char** environ;

namespace policyc::demo {
namespace {

using bpf::Fd;

constexpr std::size_t kMaxMessage = 2000;

// A file in memory: unlike a pipe it needs nobody who reads or writes at the other end.
Result<Fd> memory_file(std::string_view content) {
  Fd file(::memfd_create("policyc-demo", MFD_CLOEXEC));
  if (!file.valid()) return fail(std::string("memfd_create: ") + std::strerror(errno));
  if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0) {
    return fail(std::string("memfd: ") + std::strerror(errno));
  }
  return file;
}

std::string content_of(const Fd& file) {
  std::string text(kMaxMessage, '\0');
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ';');
  return text;
}

std::string command_line(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) text += (text.empty() ? "" : " ") + argument;
  return text;
}

}  // namespace

Result<void> run_program(const std::vector<std::string>& arguments, std::string_view input) {
  auto in = memory_file(input);
  if (!in) return std::unexpected(in.error());
  auto out = memory_file({});
  if (!out) return std::unexpected(out.error());

  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, in->get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out->get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out->get(), STDERR_FILENO);
  // A process group of its own keeps the terminal's signals away.
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  pid_t child = -1;
  const int spawned = ::posix_spawnp(&child, argv[0], &actions, &attributes, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (spawned != 0) return fail("cannot run " + arguments.front() + ": " + std::strerror(spawned));

  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return fail(std::string("waitpid: ") + std::strerror(errno));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail("`" + command_line(arguments) + "` failed: " + content_of(*out));
}

}  // namespace policyc::demo
