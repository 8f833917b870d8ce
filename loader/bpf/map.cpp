#include "loader/bpf/map.h"

#include <algorithm>
#include <cerrno>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/log.h"

namespace policyc::bpf {
namespace {

constexpr std::uint32_t kBatch = 4096;

std::string describe(std::uint32_t type, std::uint32_t key_size, std::uint32_t value_size) {
  const char* name = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(type));
  return std::string(name != nullptr ? name : "unknown type") + ", key " +
         std::to_string(key_size) + " bytes, value " + std::to_string(value_size) + " bytes";
}

}  // namespace

Result<MapHandle> MapHandle::create(const MapSpec& spec) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.map_flags = spec.flags;
  if (spec.inner_map >= 0) options.inner_map_fd = static_cast<__u32>(spec.inner_map);
  // The kernel keeps 15 characters of a name.
  const std::string short_name = spec.name.substr(0, BPF_OBJ_NAME_LEN - 1);
  Fd fd(bpf_map_create(static_cast<bpf_map_type>(spec.type), short_name.c_str(), spec.key_size,
                       spec.value_size, spec.max_entries, &options));
  if (!fd.valid()) {
    return fail_errno(
        "make map " + spec.name + " of " + std::to_string(spec.max_entries) + " entries", fd.get());
  }
  return MapHandle(spec.name, std::move(fd));
}

Result<MapHandle> MapHandle::open(const MapSpec& spec, const std::filesystem::path& path) {
  auto fd = open_pinned(path);
  if (!fd) return std::unexpected(fd.error());
  const auto info = map_info(fd->get());
  if (!info) return fail(path.string() + " is not a map");
  if (info->type != spec.type || info->key_size != spec.key_size ||
      info->value_size != spec.value_size) {
    return fail("map " + path.string() + " is of another version: it has " +
                describe(info->type, info->key_size, info->value_size) + "; needed are " +
                describe(spec.type, spec.key_size, spec.value_size));
  }
  return MapHandle(spec.name, std::move(*fd));
}

Result<MapHandle> MapHandle::open_or_create(const MapSpec& spec,
                                            const std::filesystem::path& path) {
  if (bpf::exists(path)) return open(spec, path);
  auto map = create(spec);
  if (!map) return map;
  if (auto pinned = pin(map->fd(), path); !pinned) return std::unexpected(pinned.error());
  return map;
}

Result<MapHandle> MapHandle::by_id(std::string name, std::uint32_t id) {
  Fd fd(bpf_map_get_fd_by_id(id));
  if (!fd.valid()) return fail_errno("open map " + name + " by its id", fd.get());
  return MapHandle(std::move(name), std::move(fd));
}

Result<void> MapHandle::each_batch_raw(const BatchVisitor& visit) const {
  const auto shape = info();
  if (!shape) return std::unexpected(shape.error());
  std::vector<std::byte> keys(std::size_t{kBatch} * shape->key_size);
  std::vector<std::byte> values(std::size_t{kBatch} * shape->value_size);
  std::vector<std::byte> position(std::max<std::size_t>(shape->key_size, 8));
  bool first = true;
  while (true) {
    std::uint32_t got = kBatch;
    const int status =
        bpf_map_lookup_batch(fd(), first ? nullptr : position.data(), position.data(), keys.data(),
                             values.data(), &got, nullptr);
    if (status != 0 && errno != ENOENT) return fail_errno("read the entries of " + name_, errno);
    if (!visit(keys.data(), values.data(), got) || status != 0) return {};
    first = false;
  }
}

Result<std::size_t> MapHandle::count() const {
  std::size_t total = 0;
  const auto counted = each_batch_raw([&total](const void*, const void*, std::size_t count) {
    total += count;
    return true;
  });
  if (!counted) return std::unexpected(counted.error());
  return total;
}

Result<bool> MapHandle::lookup_raw(const void* key, void* value) const {
  const int status = bpf_map_lookup_elem(fd(), key, value);
  if (status == 0) return true;
  if (status == -ENOENT) return false;
  return fail_errno("read map " + name_, status);
}

Result<void> MapHandle::update_raw(const void* key, const void* value, std::uint64_t flags) const {
  const int status = bpf_map_update_elem(fd(), key, value, flags);
  if (status == -E2BIG)
    return fail("cannot write map " + name_ + ": it is full, or the index is beyond its end");
  if (status != 0) return fail_errno("write map " + name_, status);
  return {};
}

Result<bool> MapHandle::erase_raw(const void* key) const {
  const int status = bpf_map_delete_elem(fd(), key);
  if (status == 0) return true;
  if (status == -ENOENT) return false;
  return fail_errno("delete from map " + name_, status);
}

Result<void> MapHandle::update_batch_raw(const void* keys, const void* values,
                                         std::size_t count) const {
  if (count == 0) return {};
  auto done = static_cast<std::uint32_t>(count);
  const int status = bpf_map_update_batch(fd(), keys, values, &done, nullptr);
  if (status != 0) {
    return fail_errno("write map " + name_ + " (" + std::to_string(done) + " of " +
                          std::to_string(count) + " entries were written)",
                      status);
  }
  return {};
}

Result<bool> MapHandle::next_key_raw(const void* key, void* next) const {
  const int status = bpf_map_get_next_key(fd(), key, next);
  if (status == 0) return true;
  if (status == -ENOENT) return false;
  return fail_errno("walk map " + name_, status);
}

Result<std::size_t> possible_cpus() {
  const int count = libbpf_num_possible_cpus();
  if (count <= 0) return fail_errno("count the CPUs", count);
  return static_cast<std::size_t>(count);
}

}  // namespace policyc::bpf
