// An object written by `policyc compile -o` is an ordinary BPF object: plain libbpf loads it,
// without any code of ours.
#include <filesystem>
#include <memory>
#include <string>

#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

// `manifest`: the text of one policy.
void expect_loads(std::string_view manifest) {
  TemporaryFolder folder;
  write_text(folder / "policy.yaml", manifest);
  const auto run = run_policyc({"compile", "policy.yaml", "-o", "out"}, {}, folder.path());
  ASSERT_EQ(run.exit_code, 0) << run.err;
  std::size_t objects = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "out")) {
    if (entry.path().extension() != ".o") continue;
    ++objects;
    const std::unique_ptr<bpf_object, CloseObject> object(
        bpf_object__open_file(entry.path().c_str(), nullptr));
    ASSERT_NE(object, nullptr);
    ASSERT_EQ(bpf_object__load(object.get()), 0);
    std::size_t programs = 0;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object.get()) {
      EXPECT_GE(bpf_program__fd(program), 0);
      EXPECT_EQ(bpf_program__type(program), BPF_PROG_TYPE_SCHED_CLS);
      ++programs;
    }
    EXPECT_EQ(programs, 2U);
  }
  EXPECT_EQ(objects, 1U);
}

TEST(ObjectLoad, PlainLibbpfLoadsAPolicyOfCompares) { expect_loads(kPolicy); }

TEST(ObjectLoad, PlainLibbpfLoadsAPolicyWithTables) {
  std::string text(kPolicy);
  for (int i = 0; i < 30; ++i) {
    text += "    - fromEndpoints: [{matchLabels: {app: a" + std::to_string(i) +
            "}}]\n      toPorts: [{ports: [{port: \"" + std::to_string(1000 + 300 * i) +
            "\", protocol: TCP}]}]\n";
  }
  expect_loads(text);
}

TEST(ObjectLoad, PlainLibbpfLoadsAPolicyThatDeniesAll) {
  expect_loads(
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: none, namespace: "
      "shop}\n"
      "spec: {endpointSelector: {}, ingress: [{}], egress: [{}]}\n");
}

}  // namespace
}  // namespace policyc::testing
