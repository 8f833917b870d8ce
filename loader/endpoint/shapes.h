#pragma once
// Shapes in the kernel: the policy programs and the maps of each, pinned under
// <bpffs>/shapes/<key>, loaded once whatever the number of endpoints. The key is the policy's hash
// and that of the object's bytes, so that what another policyc made of a policy is another shape. A
// shape whose maps became too small is loaded a second time as `<key>_2`, and so on.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/shape.h"
#include "compiler/support/result.h"
#include "loader/bpf/info.h"
#include "loader/endpoint/paths.h"
#include "loader/endpoint/rows.h"
#include "loader/maps/node_maps.h"

namespace policyc::endpoint {

struct LoadedShape {
  std::string key;
  ir::Shape shape;
  std::array<bpf::Fd, 2> programs;  // by policyc_direction
  std::array<RowMaps, 2> maps;      // by policyc_direction
  bool created = false;             // this call loaded it
};

// Room in a shape's maps, fixed once it is loaded.
struct ShapeSizes {
  std::uint32_t classes = 65536;
  std::array<std::uint32_t, 2> matrix_rows{256, 256};  // by policyc_direction
};

// Whether the maps of a loaded shape have that room.
[[nodiscard]] Result<bool> has_room(const LoadedShape& shape, const ShapeSizes& needed);

// The shape that an object carries; an Error for an object of another ABI or without metadata.
[[nodiscard]] Result<ir::Shape> read_shape(std::span<const std::uint8_t> object);
// `generation` counts from 1.
[[nodiscard]] std::string shape_key(const ir::Shape& shape, std::span<const std::uint8_t> object,
                                    std::uint32_t generation = 1);

// Opens the shape if it is loaded; else loads it. It becomes visible under its key in one step,
// complete.
[[nodiscard]] Result<LoadedShape> ensure_shape(const Paths& paths, const maps::NodeMaps& maps,
                                               const std::string& key, const ir::Shape& shape,
                                               std::span<const std::uint8_t> object,
                                               const ShapeSizes& sizes);
[[nodiscard]] Result<LoadedShape> open_shape(const Paths& paths, const std::string& key);
// What a shape says of itself: <state>/shapes/<key>.json.
[[nodiscard]] Result<ir::Shape> describe_shape(const Paths& paths, const std::string& key);
[[nodiscard]] Result<void> remove_shape(const Paths& paths, const std::string& key);
// Keys under <bpffs>/shapes, half-made ones too.
[[nodiscard]] std::vector<std::string> list_shapes(const Paths& paths);

}  // namespace policyc::endpoint
