#include "loader/endpoint/shapes.h"

#include <algorithm>
#include <charconv>

#include "compiler/driver/object_meta.h"
#include "compiler/support/sha256.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/object.h"
#include "loader/endpoint/datapath.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/object_check.h"

namespace policyc::endpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHashDigits = 32;
constexpr std::size_t kObjectDigits = 8;

std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::string> map_names(const ir::Shape& shape, std::size_t direction) {
  std::vector<std::string> names;
  if (shape.directions[direction].uses_rows()) names.push_back(rows_map_name(direction));
  if (shape.directions[direction].uses_matrix()) names.push_back(matrix_map_name(direction));
  return names;
}

// Elements of a rows map that reach class number `classes`.
std::uint32_t elements_for(std::uint32_t classes) { return classes / 4 + 1; }

Result<void> size_maps(bpf::Object& object, const ir::Shape& shape, const ShapeSizes& sizes) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    if (shape.directions[direction].uses_rows()) {
      auto sized = object.set_max_entries(rows_map_name(direction), elements_for(sizes.classes));
      if (!sized) return sized;
    }
    if (shape.directions[direction].uses_matrix()) {
      auto sized = object.set_max_entries(matrix_map_name(direction), sizes.matrix_rows[direction]);
      if (!sized) return sized;
    }
  }
  return {};
}

Result<void> pin_all(const bpf::Object& object, const ir::Shape& shape, const fs::path& directory) {
  if (auto made = bpf::ensure_directory(directory); !made) return made;
  for (const std::size_t direction : {0U, 1U}) {
    const std::string name(policy_program_name(direction));
    const auto fd = object.program_fd(name);
    if (!fd) return std::unexpected(fd.error());
    if (auto pinned = bpf::pin(*fd, directory / name); !pinned) return pinned;
  }
  for (std::size_t direction = 0; direction < 2; ++direction) {
    for (const std::string& name : map_names(shape, direction)) {
      const auto fd = object.map_fd(name);
      if (!fd) return std::unexpected(fd.error());
      if (auto pinned = bpf::pin(*fd, directory / name); !pinned) return pinned;
    }
  }
  return {};
}

// A shape's files are read only while it is pinned, and pins do not outlive the machine: flushing
// them, which would cost more than the rest of a load, would gain nothing.
Result<void> keep_object(const Paths& paths, const std::string& key,
                         std::span<const std::uint8_t> bytes) {
  const fs::path file = paths.object_file(key);
  const auto present = read_file(file);
  if (!present) return std::unexpected(present.error());
  if (*present && **present == as_text(bytes)) return {};
  return write_file(file, as_text(bytes), Flush::No);
}

Result<LoadedShape> open_pins(const Paths& paths, const std::string& key, ir::Shape shape) {
  LoadedShape loaded{key, std::move(shape), {}, {}, false};
  const fs::path directory = paths.shape(key);
  for (std::size_t direction = 0; direction < 2; ++direction) {
    auto program = bpf::open_pinned(directory / policy_program_name(direction));
    if (!program) return std::unexpected(program.error());
    loaded.programs[direction] = std::move(*program);
    RowMaps& maps = loaded.maps[direction];
    for (const std::string& name : map_names(loaded.shape, direction)) {
      auto fd = bpf::open_pinned(directory / name);
      if (!fd) return std::unexpected(fd.error());
      bpf::MapHandle handle(name, std::move(*fd));
      const auto info = handle.info();
      if (!info) return std::unexpected(info.error());
      if (name == matrix_map_name(direction)) {
        maps.matrix = std::move(handle);
      } else if (info->value_size == sizeof(policy_rows_value)) {
        maps.rows = bpf::Map<std::uint32_t, policy_rows_value>(std::move(handle));
      } else {
        return fail("map " + (directory / name).string() + " is of another version");
      }
    }
  }
  return loaded;
}

}  // namespace

Result<ir::Shape> read_shape(std::span<const std::uint8_t> object) {
  return driver::read_meta(object);
}

std::string shape_key(const ir::Shape& shape, std::span<const std::uint8_t> object,
                      std::uint32_t generation) {
  const std::string key = shape.hash.substr(0, kHashDigits) + "_" +
                          sha256_hex(as_text(object)).substr(0, kObjectDigits);
  return generation == 1 ? key : key + "_" + std::to_string(generation);
}

std::string first_key(const std::string& key) {
  const auto hash = key.find('_');
  return hash == std::string::npos ? key : key.substr(0, key.find('_', hash + 1));
}

std::string next_key(const std::string& key) {
  const std::string first = first_key(key);
  if (key == first) return first + "_2";
  std::uint32_t generation = 1;
  std::from_chars(key.data() + first.size() + 1, key.data() + key.size(), generation);
  return first + "_" + std::to_string(generation + 1);
}

