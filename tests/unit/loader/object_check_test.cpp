// loader/endpoint/object_check: what a compiler process could hand over beside policies is refused
// before the kernel, or libbpf, acts on it.

#include "loader/endpoint/object_check.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "compiler/backend/backend.h"
#include "compiler/driver/object_meta.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/shapes.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPrelude = R"(
#define SEC(name) __attribute__((section(name), used))
typedef unsigned int u32;
#define MAP(name, kind, size, more)                                                      \
  struct { int (*type)[kind]; int (*max_entries)[1]; u32 *key; char (*value)[size]; more \
  } name SEC(".maps")
char policy_license[] SEC("license") = "GPL";
)";
constexpr const char* kIngress = "SEC(\"tc\") int policy_ingress(void *c) { return 2; }\n";
constexpr const char* kEgress = "SEC(\"tc\") int policy_egress(void *c) { return 2; }\n";

backend::Bytes compile(const std::string& text) {
  return must(backend::compile("hostile.c", kPrelude + text, backend::Output::Object)).output;
}

// Of a policy that allows everything, which has no maps of its own.
ir::Shape open_shape() {
  const auto objects = compile_policies(
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
      "shop}\n"
      "spec:\n  endpointSelector: {matchLabels: {app: web}}\n  ingress: [{}]\n");
  return must(endpoint::read_shape(objects.at(0)));
}

// What is said of it; empty: it may be loaded.
std::string verdict(const backend::Bytes& bytes) {
  if (const auto checked = endpoint::check_policy_file(bytes); !checked)
    return checked.error().message;
  const auto object = bpf::Object::open(bytes, "test");
  if (!object) return object.error().message;
  const auto checked = endpoint::check_policy_object(*object, open_shape());
  return checked ? std::string() : checked.error().message;
}
std::string verdict(const std::string& text) { return verdict(compile(text)); }

TEST(ObjectCheck, TakesWhatThePoliciesCompilerMakes) {
  EXPECT_EQ(verdict(std::string(kIngress) + kEgress), "");
  const auto objects = compile_policies(
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
      "shop}\n"
      "spec:\n  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n"
      "  - fromEndpoints: [{matchLabels: {app: a}}]\n    toPorts: [{ports: [{port: \"80\"}, {port: "
      "\"1000\", endPort: 2000, protocol: UDP}]}]\n  - fromCIDR: [10.0.0.0/8]\n"
      "  egress: [{toFQDNs: [{matchName: a.example}]}]\n");
  const auto shape = must(endpoint::read_shape(objects.at(0)));
  ASSERT_TRUE(endpoint::check_policy_file(objects.at(0)));
  const auto object = must(bpf::Object::open(objects.at(0), "test"));
  const auto checked = endpoint::check_policy_object(object, shape);
  EXPECT_TRUE(checked) << checked.error().message;
  // Its maps are those of its own shape.
  EXPECT_FALSE(endpoint::check_policy_object(object, open_shape()));
}

TEST(ObjectCheck, BytesThatAreNoObjectAreRefused) {
  EXPECT_THAT(verdict(backend::Bytes{}), HasSubstr("ELF"));
  EXPECT_THAT(verdict(backend::Bytes(100, 'x')), HasSubstr("ELF"));
  auto cut = compile(std::string(kIngress) + kEgress);
  for (std::size_t size = 0; size < cut.size(); size += 7) {
    cut.resize(cut.size() - 7);
    EXPECT_NE(verdict(cut), "") << cut.size();
  }
}

TEST(ObjectCheck, ProgramsAreTwoOfTc) {
  EXPECT_THAT(verdict(std::string(kIngress)), HasSubstr("no program policy_egress"));
  EXPECT_THAT(
      verdict(std::string(kIngress) + kEgress + "SEC(\"tc\") int more(void *c) { return 0; }\n"),
      HasSubstr("a program more"));
  EXPECT_THAT(verdict(std::string(kIngress) +
                      "SEC(\"kprobe/do_exit\") int policy_egress(void *c) { return 0; }\n"),
              HasSubstr("section kprobe/do_exit"));
}

