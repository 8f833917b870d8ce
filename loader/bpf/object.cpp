#include "loader/bpf/object.h"

#include <cerrno>

#include <bpf/libbpf.h>

#include "loader/bpf/log.h"

namespace policyc::bpf {
namespace {

MapSpec spec_of(const bpf_map* map) {
  return {bpf_map__name(map),        static_cast<std::uint32_t>(bpf_map__type(map)),
          bpf_map__key_size(map),    bpf_map__value_size(map),
          bpf_map__max_entries(map), bpf_map__map_flags(map)};
}

Result<bpf_map*> find_map(const bpf_object* object, const std::string& name) {
  bpf_map* map = bpf_object__find_map_by_name(object, name.c_str());
  if (map == nullptr) return fail("the object has no map " + name);
  return map;
}

}  // namespace

void Object::Close::operator()(bpf_object* object) const {
  const LogCapture quiet;
  bpf_object__close(object);
}

Result<Object> Object::open(std::span<const std::uint8_t> bytes, const std::string& name) {
  const LogCapture log;
  LIBBPF_OPTS(bpf_object_open_opts, options);
  options.object_name = name.c_str();
  bpf_object* object = bpf_object__open_mem(bytes.data(), bytes.size(), &options);
  if (object == nullptr) {
    const int number = errno;
    return fail(fail_errno("read the BPF object", number).error().message + "\n" + log.text());
  }
  // Nobody maps .rodata into memory here, and a map that could be takes whole pages and one more.
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__is_internal(map))
      bpf_map__set_map_flags(map, bpf_map__map_flags(map) & ~std::uint32_t{BPF_F_MMAPABLE});
  }
  return Object(object);
}

std::vector<MapSpec> Object::maps() const {
  std::vector<MapSpec> result;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_.get()) {
    if (!bpf_map__is_internal(map)) result.push_back(spec_of(map));
  }
  return result;
}

bool Object::has_map(const std::string& name) const {
  return bpf_object__find_map_by_name(object_.get(), name.c_str()) != nullptr;
}

std::vector<std::string> Object::programs() const {
  std::vector<std::string> result;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object_.get()) {
    result.emplace_back(bpf_program__name(program));
  }
  return result;
}

bool Object::pins_itself(const std::string& map) const {
  const bpf_map* found = bpf_object__find_map_by_name(object_.get(), map.c_str());
  return found != nullptr && bpf_map__pin_path(found) != nullptr;
}

std::vector<ProgramSpec> Object::program_specs() const {
  std::vector<ProgramSpec> result;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object_.get()) {
    result.push_back({bpf_program__name(program),
                      static_cast<std::uint32_t>(bpf_program__type(program)),
                      {bpf_program__insns(program), bpf_program__insn_cnt(program)}});
  }
  return result;
}

Result<void> Object::set_max_entries(const std::string& map, std::uint32_t max_entries) {
  const auto found = find_map(object_.get(), map);
  if (!found) return std::unexpected(found.error());
  if (const int status = bpf_map__set_max_entries(*found, max_entries); status != 0) {
    return fail_errno("size map " + map, status);
  }
  return {};
}

Result<void> Object::reuse_map(const std::string& map, int fd) {
  const auto found = find_map(object_.get(), map);
  if (!found) return std::unexpected(found.error());
  const auto info = map_info(fd);
  if (!info) return std::unexpected(info.error());
  const MapSpec wanted = spec_of(*found);
  if (info->type != wanted.type || info->key_size != wanted.key_size ||
      info->value_size != wanted.value_size) {
    return fail("the object was made for another version: its map " + map + " has type " +
                std::to_string(wanted.type) + ", key " + std::to_string(wanted.key_size) +
                " and value " + std::to_string(wanted.value_size) + " bytes; the node's has type " +
                std::to_string(info->type) + ", " + std::to_string(info->key_size) + " and " +
                std::to_string(info->value_size));
  }
  const LogCapture log;
  if (const int status = bpf_map__reuse_fd(*found, fd); status != 0) {
    return fail(fail_errno("reuse map " + map, status).error().message + "\n" + log.text());
  }
  return {};
}

Result<void> Object::pin_map(const std::string& map, const std::filesystem::path& path) {
  const auto found = find_map(object_.get(), map);
  if (!found) return std::unexpected(found.error());
  if (const int status = bpf_map__set_pin_path(*found, path.c_str()); status != 0)
    return fail_errno("pin map " + map + " at " + path.string(), status);
  return {};
}

Result<void> Object::load() {
  const LogCapture log;
  if (const int status = bpf_object__load(object_.get()); status != 0) {
    return fail(fail_errno("load the object into the kernel", status).error().message + "\n" +
                log.text());
  }
  return {};
}

Result<int> Object::program_fd(const std::string& name) const {
  const bpf_program* program = bpf_object__find_program_by_name(object_.get(), name.c_str());
  if (program == nullptr) return fail("the object has no program " + name);
  const int fd = bpf_program__fd(program);
  if (fd < 0) return fail("program " + name + " is not loaded");
  return fd;
}

Result<int> Object::map_fd(const std::string& name) const {
  const auto found = find_map(object_.get(), name);
  if (!found) return std::unexpected(found.error());
  const int fd = bpf_map__fd(*found);
  if (fd < 0) return fail("map " + name + " is not loaded");
  return fd;
}

}  // namespace policyc::bpf
