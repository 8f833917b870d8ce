// The JSON that kubectl makes of a plain scalar: the table of go-yaml v2 and of Go's number
// formats.

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/unit/manifest/reading.h"

namespace policyc::manifest {
namespace {

struct ScalarCase {
  const char* yaml;
  ScalarType type;
  const char* json;  // without quotes for strings
};

std::string printed(ScalarType type) {
  Node node;
  node.type = type;
  return std::string(type_name(node));
}

void expect_scalars(std::initializer_list<ScalarCase> cases) {
  for (const ScalarCase& test : cases) {
    const Reading reading = read_body(std::string("x: ") + test.yaml + "\n");
    ASSERT_EQ(reading.documents.size(), 1U) << test.yaml << "\n" << reading.rendered();
    const Node* x = reading.documents[0].root.find("x");
    ASSERT_NE(x, nullptr) << test.yaml;
    EXPECT_EQ(printed(x->type), printed(test.type)) << test.yaml;
    EXPECT_EQ(x->text, test.json) << test.yaml;
  }
}

constexpr auto kNull = ScalarType::Null;
constexpr auto kBool = ScalarType::Bool;
constexpr auto kInt = ScalarType::Int;
constexpr auto kFloat = ScalarType::Float;
constexpr auto kString = ScalarType::String;

TEST(Scalars, Null) {
  expect_scalars({{"", kNull, ""},
                  {"~", kNull, ""},
                  {"null", kNull, ""},
                  {"Null", kNull, ""},
                  {"NULL", kNull, ""},
                  {"null # comment", kNull, ""},
                  {"nUll", kString, "nUll"},
                  {"'null'", kString, "null"},
                  {"nullable", kString, "nullable"},
                  {"null x", kString, "null x"}});
}

TEST(Scalars, Booleans) {
  for (const char* word :
       {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}) {
    expect_scalars({{word, kBool, "true"}});
  }
  for (const char* word :
       {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}) {
    expect_scalars({{word, kBool, "false"}});
  }
  expect_scalars({{"yES", kString, "yES"},
                  {"tRUE", kString, "tRUE"},
                  {"oN", kString, "oN"},
                  {"\"yes\"", kString, "yes"},
                  {"'off'", kString, "off"},
                  {"yess", kString, "yess"},
                  {"true false", kString, "true false"}});
}

TEST(Scalars, Integers) {
  expect_scalars({{"0", kInt, "0"},
                  {"-0", kInt, "0"},
                  {"+12", kInt, "12"},
                  {"-12", kInt, "-12"},
                  {"8080", kInt, "8080"},
                  {"1_000", kInt, "1000"},
                  {"1__0_", kInt, "10"},
                  {"_1", kString, "_1"},
                  {"9223372036854775807", kInt, "9223372036854775807"},
                  {"-9223372036854775808", kInt, "-9223372036854775808"}});
}

TEST(Scalars, IntegersInOtherBases) {
  expect_scalars({{"0777", kInt, "511"},
                  {"0o777", kInt, "511"},
                  {"0O17", kInt, "15"},
                  {"-0777", kInt, "-511"},
                  {"0x1F", kInt, "31"},
                  {"0X1f", kInt, "31"},
                  {"+0xff", kInt, "255"},
                  {"0xG", kString, "0xG"},
                  {"0x", kString, "0x"},
                  {"0b101", kInt, "5"},
                  {"0B11", kInt, "3"},
                  {"-0b11", kInt, "-3"},
                  {"0b-1", kInt, "-1"},
                  {"0b2", kString, "0b2"},
                  {"0b", kString, "0b"},
                  {"0o8", kString, "0o8"},
                  {"0x_ff", kInt, "255"}});
}

// "08" is no octal number, so go-yaml reads a float, and JSON writes it as 8.
TEST(Scalars, FloatsThatJsonWritesAsIntegers) {
  expect_scalars({{"08", kInt, "8"},
                  {"099", kInt, "99"},
                  {"80.0", kInt, "80"},
                  {"1.", kInt, "1"},
                  {"1e3", kInt, "1000"},
                  {"1E+3", kInt, "1000"},
                  {"12e03", kInt, "12000"},
                  {"-2.0", kInt, "-2"},
                  {"-0.0", kInt, "0"},
                  {"0.0", kInt, "0"},
                  {"5e-400", kInt, "0"}});
}

TEST(Scalars, Floats) {
  expect_scalars({{"1.5", kFloat, "1.5"},
                  {".5", kFloat, "0.5"},
                  {"+.5", kFloat, "0.5"},
                  {"-.5e1x", kString, "-.5e1x"},
                  {"1.5e-7", kFloat, "1.5e-7"},
                  {"0.000001", kFloat, "0.000001"},
                  {"1e-6", kFloat, "0.000001"},
                  {"1e21", kFloat, "1e+21"},
                  {"123456789.125", kFloat, "123456789.125"},
                  {"1_0.2_5", kFloat, "10.25"},
                  {"1e", kString, "1e"},
                  {"1.2.3", kString, "1.2.3"},
                  {".", kString, "."},
                  {"..5", kString, "..5"},
                  {".e5", kString, ".e5"},
                  {"._5", kString, "._5"},
                  {"1e999", kString, "1e999"}});
}

TEST(Scalars, IntegersBeyondInt64AreNumbers) {
  expect_scalars({{"9223372036854775808", kFloat, "9223372036854775808"},
                  {"18446744073709551615", kFloat, "18446744073709551615"},
                  {"18446744073709551616", kFloat, "18446744073709552000"},
                  {"-9223372036854775809", kFloat, "-9223372036854776000"},
                  {"0xffffffffffffffff", kFloat, "18446744073709551615"},
                  {"1000000000000000000000000", kFloat, "1e+24"}});
}

TEST(Scalars, WhatLooksLikeANumberAndIsText) {
  expect_scalars({{"10.0.0.0/8", kString, "10.0.0.0/8"},
                  {"1.2.3.4", kString, "1.2.3.4"},
                  {"12:30:45", kString, "12:30:45"},
                  {"2001-12-14", kString, "2001-12-14"},
                  {"2001-12-14T21:59:43Z", kString, "2001-12-14T21:59:43Z"},
                  {"1,000", kString, "1,000"},
                  {"+", kString, "+"},
                  {"1 2", kString, "1 2"},
                  {"0.0.0", kString, "0.0.0"},
                  {"--1", kString, "--1"},
                  {"+-1", kString, "+-1"},
                  {"-x", kString, "-x"},
                  {"1e3x", kString, "1e3x"},
                  {"=", kString, "="},
                  {"<<", kString, "<<"}});
}

TEST(Scalars, QuotedIsAString) {
  expect_scalars({{"\"80\"", kString, "80"},
                  {"'1.5'", kString, "1.5"},
                  {"\"\"", kString, ""},
                  {"''", kString, ""},
                  {"'it''s'", kString, "it's"},
                  {"\"a\\tb\\x41\\u00e9\"", kString, "a\tbA\xc3\xa9"}});
}

TEST(Scalars, BlockIsAString) {
  expect_scalars({{"|-\n  80", kString, "80"},
                  {"|\n  80", kString, "80\n"},
                  {">-\n  true\n  false", kString, "true false"},
                  {"|+\n  a\n\n", kString, "a\n\n\n"},
                  {">\n  a\n\n  b\n   c\n  d", kString, "a\nb\n c\nd\n"},
                  {"|2\n    a", kString, "  a\n"},
                  {"|\n", kString, ""},
                  {"|\n\n\n  a", kString, "\n\na\n"}});
}

TEST(Scalars, CoreTags) {
  expect_scalars({{"!!str 80", kString, "80"},
                  {"!!str yes", kString, "yes"},
                  {"!!str", kString, ""},
                  {"!!str null", kString, "null"},
                  {"!!int '80'", kInt, "80"},
                  {"!!float 80", kInt, "80"},
                  {"!!float 1.5", kFloat, "1.5"},
                  {"!!bool 'yes'", kBool, "true"},
                  {"!!null ''", kNull, ""},
                  {"!!null ~", kNull, ""},
                  {"!<tag:yaml.org,2002:str> 5", kString, "5"},
                  {"&a !!str 5", kString, "5"},
                  {"!!str &a 5", kString, "5"}});
}

TEST(Scalars, KeysBecomeStrings) {
  for (const auto& [yaml, key] :
       std::initializer_list<std::pair<const char*, const char*>>{{"80", "80"},
                                                                  {"0x10", "16"},
                                                                  {"1.5", "1.5"},
                                                                  {"yes", "true"},
                                                                  {"off", "false"},
                                                                  {"'yes'", "yes"},
                                                                  {"1e6", "1e+06"},
                                                                  {"100000.0", "100000"},
                                                                  {".inf", ".inf"},
                                                                  {"-.inf", "-.inf"},
                                                                  {".nan", ".nan"},
                                                                  {"0.00001", "1e-05"},
                                                                  {"!!str 5", "5"},
                                                                  {"2001-12-14", "2001-12-14"}}) {
    const Reading reading = read_body(std::string("x: {? ") + yaml + " : 1}\n");
    EXPECT_EQ(dump_x(reading), std::string("{") + key + ": 1}") << yaml << "\n"
                                                                << reading.rendered();
  }
}

}  // namespace
}  // namespace policyc::manifest
