// Completions, by the shells that they are for, and manual pages, by groff.

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class CliShell : public ::testing::Test {
 protected:
  // The file with that shell's script.
  [[nodiscard]] std::string script(const std::string& shell) const {
    const auto done = run_policyc({"completion", shell});
    EXPECT_EQ(done.exit_code, 0) << done.err;
    const auto path = folder_ / ("policyc." + shell);
    std::ofstream(path) << done.out;
    return path;
  }
  static std::vector<std::string> lines(const Finished& done) {
    EXPECT_EQ(done.exit_code, 0) << done.err;
    EXPECT_THAT(done.err, IsEmpty());
    std::istringstream text(done.out);
    std::vector<std::string> result;
    for (std::string line; std::getline(text, line);) result.push_back(line);
    return result;
  }
  // What bash offers for the last of these words.
  [[nodiscard]] std::vector<std::string> bash(const std::string& words) const {
    return lines(
        run_program({"bash", "--norc", "-c",
                     "compopt() { :; }; source '" + script("bash") + "'; COMP_WORDS=(" + words +
                         "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _policyc; printf '%s\\n' "
                         "\"${COMPREPLY[@]}\""},
                    "", folder_.path()));
  }
  // What fish offers behind that text, without descriptions.
  [[nodiscard]] std::vector<std::string> fish(const std::string& text) const {
    auto result = lines(run_program({"fish", "--no-config", "-c",
                                     "source '" + script("fish") + "'; complete -C '" + text + "'"},
                                    "", folder_.path(), {"HOME=" + folder_.path().string()}));
    for (std::string& line : result) line = line.substr(0, line.find('\t'));
    return result;
  }
  TemporaryFolder folder_;
};

TEST_F(CliShell, BashOffersWhatFits) {
  EXPECT_THAT(bash("policyc ''"), IsSupersetOf({"compile", "observe", "ct", "doctor"}));
  EXPECT_THAT(bash("policyc ct ''"),
              AllOf(IsSupersetOf({"list", "gc", "flush"}), Not(Contains("compile"))));
  EXPECT_THAT(bash("policyc ct fl"), UnorderedElementsAre("flush"));
  EXPECT_THAT(bash("policyc ct list --pro"), UnorderedElementsAre("--protocol"));
  EXPECT_THAT(bash("policyc ct list -o ''"), UnorderedElementsAre("table", "json"));
  EXPECT_THAT(bash("policyc ct list --output j"), UnorderedElementsAre("json"));
  EXPECT_THAT(bash("policyc ct list --port ''"), UnorderedElementsAre("")) << "a number";
  std::ofstream(folder_ / "web policy.yaml") << "";
  EXPECT_THAT(bash("policyc compile web"), UnorderedElementsAre("web policy.yaml"));
  EXPECT_THAT(bash("policyc load --endpoints web"), UnorderedElementsAre("web policy.yaml"));
}

TEST_F(CliShell, FishOffersWhatFits) {
  EXPECT_THAT(fish("policyc "), IsSupersetOf({"compile", "observe", "ct", "doctor"}));
  EXPECT_THAT(fish("policyc ct "),
              AllOf(IsSupersetOf({"list", "gc", "flush"}), Not(Contains("compile"))));
  EXPECT_THAT(fish("policyc bpf ct "), UnorderedElementsAre("list", "flush"));
  EXPECT_THAT(fish("policyc ct list --pro"), UnorderedElementsAre("--protocol"));
  EXPECT_THAT(fish("policyc ct list -o "), UnorderedElementsAre("table", "json"));
}

TEST_F(CliShell, ZshReadsItsScript) {
  const std::string path = script("zsh");
  EXPECT_THAT(lines(run_program({"zsh", "-f", "-n", path})), IsEmpty());
  // As compinit does: the whole file is a function, which defines the others and calls the first.
  const auto defined = lines(run_program({"zsh", "-f", "-c",
                                          "_arguments() { print -r -- \"${(@)*}\"; }; _describe() "
                                          "{ :; }; autoload -Uz compinit; fpath=(" +
                                              folder_.path().string() + " $fpath); source " + path +
                                              "; _policyc_ct_list"}));
  EXPECT_THAT(defined, Contains(AllOf(HasSubstr("--protocol[only those of this protocol]"),
                                      HasSubstr(":(table json)"))));
}

TEST_F(CliShell, ManualPagesAreGood) {
  EXPECT_EQ(run_policyc({"man-pages", folder_.path()}).exit_code, 0);
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder_.path())) {
    const auto done = run_program({"groff", "-man", "-ww", "-Tascii", file.path()});
    EXPECT_EQ(done.exit_code, 0);
    EXPECT_THAT(done.err, IsEmpty()) << file.path();
    ++count;
  }
  EXPECT_GT(count, 30U);
  const auto page =
      run_program({"groff", "-man", "-Tascii", "-P-cbou", folder_ / "policyc-ct-flush.1"});
  EXPECT_THAT(page.out, HasSubstr("policyc ct flush [OPTION]..."));
  EXPECT_THAT(page.out, HasSubstr("--protocol tcp|udp|...|N"));
}

TEST_F(CliShell, WhatIsWrongIsSaid) {
  EXPECT_EQ(run_policyc({"completion", "tcsh"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"completion"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"man-pages", "/nowhere"}).exit_code, 2);
}

}  // namespace
}  // namespace policyc::testing
