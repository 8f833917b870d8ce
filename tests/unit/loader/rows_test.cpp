// loader/endpoint/rows: what the maps hold decides as the shape does.

#include "loader/endpoint/rows.h"

#include <bit>

#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "loader/endpoint/shape_sizes.h"
#include "tests/unit/loader/sandbox.h"
#include "tests/unit/loader/shapes.h"

namespace policyc::testing {
namespace {

using endpoint::ClassRow;

class RowsTest : public KernelTest {
 protected:
  static endpoint::RowMaps make_maps(const ir::Shape& shape, std::uint32_t elements,
                                     std::uint32_t rows) {
    endpoint::RowMaps maps;
    maps.rows = decltype(maps.rows)(must(bpf::MapHandle::create(
        {"policy_rows_in", BPF_MAP_TYPE_ARRAY, 4, sizeof(policy_rows_value), elements, 0})));
    const auto width = static_cast<std::uint32_t>(shape.directions[0].row_bytes());
    maps.matrix =
        must(bpf::MapHandle::create({"policy_matrix_in", BPF_MAP_TYPE_ARRAY, 4, width, rows, 0}));
    return maps;
  }
  static std::uint16_t row_of(const endpoint::RowMaps& maps, std::uint32_t peer_class) {
    return must(maps.rows.lookup(peer_class >> 2U))->row[peer_class & 3U];
  }
  // As the generated code does it.
  static std::uint32_t decide(const ir::Shape& shape, const endpoint::RowMaps& maps,
                              std::uint32_t peer_class, std::uint16_t port) {
    std::vector<std::uint8_t> cells(shape.directions[0].row_bytes());
    const std::uint32_t row = row_of(maps, peer_class);
    must(maps.matrix.lookup_raw(&row, cells.data()));
    return shape.directions[0].decisions[cells[shape.directions[0].matrix.column_of(6, port)]];
  }
};

TEST_F(RowsTest, TableDecidesAsTheShape) {
  const ir::Shape shape = peers_shape(9);
  ASSERT_EQ(shape.directions[0].form, ir::Form::Table);
  const auto maps = make_maps(shape, 8, 64);
  std::vector<ClassRow> classes;
  for (std::uint32_t i = 0; i < 12; ++i)
    classes.push_back(row_of_class(shape, app("p" + std::to_string(i)), i + 1));
  EXPECT_EQ(must(endpoint::extend_rows(shape, 0, maps, classes)), 0U);
  for (std::uint32_t i = 0; i < 12; ++i) {
    const auto labels = app("p" + std::to_string(i));
    for (std::uint16_t port = 999; port < 1011; ++port) {
      EXPECT_EQ(decide(shape, maps, i + 1, port), shape.decide(0, labels, 6, port))
          << labels.to_string() << " port " << port;
    }
  }
  EXPECT_EQ(endpoint::matrix_rows(shape, 0, classes), 9U);
  EXPECT_EQ(row_of(maps, 0), 0U) << "the unknown class";
  EXPECT_EQ(row_of(maps, 12), 0U) << "no rule knows app=p11: default deny";
}

TEST_F(RowsTest, LaterClassesShareRowsAndLeaveOthersAlone) {
  const ir::Shape shape = peers_shape(9);
  const auto maps = make_maps(shape, 8, 64);
  EXPECT_EQ(must(endpoint::extend_rows(
                shape, 0, maps,
                std::vector{row_of_class(shape, app("p1"), 1), row_of_class(shape, app("p2"), 2)})),
            0U);
  const auto row1 = row_of(maps, 1);
  const auto row2 = row_of(maps, 2);
  policy::LabelSet twin = app("p1");
  twin.add({"k8s", "zone", "b"});
  EXPECT_EQ(must(endpoint::extend_rows(
                shape, 0, maps,
                std::vector{row_of_class(shape, twin, 3), row_of_class(shape, app("p3"), 4)})),
            0U);
  EXPECT_EQ(row_of(maps, 3), row1);
  EXPECT_EQ(row_of(maps, 1), row1);
  EXPECT_EQ(row_of(maps, 2), row2);
  EXPECT_EQ(decide(shape, maps, 4, 1003), shape.decide(0, app("p3"), 6, 1003));
}

TEST_F(RowsTest, ComparesRowsCarryThePredicates) {
  const ir::Shape shape = peers_shape(2);
  ASSERT_EQ(shape.directions[0].form, ir::Form::Compares);
  const auto maps = make_maps(shape, 8, 1);
  EXPECT_EQ(must(endpoint::extend_rows(
                shape, 0, maps,
                std::vector{row_of_class(shape, app("p1"), 5), row_of_class(shape, app("x"), 6)})),
            0U);
  EXPECT_EQ(row_of(maps, 5), shape.bit_row(0, shape.truth(0, app("p1"))));
  EXPECT_EQ(row_of(maps, 6), shape.bit_row(0, shape.truth(0, app("x"))));
  EXPECT_NE(row_of(maps, 6), 0U) << "known, with no predicate true";
  EXPECT_EQ(row_of(maps, 7), 0U) << "nobody wrote it";
}

TEST_F(RowsTest, ClassesWithoutRoomAreDeniedAndCounted) {
  const ir::Shape shape = peers_shape(9);
  const auto narrow = make_maps(shape, 8, 3);
  const std::vector classes{row_of_class(shape, app("p1"), 1), row_of_class(shape, app("p2"), 2),
                            row_of_class(shape, app("p3"), 3)};
  EXPECT_EQ(must(endpoint::extend_rows(shape, 0, narrow, classes)), 1U);
  EXPECT_EQ(decide(shape, narrow, 2, 1002), shape.decide(0, app("p2"), 6, 1002));
  EXPECT_EQ(row_of(narrow, 3), 0U);
  EXPECT_FALSE(endpoint::write_rows(shape, 0, narrow, classes));

  const auto small = make_maps(shape, 2, 64);
  const std::vector far{row_of_class(shape, app("p1"), 8), row_of_class(shape, app("p2"), 7)};
  EXPECT_EQ(must(endpoint::extend_rows(shape, 0, small, far)), 1U);
  EXPECT_EQ(decide(shape, small, 7, 1002), shape.decide(0, app("p2"), 6, 1002));
}

TEST_F(RowsTest, AMatrixOfAnotherWidthIsRefused) {
  const ir::Shape shape = peers_shape(9);
  const ir::Shape wider = peers_shape(40);
  const auto maps = make_maps(shape, 8, 64);
  EXPECT_FALSE(
      endpoint::write_rows(wider, 0, maps, std::vector{row_of_class(wider, app("p1"), 1)}));
}

TEST_F(RowsTest, AnotherGenerationTakesOverWhatAClassHad) {
  const ir::Shape shape = peers_shape(9);
  const auto small = make_maps(shape, 2, 8);
  const auto large = make_maps(shape, 8, 64);
  must(endpoint::write_rows(
      shape, 0, small,
      std::vector{row_of_class(shape, app("p1"), 1), row_of_class(shape, app("p2"), 2)}));
  auto writer = must(endpoint::RowWriter::open(shape, 0, large));
  must(writer.write(std::vector{row_of_class(shape, app("p3"), 3)}));
  must(writer.copy(small, std::vector<std::uint32_t>{2, 5, 400}));
  EXPECT_EQ(decide(shape, large, 2, 1002), shape.decide(0, app("p2"), 6, 1002));
  EXPECT_EQ(decide(shape, large, 3, 1003), shape.decide(0, app("p3"), 6, 1003));
  EXPECT_EQ(row_of(large, 1), 0U) << "not asked for";
  EXPECT_EQ(row_of(large, 5), 0U) << "it had none";
}

TEST(ShapeSizes, RoomIsModestAndEndsWhereATableDoes) {
  const ir::Shape table = peers_shape(9);
  const auto small = endpoint::roomy_sizes(table, {10, {5, 1}});
  EXPECT_EQ(small.classes, endpoint::kDefaultMinClasses);
  EXPECT_EQ(small.matrix_rows[0], 5U + 1U + 16U);
  EXPECT_EQ(endpoint::roomy_sizes(table, {1000, {5, 1}}).classes, 2000U);
  EXPECT_EQ(endpoint::roomy_sizes(table, {10, {5, 1}}, 5000).classes, 5000U);
  const endpoint::ShapeSizes most{70000, {ir::kMaxRows + 1, 1}};
  EXPECT_EQ(endpoint::roomy_sizes(table, most).matrix_rows[0], ir::kMaxRows + 1);
  EXPECT_FALSE(endpoint::is_beyond_table(table, most));
  EXPECT_TRUE(endpoint::is_beyond_table(table, {70000, {ir::kMaxRows + 2, 1}}));
}

TEST(ShapeSizes, GenerationsAreCounted) {
  EXPECT_EQ(endpoint::next_key("ab_cd"), "ab_cd_2");
  EXPECT_EQ(endpoint::next_key("ab_cd_2"), "ab_cd_3");
  EXPECT_EQ(endpoint::next_key("ab_cd_9"), "ab_cd_10");
  EXPECT_EQ(endpoint::first_key("ab_cd_10"), "ab_cd");
  EXPECT_EQ(endpoint::first_key("ab_cd"), "ab_cd");
}

}  // namespace
}  // namespace policyc::testing
