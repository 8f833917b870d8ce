#include "loader/bpf/join.h"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/bpf/fd.h"
#include "loader/bpf/log.h"

namespace policyc::bpf {
namespace {

struct FreeLinker {
  void operator()(bpf_linker* linker) const { bpf_linker__free(linker); }
};

// libbpf's linker wants file names; memory files have one under /proc.
std::string file_name(const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

Result<Fd> memory_file(std::span<const std::uint8_t> content) {
  Fd fd(::memfd_create("policyc", MFD_CLOEXEC));
  if (!fd.valid()) return fail_errno("make a memory file", errno);
  while (!content.empty()) {
    const ssize_t written = ::write(fd.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail_errno("write a memory file", errno);
    content = content.subspan(static_cast<std::size_t>(written));
  }
  return fd;
}

Result<backend::Bytes> read_all(const Fd& fd) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("read the joined object", errno);
  backend::Bytes bytes(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        ::pread(fd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail_errno("read the joined object", errno);
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace

Result<backend::Bytes> join_objects(std::span<const std::span<const std::uint8_t>> objects) {
  const LogCapture log;
  const auto refuse = [&log](const std::string& what, int number) {
    return fail(fail_errno(what, number).error().message + "\n" + log.text());
  };
  auto output = memory_file({});
  if (!output) return std::unexpected(output.error());
  const std::unique_ptr<bpf_linker, FreeLinker> linker(
      bpf_linker__new(file_name(*output).c_str(), nullptr));
  if (linker == nullptr) return refuse("start the linker", errno);
  for (std::size_t index = 0; index < objects.size(); ++index) {
    const auto input = memory_file(objects[index]);
    if (!input) return std::unexpected(input.error());
    if (const int status = bpf_linker__add_file(linker.get(), file_name(*input).c_str(), nullptr);
        status != 0) {
      return refuse("join object " + std::to_string(index + 1), status);
    }
  }
  if (const int status = bpf_linker__finalize(linker.get()); status != 0)
    return refuse("join the objects", status);
  return read_all(*output);
}

}  // namespace policyc::bpf
