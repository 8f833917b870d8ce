#include "loader/source/complete_file.h"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "loader/bpf/fd.h"

namespace policyc::watch {
namespace {

using bpf::Fd;

constexpr std::int64_t kNanoseconds = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * kNanoseconds + time.tv_nsec; }

FileRead unusable(std::string error) {
  return {.state = ReadState::Unusable, .error = std::move(error)};
}
FileRead unusable_errno(const char* what, int number) {
  return unusable(std::string("cannot ") + what + ": " + std::system_category().message(number));
}

enum class Lease : std::uint8_t { Held, Refused, Unsupported };

Lease take_lease(const Fd& file) {
  // The kernel tells a lease's holder that somebody waits, by SIGIO, which would end the process.
  // There is nothing to do on it: the lease ends in a moment. SIGURG is ignored by default.
  if (::fcntl(file.get(), F_SETSIG, SIGURG) != 0) return Lease::Unsupported;
  if (::fcntl(file.get(), F_SETLEASE, F_RDLCK) == 0) return Lease::Held;
  return errno == EAGAIN ? Lease::Refused : Lease::Unsupported;
}

// Whether the file has been left alone. A time in the future says nothing.
bool is_quiet(const struct stat& status) {
  const std::int64_t now = file_clock_now();
  for (const std::int64_t time : {nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)}) {
    if (time <= now && now - time < kQuietTime) return false;
  }
  return true;
}

}  // namespace

std::int64_t file_clock_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now);
}

FileIdentity identity_of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified = nanoseconds(status.st_mtim),
          .changed = nanoseconds(status.st_ctim)};
}

namespace {

FileRead not_open(int number) {
  if (number == ENOENT || number == ENOTDIR) return {};
  if (number == EWOULDBLOCK) return {.state = ReadState::BeingWritten};
  return unusable_errno("open", number);
}

FileRead read_open(const Fd& file, std::size_t limit, Leases leases, Arrival arrival) {
  const Lease lease = leases == Leases::Try ? take_lease(file) : Lease::Unsupported;
  struct stat before{};
  if (::fstat(file.get(), &before) != 0) return unusable_errno("stat", errno);
  if (S_ISDIR(before.st_mode)) return {.is_directory = true};
  if (!S_ISREG(before.st_mode)) return unusable("is not a regular file");
  if (lease == Lease::Refused) return {.state = ReadState::BeingWritten};
  if (lease == Lease::Unsupported && arrival == Arrival::Unknown && !is_quiet(before))
    return {.state = ReadState::BeingWritten};
  const FileIdentity identity = identity_of(before);
  if (identity.size > limit) {
    FileRead result = unusable("has " + std::to_string(identity.size) + " bytes; at most " +
                               std::to_string(limit) + " are read");
    result.identity = identity;
    return result;
  }
  FileRead result{.state = ReadState::Complete, .identity = identity};
  // One byte more than it had, so that a file that has grown is seen to.
  result.content.resize(static_cast<std::size_t>(identity.size) + 1);
  std::size_t size = 0;
  while (size < result.content.size()) {
    const ssize_t got =
        ::read(file.get(), result.content.data() + size, result.content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unusable_errno("read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size == identity.size) break;  // what follows, if anything, the second look tells
  }
  result.content.resize(size);
  struct stat after{};
  if (::fstat(file.get(), &after) != 0) return unusable_errno("stat", errno);
  FileIdentity last = identity_of(after);
  // A lease keeps writers away; a rename or a change of permissions is none of its business.
  if (lease == Lease::Held) last.changed = identity.changed;
  if (last != identity || size != identity.size) return {.state = ReadState::BeingWritten};
  return result;
}

}  // namespace

FileRead read_complete(const std::string& path, std::size_t limit, Leases leases, Arrival arrival) {
  // Not blocking, for a FIFO that has the name of a manifest, and for a file that another holds a
  // write lease of.
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  Fd file(::open(path.c_str(), kFlags | O_NOFOLLOW));
  const bool is_link = !file.valid() && errno == ELOOP;
  if (is_link) file = Fd(::open(path.c_str(), kFlags));
  FileRead result = file.valid() ? read_open(file, limit, leases, arrival) : not_open(errno);
  result.is_link = is_link;
  return result;
}

}  // namespace policyc::watch
