#include "tests/bench/agent/bare_calls.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace policyc::bench {
namespace {

using Bytes = std::array<char, std::size_t{16} << 10>;

constexpr std::size_t kAnswer = 81;
constexpr std::size_t kLine = 374;

[[noreturn]] void answer(int socket) {
  static Bytes bytes;
  while (::read(socket, bytes.data(), bytes.size()) > 0) {
    if (::write(socket, bytes.data(), kAnswer) < 0) break;
  }
  std::_Exit(0);
}

void send_file(const std::string& path, int socket, Bytes& bytes) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  struct stat status{};
  (void)::fcntl(file, F_SETSIG, SIGURG);
  (void)::fcntl(file, F_SETLEASE, F_RDLCK);
  (void)::fstat(file, &status);
  const ssize_t size = ::read(file, bytes.data(), bytes.size());
  (void)::fstat(file, &status);
  (void)::close(file);
  if (size > 0) (void)::send(socket, bytes.data(), static_cast<std::size_t>(size), 0);
}

[[noreturn]] void follow(const std::filesystem::path& folder, int socket) {
  static Bytes bytes;
  const int watch = ::inotify_init1(IN_NONBLOCK);
  const int epoll = ::epoll_create1(0);
  const std::string file = (folder / "file").string();
  const int journal =
      ::open((folder / ".journal").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (watch < 0 || epoll < 0 || journal < 0 ||
      ::inotify_add_watch(watch, folder.c_str(), IN_MOVED_TO) < 0)
    std::_Exit(1);
  for (const int fd : {watch, socket}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) std::_Exit(1);
  }
  while (true) {
    epoll_event event{};
    if (::epoll_wait(epoll, &event, 1, -1) != 1) continue;
    if (event.data.fd == watch) {
      if (::read(watch, bytes.data(), bytes.size()) > 0) send_file(file, socket, bytes);
      continue;
    }
    if (::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT) <= 0) std::_Exit(0);
    if (::write(journal, bytes.data(), kLine) < 0) std::_Exit(1);
    (void)::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
  }
}

}  // namespace

BareCalls::BareCalls(const std::filesystem::path& folder) : folder_(folder) {
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) std::abort();
  for (pid_t* pid : {&other_, &agent_}) {
    *pid = ::fork();
    if (*pid != 0) continue;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (pid == &other_) answer(sockets[0]);
    follow(folder_, sockets[1]);
  }
  for (const int socket : sockets) ::close(socket);
}

BareCalls::~BareCalls() {
  for (const pid_t pid : {agent_, other_}) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

void BareCalls::write(const std::string& text) const {
  std::ofstream(folder_ / ".new") << text;
  std::filesystem::rename(folder_ / ".new", folder_ / "file");
}

}  // namespace policyc::bench