Result<ShapeSizes> capacity_of(const LoadedShape& shape) {
  ShapeSizes sizes{0, {0, 0}};
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const ir::DirectionShape& part = shape.shape.directions[direction];
    if (part.uses_rows()) {
      const auto rows = shape.maps[direction].rows.handle().info();
      if (!rows) return std::unexpected(rows.error());
      const std::uint32_t classes = rows->max_entries * 4 - 1;
      sizes.classes = sizes.classes == 0 ? classes : std::min(sizes.classes, classes);
    }
    if (part.uses_matrix()) {
      const auto matrix = shape.maps[direction].matrix.info();
      if (!matrix) return std::unexpected(matrix.error());
      sizes.matrix_rows[direction] = matrix->max_entries;
    }
  }
  return sizes;
}

Result<bool> has_room(const LoadedShape& shape, const ShapeSizes& needed) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const ir::DirectionShape& part = shape.shape.directions[direction];
    if (part.uses_rows()) {
      const auto rows = shape.maps[direction].rows.handle().info();
      if (!rows) return std::unexpected(rows.error());
      if (rows->max_entries < elements_for(needed.classes)) return false;
    }
    if (part.uses_matrix()) {
      const auto matrix = shape.maps[direction].matrix.info();
      if (!matrix) return std::unexpected(matrix.error());
      std::uint32_t rows = needed.matrix_rows[direction];
      if (part.form == ir::Form::Table) rows = std::min(rows, ir::kMaxRows + 1);
      if (matrix->max_entries < rows) return false;
    }
  }
  return true;
}

Result<LoadedShape> ensure_shape(const Paths& paths, const maps::NodeMaps& maps,
                                 const std::string& key, const ir::Shape& shape,
                                 std::span<const std::uint8_t> bytes, const ShapeSizes& sizes) {
  if (auto made = make_directory(paths.shape_files()); !made) return std::unexpected(made.error());
  if (auto written = write_file(paths.shape_file(key), ir::to_json(shape), Flush::No); !written) {
    return std::unexpected(written.error());
  }
  if (auto kept = keep_object(paths, first_key(key), bytes); !kept)
    return std::unexpected(kept.error());
  if (bpf::exists(paths.shape(key))) return open_pins(paths, key, shape);

  if (auto checked = check_policy_file(bytes); !checked) return std::unexpected(checked.error());
  auto object = bpf::Object::open(bytes, "policyc");
  if (!object) return std::unexpected(object.error());
  if (auto checked = check_policy_object(*object, shape); !checked)
    return std::unexpected(checked.error());
  if (auto shared = maps.share_with(*object); !shared) return std::unexpected(shared.error());
  if (auto sized = size_maps(*object, shape, sizes); !sized) return std::unexpected(sized.error());
  if (auto loaded = object->load(); !loaded) return std::unexpected(loaded.error());
  const fs::path half_made = paths.shapes() / (key + std::string(bpf::kHalfMade));
  if (auto removed = bpf::remove_tree(half_made); !removed) return std::unexpected(removed.error());
  if (auto pinned = pin_all(*object, shape, half_made); !pinned)
    return std::unexpected(pinned.error());
  if (auto renamed = bpf::rename(half_made, paths.shape(key)); !renamed)
    return std::unexpected(renamed.error());
  auto opened = open_pins(paths, key, shape);
  if (opened) opened->created = true;
  return opened;
}

Result<LoadedShape> open_shape(const Paths& paths, const std::string& key) {
  auto shape = describe_shape(paths, key);
  if (!shape) return std::unexpected(shape.error());
  return open_pins(paths, key, std::move(*shape));
}

Result<ir::Shape> describe_shape(const Paths& paths, const std::string& key) {
  const auto text = read_file(paths.shape_file(key));
  if (!text) return std::unexpected(text.error());
  if (!*text) return fail(paths.shape_file(key).string() + " is missing");
  auto shape = ir::shape_from_json(**text);
  if (!shape) return fail(paths.shape_file(key).string() + " is damaged: " + shape.error().message);
  return shape;
}

Result<std::vector<std::uint8_t>> read_object(const Paths& paths, const std::string& key,
                                              const ir::Shape& shape) {
  const fs::path file = paths.object_file(first_key(key));
  const auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  if (!*text) return fail(file.string() + " is missing");
  std::vector<std::uint8_t> bytes((*text)->begin(), (*text)->end());
  if (shape_key(shape, bytes) != first_key(key)) return fail(file.string() + " is damaged");
  return bytes;
}

Result<void> remove_shape(const Paths& paths, const std::string& key) {
  if (auto removed = bpf::remove_at_once(paths.shape(key)); !removed) return removed;
  return remove_file(paths.shape_file(key));
}

std::vector<std::string> list_shapes(const Paths& paths) { return bpf::list(paths.shapes()); }

}  // namespace policyc::endpoint
