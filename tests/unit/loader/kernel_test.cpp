// loader/kernel: what the running kernel gives, and the datapath without what it lacks.

#include <algorithm>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler/backend/backend.h"
#include "loader/attach/attach.h"
#include "loader/kernel/datapath.h"
#include "loader/kernel/features.h"
#include "loader/kernel/probes.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using kernel::Feature;
using kernel::Need;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

const Feature& named(const std::vector<Feature>& features, std::string_view name) {
  const auto found = std::ranges::find(features, name, &Feature::name);
  if (found == features.end()) throw std::runtime_error("no such feature");
  return *found;
}

// Exit status of a child that runs `check`; the child may give up rights.
template <class Check>
int in_child(const Check& check) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      ::_exit(check() ? 0 : 1);
    } catch (const std::exception&) {
      ::_exit(2);  // never on into the tests that follow
    }
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(KernelFeatures, ThisKernelHasWhatTheTestsAroundUse) {
  const auto features = kernel::probe_features();
  EXPECT_TRUE(kernel::is_ready(features));
  for (const Feature& feature : features) {
    if (feature.need == Need::Required) {
      EXPECT_TRUE(feature.present) << feature.name;
    }
  }
  EXPECT_TRUE(named(features, "clsact").present);
  EXPECT_TRUE(named(features, "test runs").present);
  EXPECT_EQ(named(features, "tcx").present, attach::kernel_has_tcx());
  EXPECT_EQ(named(features, "tcx").need, Need::Optional);
  EXPECT_EQ(named(features, "coarse clock").present, kernel::has_coarse_clock());
}

TEST(KernelFeatures, EachSaysWhatItIsForWhatItsAbsenceCostsAndWhatHelps) {
  for (const Feature& feature : kernel::probe_features()) {
    EXPECT_FALSE(feature.used_for.empty()) << feature.name;
    EXPECT_FALSE(feature.cost.empty()) << feature.name;
    EXPECT_FALSE(feature.fix.empty()) << feature.name;
  }
}

// Without rights the kernel refuses: a probe that cannot fail would say yes. What is asked of the
// machine and not of BPF needs no rights; the clock was asked for before.
TEST(KernelFeatures, WhatTheKernelRefusesIsAbsent) {
  for (const char* name :
       {"programs of type sched_cls", "global functions of pointers", "atomic compare-and-exchange",
        "tail calls beside functions", "JIT", "LRU hash maps", "LPM tries", "per-CPU maps",
        "batches of map entries", "clsact", "test runs", "bpf_redirect_neigh",
        "arrays mapped into memory", "expedited grace periods"}) {
    EXPECT_EQ(0, in_child([name] {
                return ::setresuid(65534, 65534, 65534) == 0 &&
                       !named(kernel::probe_features(), name).present;
              }))
        << name;
  }
}

TEST(KernelFeatures, WhatNoKernelHasIsAbsent) {
  constexpr std::uint32_t kNoSuchNumber = 100'000;
  EXPECT_TRUE(kernel::has_helpers({1}));  // bpf_map_lookup_elem
  EXPECT_FALSE(kernel::has_helpers({1, kNoSuchNumber}));
  EXPECT_TRUE(kernel::has_maps({1}));  // hash
  EXPECT_FALSE(kernel::has_maps({1, kNoSuchNumber}));
}

TEST(KernelFeatures, OneMissingRequirementIsEnough) {
  std::vector<Feature> features{{"a", Need::Required, true, "", "", ""},
                                {"b", Need::Optional, false, "", "", ""},
                                {"c", Need::Unused, false, "", "", ""}};
  EXPECT_TRUE(kernel::is_ready(features));
  features[0].present = false;
  EXPECT_FALSE(kernel::is_ready(features));
}

TEST(KernelDatapath, EachProgramIsVerifiedAndCompiled) {
  const auto programs = must(kernel::try_datapath(backend::datapath_object()));
  std::vector<std::string> names;
  for (const auto& program : programs) {
    names.push_back(program.name);
    EXPECT_GT(program.verified_instructions, 0U) << program.name;
    EXPECT_GT(program.jited_bytes, 0U) << program.name;
  }
  EXPECT_THAT(names,
              IsSupersetOf({"from_endpoint", "to_endpoint", "finish_ingress", "finish_egress"}));
}

TEST(KernelDatapath, ARefusalSaysWhy) {
  const backend::Bytes broken{'n', 'o'};
  EXPECT_THAT(kernel::try_datapath(broken).error().message, HasSubstr("ELF"));
}

// As a kernel without the helpers gets it.
TEST(KernelDatapath, WithoutNewerHelpersItStillLoads) {
  const auto bytes = backend::datapath_object();
  kernel::Constants old = kernel::constants_of_this_node();
  const auto ours = must(kernel::fit_datapath(bytes, old));
  old.coarse_clock = false;
  old.redirect_peer = false;
  const auto without = must(kernel::fit_datapath(bytes, old));
  EXPECT_NE(without, ours);
  EXPECT_EQ(without.size(), ours.size());
  EXPECT_TRUE(kernel::try_datapath(without));
}

TEST(KernelDatapath, AnObjectWithoutTheConstantsIsAnError) {
  const backend::Bytes none{'n', 'o'};
  EXPECT_FALSE(kernel::fit_datapath(none));
}

TEST(KernelClock, ATickIsBetweenOneAndTenMilliseconds) {
  EXPECT_GE(kernel::ticks_per_second(), 100U);
  EXPECT_LE(kernel::ticks_per_second(), 1000U);
}

}  // namespace
}  // namespace policyc::testing