TEST(ObjectCheck, NothingIsCalledButLookupsAndTailCalls) {
  const auto calling = [](int helper) {
    return std::string(kIngress) + "static long (*const helper)(void *, u32, void *) = (void *)" +
           std::to_string(helper) +
           ";\nSEC(\"tc\") int policy_egress(void *c) { char to[8] = {0}; helper(to, 8, c); return "
           "to[0]; }\n";
  };
  for (const int helper : {2, 4, 6, 9, 13, 23, 36, 112, 113, 121, 181})
    EXPECT_THAT(verdict(calling(helper)), HasSubstr("calls what policies do not")) << helper;
  EXPECT_THAT(verdict(std::string(kIngress) +
                      "static __attribute__((noinline)) int other(void *c) { return c != 0; }\n"
                      "SEC(\"tc\") int policy_egress(void *c) { return other(c); }\n"),
              HasSubstr("not an object of policies"));
  EXPECT_THAT(verdict(std::string(kIngress) +
                      "extern int bpf_task_from_pid(int) SEC(\".ksyms\");\n"
                      "SEC(\"tc\") int policy_egress(void *c) { return bpf_task_from_pid(1); }\n"),
              HasSubstr("somebody else"));
}

TEST(ObjectCheck, MapsAreThoseOfTheShape) {
  const auto with = [](const std::string& map) { return verdict(map + kIngress + kEgress); };
  EXPECT_THAT(with("MAP(node_config, 2, 64, );\n"), HasSubstr("a map node_config"));
  EXPECT_THAT(with("MAP(policy_rows_in, 2, 16, );\n"), HasSubstr("not what its shape says"));
  EXPECT_THAT(with("MAP(policy_matrix_in, 2, 16, );\n"), HasSubstr("a map policy_matrix_in"));
  EXPECT_THAT(with("MAP(policy_scratch, 6, 64, int (*pinning)[1];);\n"),
              HasSubstr("says where it is pinned"));
  EXPECT_THAT(with("int variable = 1;\nint *use(void) { return &variable; }\n"),
              HasSubstr("section "));
  // Of a table of programs that has its first one with it.
  EXPECT_THAT(verdict(std::string(kIngress) + kEgress +
                      "struct { int (*type)[3]; int (*max_entries)[2]; u32 *key; int (*value)[4]; "
                      "int (*values[])(void *); } policy_finish SEC(\".maps\") = {.values = {[1] = "
                      "(void *)&policy_egress}};\n"),
              HasSubstr("relocations of section .maps"));
}

// Number 3 may be any map that the process has open.
TEST(ObjectCheck, AMapIsNotNamedByItsNumber) {
  auto bytes =
      compile(std::string(kIngress) +
              "SEC(\"tc\") int policy_egress(long *c) { return *c == 0x1234567889abcdef; }\n");
  EXPECT_EQ(verdict(bytes), "");
  // The constant becomes a descriptor.
  const std::vector<std::uint8_t> low{0xef, 0xcd, 0xab, 0x89};
  const auto at = std::search(bytes.begin(), bytes.end(), low.begin(), low.end());
  ASSERT_NE(at, bytes.end());
  *(at - 3) |= BPF_PSEUDO_MAP_FD << 4U;
  EXPECT_THAT(verdict(bytes), HasSubstr("by its number"));
}

class HostileObject : public KernelTest {};

TEST_F(HostileObject, IsNotLoaded) {
  const Pod web("web0", "10.9.1.1");
  const auto bytes = must(driver::write_meta(
      compile(std::string("MAP(node_config, 2, 64, );\n") + kIngress + kEgress), open_shape()));
  endpoint::LoadRequest request;
  request.object = bytes;
  request.interface = web.host();
  request.addresses = {*parse_ip_address(web.address())};
  request.labels.add({"k8s", "app", "web"});
  const auto loaded = endpoint::load_endpoint(paths_, request);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("a map node_config"));
}

}  // namespace
}  // namespace policyc::testing
