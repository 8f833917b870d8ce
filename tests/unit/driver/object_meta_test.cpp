// What an object says of its policy: taken back exactly, refused when it is anything else.
#include "compiler/driver/object_meta.h"

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/abi/abi.h"
#include "tests/unit/ir/sample.h"

namespace policyc::driver {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Sections = std::vector<std::pair<std::string, std::string>>;

const backend::Bytes& plain_object() {
  static const backend::Bytes bytes =
      backend::compile("f.c", "int f(void) { return 1; }", backend::Output::Object).value().output;
  return bytes;
}

ir::Shape shape_of(std::uint32_t seed) {
  ir::EndpointPolicy policy = ir::testing::RandomPolicy(seed).policy(6, 3 + seed % 3);
  policy.subject = "subject \"" + std::to_string(seed) + "\"";
  return ir::make_shape(policy);
}

std::string text_of(const backend::Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

Sections sections_of(const ir::Shape& shape) {
  const auto found =
      backend::read_sections(write_meta(plain_object(), shape).value(), kMetaPrefix).value();
  Sections sections;
  for (const auto& [name, bytes] : found) sections.emplace_back(name, text_of(bytes));
  return sections;
}

// An object with these sections, whatever they are; a name may come twice.
backend::Bytes object_with(const Sections& sections) {
  backend::Bytes object = plain_object();
  std::map<std::string, int> seen;
  std::vector<std::pair<std::string, std::string>> renamed;
  for (const auto& [name, text] : sections) {
    std::string unique = name;
    // The same length, to be renamed in the bytes afterwards.
    if (seen[name]++ > 0) {
      unique.back() = '?';
      renamed.emplace_back(unique, name);
    }
    const auto* data = reinterpret_cast<const std::uint8_t*>(text.data());
    object = backend::add_section(object, unique, {data, text.size()}).value();
  }
  std::string bytes = text_of(object);
  for (const auto& [from, to] : renamed) bytes.replace(bytes.rfind(from), from.size(), to);
  return {bytes.begin(), bytes.end()};
}

std::string error_of(const Sections& sections) {
  const auto shape = read_meta(object_with(sections));
  EXPECT_FALSE(shape);
  return shape ? std::string() : shape.error().message;
}

TEST(ObjectMeta, IsTakenBackExactly) {
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    const ir::Shape shape = shape_of(seed);
    const auto object = write_meta(plain_object(), shape);
    ASSERT_TRUE(object);
    const auto back = read_meta(*object);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(ir::to_json(*back), ir::to_json(shape));
    EXPECT_EQ(back->hash, shape.hash);
  }
}

TEST(ObjectMeta, LiesInFourSections) {
  const ir::Shape shape = shape_of(1);
  const Sections sections = sections_of(shape);
  ASSERT_EQ(sections.size(), 4U);
  EXPECT_EQ(sections[0],
            std::pair(std::string(kAbiSection), std::string({char{POLICYC_ABI_VERSION}, 0, 0, 0})));
  EXPECT_EQ(sections[1], std::pair(std::string(kHashSection), shape.hash));
  EXPECT_EQ(sections[2].first, kPredicatesSection);
  EXPECT_THAT(sections[2].second, AllOf(::testing::StartsWith("["), HasSubstr("\"requirements\"")));
  EXPECT_EQ(sections[3].first, kRulesSection);
  EXPECT_THAT(sections[3].second, AllOf(::testing::StartsWith("{\"subject\":\"subject \\\"1\\\"\""),
                                        HasSubstr("\"ingress\":{"), HasSubstr("\"egress\":{"),
                                        ::testing::Not(HasSubstr("\"hash\""))));
}

TEST(ObjectMeta, IsWrittenOnce) {
  const auto object = write_meta(plain_object(), shape_of(1));
  EXPECT_FALSE(write_meta(*object, shape_of(2)));
}

TEST(ObjectMeta, AnotherAbiIsSaidBeforeAnythingElseIsRead) {
  const Sections garbage{{std::string(kAbiSection), std::string("\x07\x01\0\0", 4)},
                         {std::string(kHashSection), "garbage"},
                         {".policyc.future", "of which nothing is known"}};
  for (const Sections& sections : {garbage, Sections{garbage[0]}}) {
    EXPECT_THAT(error_of(sections),
                AllOf(HasSubstr("ABI version 263"),
                      HasSubstr("speaks " + std::to_string(POLICYC_ABI_VERSION))));
  }
  ir::Shape shape = shape_of(1);
  shape.abi_version = 99;
  const auto old = read_meta(write_meta(plain_object(), shape).value());
  ASSERT_FALSE(old);
  EXPECT_THAT(old.error().message, HasSubstr("ABI version 99"));
}

TEST(ObjectMeta, ObjectsOfOthersAreRefused) {
  EXPECT_THAT(read_meta(plain_object()).error().message, HasSubstr("not an object of policyc"));
  EXPECT_FALSE(read_meta({}));
  EXPECT_FALSE(read_meta(std::vector<std::uint8_t>{1, 2, 3}));
}

TEST(ObjectMeta, EachSectionIsNeededOnceAndInItsPlace) {
  const Sections good = sections_of(shape_of(1));
  ASSERT_TRUE(read_meta(object_with(good)));
  for (std::size_t i = 0; i < good.size(); ++i) {
    Sections sections = good;
    sections.erase(sections.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(error_of(sections).empty()) << "without " << good[i].first;
    sections = good;
    sections.push_back(good[i]);
    EXPECT_FALSE(error_of(sections).empty()) << "twice " << good[i].first;
    for (std::size_t j = 0; j < i; ++j) {
      sections = good;
      std::swap(sections[i], sections[j]);
      EXPECT_FALSE(error_of(sections).empty()) << good[i].first << " before " << good[j].first;
      sections = good;
      std::swap(sections[i].second, sections[j].second);
      EXPECT_FALSE(error_of(sections).empty()) << good[i].first << " in " << good[j].first;
    }
  }
  Sections sections = good;
  sections.emplace_back(".policyc.more", "");
  EXPECT_FALSE(error_of(sections).empty());
}

TEST(ObjectMeta, ASectionOfAnotherObjectIsRefused) {
  const Sections good = sections_of(shape_of(1));
  const Sections other = sections_of(shape_of(2));
  for (const std::size_t i : {1U, 2U, 3U}) {
    ASSERT_NE(good[i].second, other[i].second);
    Sections sections = good;
    sections[i] = other[i];
    EXPECT_FALSE(error_of(sections).empty()) << good[i].first;
  }
  Sections sections = good;
  sections[1] = other[1];
  EXPECT_THAT(error_of(sections), HasSubstr("hash does not match"));
}

TEST(ObjectMeta, EveryTruncationAndChangedByteIsRefused) {
  ir::EndpointPolicy policy = ir::testing::RandomPolicy(3).policy(2, 2);
  const Sections good = sections_of(ir::make_shape(policy));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (std::size_t at = 0; at < good[i].second.size(); ++at) {
      Sections sections = good;
      sections[i].second.resize(at);
      EXPECT_FALSE(error_of(sections).empty()) << good[i].first << " " << at;
      sections = good;
      sections[i].second[at] = static_cast<char>(sections[i].second[at] ^ 1);
      EXPECT_FALSE(error_of(sections).empty()) << good[i].first << " " << at;
    }
    Sections sections = good;
    sections[i].second += ' ';
    EXPECT_FALSE(error_of(sections).empty()) << good[i].first << " and a blank";
  }
}

// Parts that make a good whole only together, and JSON that is meant to hurt.
TEST(ObjectMeta, HostileJsonIsRefused) {
  const Sections good = sections_of(shape_of(1));
  const auto with = [&good](std::size_t index, const std::string& text) {
    Sections sections = good;
    sections[index].second = text;
    return error_of(sections);
  };
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  for (const std::size_t index : {1U, 2U, 3U}) {
    for (const std::string& text :
         {std::string(), std::string("null"), std::string("[]"), std::string("{}"),
          std::string("\xff\xfe"), deep, std::string("{\"subject\":") + deep + "}"})
      EXPECT_FALSE(with(index, text).empty());
  }
  EXPECT_THAT(with(2, deep), HasSubstr("too deep"));
  const std::string& rules = good[3].second;
  for (const char* key : {"abiVersion", "predicates", "hash", "extra"}) {
    EXPECT_FALSE(with(3, "{\"" + std::string(key) + "\":1," + rules.substr(1)).empty()) << key;
    EXPECT_FALSE(
        with(3, rules.substr(0, rules.size() - 1) + ",\"" + std::string(key) + "\":1}").empty())
        << key;
  }
  EXPECT_FALSE(with(3, rules.substr(0, rules.size() - 1) + ",\"subject\":\"x\"}").empty());
}

}  // namespace
}  // namespace policyc::driver
