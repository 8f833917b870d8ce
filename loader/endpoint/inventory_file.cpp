#include "loader/endpoint/inventory_file.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/bpf/fd.h"
#include "loader/bpf/log.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/inventory_json.h"

namespace policyc::endpoint {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kSpare = std::size_t{1} << 20;  // bytes of changes beside twice the whole

std::string frame(const InventoryChange& change) {
  const std::string bytes = to_bytes(change);
  std::string out(kLengthBytes, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    out[i] = static_cast<char>(bytes.size() >> (8 * i) & 0xffU);
  return out + bytes;
}

std::size_t length_at(const char* bytes) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= std::size_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return length;
}

struct Frames {
  std::size_t first = 0;  // bytes of the whole
  std::size_t end = 0;    // after the last that is complete
};

Result<Frames> find_frames(const bpf::Fd& file) {
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return bpf::fail_errno("look at the inventory", errno);
  const auto size = static_cast<std::size_t>(info.st_size);
  Frames frames;
  std::array<char, kLengthBytes> prefix{};
  while (frames.end + kLengthBytes <= size) {
    if (::pread(file.get(), prefix.data(), kLengthBytes, static_cast<off_t>(frames.end)) !=
        static_cast<ssize_t>(kLengthBytes))
      return bpf::fail_errno("read the inventory", errno);
    const std::size_t end = frames.end + kLengthBytes + length_at(prefix.data());
    if (end > size) break;
    frames.end = end;
    if (frames.first == 0) frames.first = end;
  }
  return frames;
}

std::unexpected<Error> damaged(const std::filesystem::path& file, const std::string& how) {
  return fail(file.string() + " is damaged: " + how + "; a load with an inventory replaces it");
}

Result<Inventory> read_old(const Paths& paths) {
  const auto text = read_file(paths.old_inventory_file());
  if (!text) return std::unexpected(text.error());
  if (!*text) return Inventory{};
  auto inventory = inventory_from_json(**text);
  if (!inventory) return damaged(paths.old_inventory_file(), inventory.error().message);
  return inventory;
}

}  // namespace

bool has_inventory(const Paths& paths) {
  return stamp_of(paths.inventory_file()) != FileStamp{} ||
         stamp_of(paths.old_inventory_file()) != FileStamp{};
}

Result<Inventory> read_inventory(const Paths& paths) {
  const auto text = read_file(paths.inventory_file());
  if (!text) return std::unexpected(text.error());
  if (!*text) return read_old(paths);
  Inventory inventory;
  const auto is_damaged = [&](const std::string& how) {
    return damaged(paths.inventory_file(), how);
  };
  std::string_view rest = **text;
  bool any = false;
  while (rest.size() >= kLengthBytes) {
    const std::size_t length = length_at(rest.data());
    if (length > rest.size() - kLengthBytes) break;
    const auto change = change_from_bytes(rest.substr(kLengthBytes, length));
    if (!change) return is_damaged(change.error().message);
    if (auto applied = apply(*change, inventory); !applied)
      return is_damaged(applied.error().message);
    rest.remove_prefix(kLengthBytes + length);
    any = true;
  }
  if (!any) return is_damaged("it is not complete");
  return inventory;
}

Result<void> write_inventory(const Paths& paths, const Inventory& inventory) {
  if (auto written = write_file(paths.inventory_file(), frame(whole_change(inventory))); !written)
    return written;
  return remove_file(paths.old_inventory_file());
}

Result<bool> append_inventory(const Paths& paths, const InventoryChange& change) {
  if (change.empty()) return false;
  const bpf::Fd file(::open(paths.inventory_file().c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return false;
  if (!file.valid()) return bpf::fail_errno("open " + paths.inventory_file().string(), errno);
  const auto frames = find_frames(file);
  if (!frames) return std::unexpected(frames.error());
  const std::string bytes = frame(change);
  if (frames->first == 0 || frames->end + bytes.size() > 3 * frames->first + kSpare) return false;
  if (::ftruncate(file.get(), static_cast<off_t>(frames->end)) != 0)
    return bpf::fail_errno("write " + paths.inventory_file().string(), errno);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::pwrite(file.get(), bytes.data() + done, bytes.size() - done,
                                   static_cast<off_t>(frames->end + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return bpf::fail_errno("write " + paths.inventory_file().string(), errno);
    done += static_cast<std::size_t>(count);
  }
  if (::fsync(file.get()) != 0)
    return bpf::fail_errno("flush " + paths.inventory_file().string(), errno);
  return true;
}

}  // namespace policyc::endpoint
