#include "loader/source/watches.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include <sys/inotify.h>
#include <unistd.h>

namespace policyc::watch {
namespace {

constexpr std::uint32_t kMask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;

std::string text(int number) { return std::system_category().message(number); }

}  // namespace

Result<Watches> Watches::open() {
  Watches result;
  result.inotify_ = bpf::Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!result.inotify_.valid()) return fail("cannot watch directories: " + text(errno));
  return result;
}

Result<void> Watches::add(const std::string& directory, const std::filesystem::path& path) {
  const int watch = ::inotify_add_watch(inotify_.get(), path.c_str(), kMask);
  if (watch < 0) {
    const int number = errno;
    remove(directory);
    return fail("cannot watch: " + (number == ENOSPC
                                        ? "no watch is left (sysctl fs.inotify.max_user_watches)"
                                        : text(number)));
  }
  const auto before = descriptors_.find(directory);
  if (before != descriptors_.end() && before->second != watch) unlink(directory, true);
  descriptors_[directory] = watch;
  directories_[watch].insert(directory);
  return {};
}

void Watches::remove(const std::string& directory) { unlink(directory, true); }

void Watches::unlink(const std::string& directory, bool forget_kernel) {
  const auto found = descriptors_.find(directory);
  if (found == descriptors_.end()) return;
  const int watch = found->second;
  descriptors_.erase(found);
  auto names = directories_.find(watch);
  names->second.erase(directory);
  if (!names->second.empty()) return;
  directories_.erase(names);
  // Fails when the directory is gone: the watch is gone with it.
  if (forget_kernel) static_cast<void>(::inotify_rm_watch(inotify_.get(), watch) == 0);
}

Result<bool> Watches::read(const std::function<void(const Event&)>& take,
                           const std::function<void()>& overflow) {
  alignas(inotify_event) std::array<char, 16384> buffer;  // NOLINT: not worth clearing
  const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size < 0) return fail("cannot read changes of directories: " + text(errno));
  for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
    inotify_event event{};
    std::memcpy(&event, buffer.data() + at, sizeof event);
    const char* name = buffer.data() + at + sizeof event;
    at += sizeof event + event.len;
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      overflow();
      continue;
    }
    const auto found = directories_.find(event.wd);
    if (found == directories_.end()) continue;  // of a watch that was removed
    const std::string_view of = event.len == 0 ? std::string_view() : std::string_view(name);
    std::set<std::string> ended;
    if ((event.mask & IN_IGNORED) != 0) {
      ended = found->second;
      for (const std::string& directory : ended) unlink(directory, false);
    }
    for (const std::string& directory : ended.empty() ? found->second : ended)
      take({directory, of, event.mask});
  }
  return size > 0;
}

}  // namespace policyc::watch
