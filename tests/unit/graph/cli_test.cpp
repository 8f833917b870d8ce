// `policyc graph` as a user meets it: exit codes, files, streams.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class CliGraph : public ::testing::Test {
 protected:
  CliGraph() {
    write_text(folder_ / "web.yaml", kPolicy);
    write_text(folder_ / "pods.yaml", inventory({"web-1", "web-2", "frontend-1"}));
  }
  Finished graph(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "graph");
    return run_policyc(arguments, "", folder_.path());
  }
  TemporaryFolder folder_;
};

TEST_F(CliGraph, PodsMayStandAmongThePoliciesOrApart) {
  const auto apart = graph({"web.yaml", "--endpoints", "pods.yaml"});
  EXPECT_EQ(apart.exit_code, 0) << apart.err;
  EXPECT_THAT(apart.out, AllOf(HasSubstr("to shop/app=web (2 pods)"),
                               HasSubstr("tcp/80  from shop/app=frontend")));
  EXPECT_THAT(apart.err, IsEmpty());
  EXPECT_EQ(graph({"."}).out, apart.out);
}

TEST_F(CliGraph, EachFormIsPrintedOrWritten) {
  for (const auto& [form, begin] : {std::pair("text", "only ingress"),
                                    {"dot", "digraph"},
                                    {"svg", "<svg"},
                                    {"html", "<!DOCTYPE html>"},
                                    {"json", "{"}}) {
    const auto printed = graph({".", "-o", form});
    EXPECT_EQ(printed.exit_code, 0) << printed.err;
    EXPECT_THAT(printed.out, HasSubstr(begin));
    const auto written = graph({"web.yaml", "pods.yaml", "-o", form, "-f", "out"});
    EXPECT_EQ(written.exit_code, 0) << written.err;
    EXPECT_THAT(written.out, IsEmpty());
    EXPECT_EQ(read_bytes(folder_ / "out"), graph({"web.yaml", "pods.yaml", "-o", form}).out);
  }
}

TEST_F(CliGraph, SeveralFormsAtOnce) {
  const auto done =
      graph({"web.yaml", "pods.yaml", "-o", "html=g.html", "-o", "svg=g.svg", "-o", "text"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("only ingress"));
  EXPECT_THAT(read_bytes(folder_ / "g.html"), HasSubstr("<!DOCTYPE html>"));
  EXPECT_THAT(read_bytes(folder_ / "g.svg"), HasSubstr("<svg"));
  EXPECT_EQ(graph({"web.yaml", "pods.yaml", "-o", "svg", "-o", "json"}).exit_code, 2)
      << "both to standard output";
  EXPECT_EQ(graph({"web.yaml", "pods.yaml", "-f", "x", "-o", "svg", "-o", "json=y"}).exit_code, 2);
}

TEST_F(CliGraph, ExitCodesAreDocumented) {
  write_text(folder_ / "bad.yaml", std::string(kPolicy) + "  ingres: []\n");
  EXPECT_EQ(graph({"bad.yaml", "pods.yaml"}).exit_code, 1);
  EXPECT_EQ(graph({}).exit_code, 2);
  EXPECT_EQ(graph({"web.yaml", "pods.yaml", "-o", "pdf"}).exit_code, 2);
  const auto nobody = graph({"web.yaml", "pods.yaml", "--from", "app=nobody"});
  EXPECT_EQ(nobody.exit_code, 2);
  EXPECT_THAT(nobody.err, HasSubstr("--from: nothing matches `app=nobody`"));
  const auto no_pods = graph({"web.yaml"});
  EXPECT_EQ(no_pods.exit_code, 2);
  EXPECT_THAT(no_pods.err, HasSubstr("--endpoints"));
  EXPECT_EQ(graph({"missing.yaml"}).exit_code, 3);
  EXPECT_EQ(graph({"web.yaml", "pods.yaml", "-f", "missing/out"}).exit_code, 3);
}

}  // namespace
}  // namespace policyc::testing
