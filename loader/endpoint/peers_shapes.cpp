// Shapes that come and go beside the peers that are known (peers.h).

#include <algorithm>
#include <utility>

#include "loader/endpoint/peers.h"

namespace policyc::endpoint {

const LoadedShape* NodePeers::find_shape(std::string_view key) const {
  const auto found = std::ranges::find(shapes_, key, &LoadedShape::key);
  return found == shapes_.end() ? nullptr : &*found;
}

Result<void> NodePeers::open_rows(const LoadedShape& shape) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const ir::DirectionShape& part = shape.shape.directions[direction];
    if (!part.uses_rows() && !part.uses_matrix()) continue;
    auto writer = RowWriter::open(shape.shape, direction, shape.maps[direction]);
    if (!writer) return std::unexpected(writer.error());
    rows_.push_back({&shape, direction, std::move(*writer)});
  }
  return {};
}

Result<std::size_t> NodePeers::write_rows(Rows& rows,
                                          std::span<const identity::PeerClass> classes) {
  return rows.writer.write(
      classes_.rows(rows.shape->key, rows.shape->shape, rows.direction, classes));
}

Result<void> NodePeers::ask(const std::string& key, const ir::Shape& shape) {
  auto added = classes_.add_shape(key, shape);
  changed_ = changed_ || classes_.moves() != written_moves_;
  return added;
}

ShapeSizes NodePeers::needed_sizes(const std::string& key, const ir::Shape& shape) const {
  return endpoint::needed_sizes(shape, key, classes_);
}

Result<void> NodePeers::adopt(std::vector<LoadedShape> shapes) {
  const std::size_t before = rows_.size();
  for (LoadedShape& shape : shapes) {
    if (auto opened = open_rows(shapes_.emplace_back(std::move(shape))); !opened) return opened;
  }
  const auto all = classes_.all();
  const auto created = classes_.created();
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const auto& classes = i < before ? created : all;
    if (classes.empty()) continue;
    const auto starved = write_rows(rows_[i], classes);
    if (!starved) return std::unexpected(starved.error());
    if (*starved != 0) return fail("the maps of shape " + rows_[i].shape->key + " are too small");
  }
  return {};
}

void NodePeers::forget(const std::string& key) {
  classes_.remove_shape(key);
  changed_ = changed_ || classes_.moves() != written_moves_;
  std::erase_if(rows_, [&key](const Rows& rows) { return rows.shape->key == key; });
  std::erase_if(shapes_, [&key](const LoadedShape& shape) { return shape.key == key; });
}

Result<void> NodePeers::move_world(const std::array<policy::LabelSet, 2>& world) {
  auto config = maps_->config();
  if (!config) return std::unexpected(config.error());
  std::array<identity::PeerClass, 2> classes{};
  for (std::size_t family = 0; family < world.size(); ++family) {
    const auto member = members_.find(world[family]);
    if (member == members_.end()) return fail("the world has no identity");
    classes[family] = classes_.partition().class_of(member->second.number);
  }
  if (config->world4_class == classes[0] && config->world6_class == classes[1]) return {};
  config->world4_class = classes[0];
  config->world6_class = classes[1];
  return maps_->set_config(*config);
}

Result<std::size_t> NodePeers::move_addresses(const std::array<policy::LabelSet, 2>& world) {
  if (auto moved = move_world(world); !moved) return std::unexpected(moved.error());
  std::vector<std::pair<IpPrefix, maps::IpCacheEntry>> moves;
  if (std::exchange(written_moves_, classes_.moves()) == classes_.moves()) return moves.size();
  for (auto& [prefix, address] : addresses_) {
    const auto now = classes_.partition().class_of(address.member->second.number);
    if (address.entry.peer_class == now) continue;
    address.entry.peer_class = now;
    moves.emplace_back(prefix, address.entry);
  }
  if (auto put = maps::put_addresses(*maps_, moves); !put) return std::unexpected(put.error());
  return moves.size();
}

}  // namespace policyc::endpoint
