#pragma once
// Shapes in the kernel: the policy programs and the maps of each, pinned under
// <bpffs>/shapes/<key>, loaded once whatever the number of endpoints. The key is the policy's hash
// and that of the object's bytes, so that what another policyc made of a policy is another shape. A
// shape whose maps became too small is loaded a second time as `<key>_2`, and so on, from the
// object that is kept in <state>/shapes/<key>.o.

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
  std::uint32_t classes = 0;                       // the largest number
  std::array<std::uint32_t, 2> matrix_rows{1, 1};  // by policyc_direction; with row 0
};

// The maps of a loaded shape: element counts in terms of ShapeSizes, 0 where its form needs none.
[[nodiscard]] Result<ShapeSizes> capacity_of(const LoadedShape& shape);
// Whether the maps of a loaded shape have that room, or all that a table can number.
[[nodiscard]] Result<bool> has_room(const LoadedShape& shape, const ShapeSizes& needed);

// The shape that an object carries; an Error for an object of another ABI or without metadata.
[[nodiscard]] Result<ir::Shape> read_shape(std::span<const std::uint8_t> object);
// `generation` counts from 1.
[[nodiscard]] std::string shape_key(const ir::Shape& shape, std::span<const std::uint8_t> object,
                                    std::uint32_t generation = 1);
// The key of the first generation.
[[nodiscard]] std::string first_key(const std::string& key);
// The key of the generation after this one.
[[nodiscard]] std::string next_key(const std::string& key);

// Opens the shape if it is loaded; else loads it. It becomes visible under its key in one step,
// complete. The object is kept for read_object().
[[nodiscard]] Result<LoadedShape> ensure_shape(const Paths& paths, const maps::NodeMaps& maps,
                                               const std::string& key, const ir::Shape& shape,
                                               std::span<const std::uint8_t> object,
                                               const ShapeSizes& sizes);
[[nodiscard]] Result<LoadedShape> open_shape(const Paths& paths, const std::string& key);
// What a shape says of itself: <state>/shapes/<key>.json.
[[nodiscard]] Result<ir::Shape> describe_shape(const Paths& paths, const std::string& key);
// The object that a shape was loaded from; an Error when it is not there or not the same.
[[nodiscard]] Result<std::vector<std::uint8_t>> read_object(const Paths& paths,
                                                            const std::string& key,
                                                            const ir::Shape& shape);
// The object stays: other generations may need it.
[[nodiscard]] Result<void> remove_shape(const Paths& paths, const std::string& key);
// Keys under <bpffs>/shapes, half-made ones too.
[[nodiscard]] std::vector<std::string> list_shapes(const Paths& paths);

}  // namespace policyc::endpoint
