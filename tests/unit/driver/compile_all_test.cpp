#include "compiler/driver/compile_all.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/abi/abi.h"

namespace policyc::driver {
namespace {

using ::testing::SizeIs;

constexpr const char* kPolicies = R"(apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: NAME, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: NAME}}
  ingress:
    - fromEndpoints: [{matchLabels: {app: a}}]
      toPorts: [{ports: [{port: "80", protocol: TCP}]}]
    - fromEndpoints: [{matchLabels: {app: b}}]
      toPorts: [{ports: [{port: "81", protocol: TCP}]}]
    - fromEndpoints: [{matchLabels: {app: c}}]
      toPorts: [{ports: [{port: "82", protocol: TCP}]}]
)";

constexpr const char* kPod = R"(apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: shop, labels: {app: NAME}}
status: {podIP: 10.0.0.ADDRESS}
)";

std::string with(std::string text, const std::string& key, const std::string& value) {
  for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + value.size()))
    text.replace(at, key.size(), value);
  return text;
}

Compilation compiled(std::size_t policies, CompileOptions options = {}) {
  std::string text, pods = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
  for (std::size_t i = 0; i < policies; ++i)
    text += "---\n" + with(kPolicies, "NAME", "web" + std::to_string(i));
  int address = 1;
  for (const char* name : {"web0", "a", "b", "c", "d"}) {
    pods += "---\n" + with(with(kPod, "NAME", name), "ADDRESS", std::to_string(address++));
  }
  std::vector<InputText> inventory;
  if (options.has_inventory) inventory.push_back({"pods.yaml", pods});
  Compilation result(std::move(options));
  EXPECT_TRUE(result.parse({{"policies.yaml", text}}, std::move(inventory)) && result.resolve() &&
              result.build_shapes())
      << diag::render_text(result.sources(), result.diagnostics());
  return result;
}

TEST(CompileAll, GivesTheSameObjectsInTheSameOrderWhateverTheThreads) {
  const Compilation compilation = compiled(7);
  ASSERT_THAT(compilation.shapes(), SizeIs(7));
  std::vector<backend::Bytes> expected;
  for (const ShapeUnit& unit : compilation.shapes())
    expected.push_back(compile_shape(unit.shape, compilation.sources()).value().object);
  for (const unsigned threads : {0U, 1U, 3U, 20U}) {
    std::vector<backend::Bytes> objects;
    compile_all(compilation.shapes(), compilation.sources(), {}, threads,
                [&](const ShapeUnit& unit, Result<CompiledObject> result, auto) {
                  EXPECT_EQ(&unit, &compilation.shapes()[objects.size()]);
                  objects.push_back(std::move(result.value().object));
                  return true;
                });
    EXPECT_EQ(objects, expected) << threads << " threads";
  }
}

TEST(CompileAll, StopsWhenTold) {
  const Compilation compilation = compiled(5);
  std::size_t taken = 0;
  compile_all(compilation.shapes(), compilation.sources(), {}, 2,
              [&](const ShapeUnit&, const Result<CompiledObject>&, auto) { return ++taken < 2; });
  EXPECT_EQ(taken, 2U);
}

TEST(CompileAll, NoShapesAreNoWork) {
  compile_all({}, source::SourceMap{}, {}, 2,
              [](const ShapeUnit&, const Result<CompiledObject>&, auto) {
                ADD_FAILURE() << "there is nothing to take";
                return true;
              });
}

// The peers a, b, c and everybody else: four rows, one of them default deny.
TEST(Rows, MoreThanATableCanNumberMakeABitSet) {
  for (const std::size_t limit : {std::size_t{4}, std::size_t{3}}) {
    CompileOptions options;
    options.has_inventory = true;
    options.read.agent.allow_localhost = false;
    options.max_rows = limit;
    const Compilation compilation = compiled(1, options);
    const ShapeUnit* web = nullptr;
    for (const ShapeUnit& unit : compilation.shapes()) {
      if (unit.users.front() == "shop/web0") web = &unit;
    }
    ASSERT_NE(web, nullptr);
    EXPECT_EQ(web->shape.directions[0].form, limit == 4 ? ir::Form::Table : ir::Form::Bitset);
    const auto back = ir::shape_from(web->shape.abi_version, web->shape.hash, web->shape.documents);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->directions[0].form, web->shape.directions[0].form);
  }
}

// More rules than a bit set takes: the table stays, and whoever compiles is told.
TEST(Rows, MoreThanAnyFormCanNumberAreAWarning) {
  std::string policy =
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
      "metadata: {name: wide, namespace: shop}\nspec:\n"
      "  endpointSelector: {matchLabels: {app: a}}\n  ingress:\n";
  for (std::size_t i = 0; i <= ir::kMaxBitsetRules; ++i) {
    policy += "    - fromEndpoints: [{matchLabels: {app: " + std::string(i % 2 == 0 ? "b" : "c") +
              "}}]\n      toPorts: [{ports: [{port: \"" + std::to_string(100 + 2 * i) +
              "\", protocol: TCP}]}]\n";
  }
  std::string pods = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
  int address = 1;
  for (const char* name : {"a", "b", "c"})
    pods += "---\n" + with(with(kPod, "NAME", name), "ADDRESS", std::to_string(address++));
  CompileOptions options;
  options.has_inventory = true;
  options.max_rows = 2;
  Compilation compilation(options);
  ASSERT_TRUE(compilation.parse({{"wide.yaml", policy}}, {{"pods.yaml", pods}}) &&
              compilation.resolve() && compilation.build_shapes());
  const std::string said = diag::render_text(compilation.sources(), compilation.diagnostics());
  EXPECT_THAT(said, ::testing::HasSubstr("PC0488 -Wtoo-many-rows"));
  EXPECT_THAT(said, ::testing::HasSubstr("shop/a"));
}

// Replicas are not built apart: their endpoints are all named.
TEST(Shapes, ReplicasShareTheirShape) {
  std::string pods = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
  for (int i = 1; i <= 3; ++i) {
    pods += "---\n" + with(with(with(kPod, "{name: NAME", "{name: web0-" + std::to_string(i)),
                                "NAME", "web0"),
                           "ADDRESS", std::to_string(i));
  }
  CompileOptions options;
  options.has_inventory = true;
  Compilation compilation(options);
  ASSERT_TRUE(compilation.parse({{"policies.yaml", with(kPolicies, "NAME", "web0")}},
                                {{"pods.yaml", pods}}) &&
              compilation.resolve() && compilation.build_shapes());
  ASSERT_THAT(compilation.shapes(), SizeIs(1));
  EXPECT_THAT(compilation.shapes()[0].users,
              ::testing::ElementsAre("shop/web0-1", "shop/web0-2", "shop/web0-3"));
  EXPECT_THAT(compilation.shapes()[0].subjects, ::testing::ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace policyc::driver
