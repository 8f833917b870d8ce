// `policyc compile` as a user meets it: exit codes, files, streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class Compile : public ::testing::Test {
 protected:
  Compile() { write_text(folder_ / "web.yaml", kPolicy); }

  // Runs `policyc compile ...` in the folder of the test.
  Finished compile(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.begin(), "compile");
    return run_policyc(arguments, input, folder_.path());
  }
  // The one object of an output folder.
  fs::path object(const std::string& output) {
    for (const auto& entry : fs::directory_iterator(folder_ / output)) {
      if (entry.path().extension() == ".o") return entry.path();
    }
    ADD_FAILURE() << "no object in " << output;
    return {};
  }

  TemporaryFolder folder_;
};

// ---- exit codes

TEST_F(Compile, SucceedsWithASummary) {
  const auto run = compile({"web.yaml"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, AllOf(HasSubstr("1 program"), HasSubstr("instructions"),
                             HasSubstr("nothing written")));
  EXPECT_THAT(run.err, IsEmpty());
}

TEST_F(Compile, ARefusedPolicyIsOne) {
  write_text(folder_ / "bad.yaml", std::string(kPolicy) + "  ingres: []\n");
  const auto run = compile({"bad.yaml", "-o", "out"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err,
              HasSubstr("bad.yaml:18:3: error: unknown field `ingres` [PC0103 -Wunknown-field]"));
  EXPECT_FALSE(fs::exists(folder_ / "out")) << "nothing may be written for a refused input";
}

TEST_F(Compile, AWarningIsNotAFailure) {
  std::string text(kPolicy);
  text += "            - port: \"90\"\n              endPort: 80\n              protocol: TCP\n";
  write_text(folder_ / "warn.yaml", text);
  const auto run = compile({"warn.yaml"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.err, HasSubstr("warn.yaml:19:24: warning:"));
}

TEST_F(Compile, StrictRefusesWhatMeetsAKnownBug) {
  std::string text(kPolicy);
  text += "    - icmps: [{fields: [{type: EchoReply}]}]\n";
  write_text(folder_ / "bug.yaml", text);
  const auto lenient = compile({"bug.yaml"});
  EXPECT_EQ(lenient.exit_code, 0);
  EXPECT_THAT(lenient.err, HasSubstr("bug.yaml:18:32: warning:"));
  const auto strict = compile({"bug.yaml", "--strict", "-o", "out"});
  EXPECT_EQ(strict.exit_code, 1);
  EXPECT_THAT(strict.err, AllOf(HasSubstr("[PC0508"), HasSubstr("--strict")));
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  EXPECT_EQ(compile({"web.yaml", "--strict"}).exit_code, 0);
}

TEST_F(Compile, MistakesOfUsageAreTwo) {
  EXPECT_EQ(run_policyc({}).exit_code, 2);
  EXPECT_EQ(run_policyc({"compiel"}).exit_code, 2);
  EXPECT_EQ(compile({}).exit_code, 2);
  EXPECT_EQ(compile({"--no-such-option", "web.yaml"}).exit_code, 2);
  EXPECT_EQ(compile({"web.yaml", "--emit=wasm"}).exit_code, 2);
  EXPECT_EQ(compile({"web.yaml", "--disable-pass=no-such-pass"}).exit_code, 2);
  EXPECT_EQ(compile({"web.yaml", "--set", "no-such-option=1"}).exit_code, 2);
  EXPECT_EQ(compile({"web.yaml", "--set", "enable-ipv6=perhaps"}).exit_code, 2);
  EXPECT_EQ(compile({"web.yaml", "--set", "enable-policy"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"inspect"}).exit_code, 2);
}

TEST_F(Compile, EachMistakeOfUsageIsExplained) {
  EXPECT_THAT(compile({"web.yaml", "--emit=wasm"}).err, HasSubstr("`wasm`"));
  EXPECT_THAT(compile({"web.yaml", "--disable-pass=nope"}).err,
              AllOf(HasSubstr("`nope`"), HasSubstr("--list-passes")));
  EXPECT_THAT(compile({"web.yaml", "--set", "nope=1"}).err, HasSubstr("`nope`"));
  EXPECT_THAT(compile({}).err, HasSubstr("no input"));
}

TEST_F(Compile, WhatCannotBeReadOrWrittenIsThree) {
  auto run = compile({"missing.yaml"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("missing.yaml"));
  EXPECT_EQ(compile({"web.yaml", "--endpoints", "missing"}).exit_code, 3);
  EXPECT_EQ(compile({"web.yaml", "--cilium-config", "missing"}).exit_code, 3);
  EXPECT_EQ(compile({"web.yaml", "--cilium-config", "."}).exit_code, 3) << "a directory";
  fs::create_directory(folder_ / "empty");
  EXPECT_EQ(compile({"empty"}).exit_code, 3) << "no manifest in it";
  run = compile({"web.yaml", "-o", "web.yaml"});
  EXPECT_EQ(run.exit_code, 3) << "the output folder is a file";
  EXPECT_EQ(read_bytes(folder_ / "web.yaml"), kPolicy);
}

TEST_F(Compile, HelpAndVersionAreSuccess) {
  for (const auto& arguments :
       {std::vector<std::string>{"--help"}, {"compile", "--help"}, {"--version"}}) {
    const auto run = run_policyc(arguments);
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_THAT(run.out, HasSubstr("policyc"));
    EXPECT_THAT(run.err, IsEmpty());
  }
}

// ---- inputs

TEST_F(Compile, ReadsStandardInput) {
  const auto run = compile({"-", "--emit=ir"}, std::string(kPolicy));
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr("<stdin>:15"));
  const auto bad = compile({"-"}, "kind: [");
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.err, StartsWith("<stdin>:1:"));
}

TEST_F(Compile, ReadsEveryManifestOfADirectory) {
  fs::create_directories(folder_ / "all/deep");
  write_text(folder_ / "all/a.yaml", kPolicy);
  std::string other(kPolicy);
  other.replace(other.find("app: web"), 8, "app: api");
  other.replace(other.find("name: web"), 9, "name: api");
  write_text(folder_ / "all/deep/b.yml", other);
  write_text(folder_ / "all/notes.txt", "not: [a manifest");
  const auto run = compile({"all", "--emit=ir"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("all/a.yaml:15"), HasSubstr("all/deep/b.yml:15")));
}

TEST_F(Compile, AnEndlessDeviceEndsInADiagnostic) {
  const auto run = compile({"/dev/zero"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, StartsWith("/dev/zero"));
}

// ---- outputs

TEST_F(Compile, WritesObjectsAndAnIndexAndNothingElse) {
  const auto run = compile({"web.yaml", "-o", "new/folder"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto content = folder_content(folder_ / "new/folder");
  ASSERT_EQ(content.size(), 2U) << "no temporary file may stay";
  const auto index = nlohmann::json::parse(content.at("index.json"));
  ASSERT_EQ(index.size(), 1U);
  const std::string file = index[0]["object"];
  EXPECT_TRUE(content.contains(file));
  EXPECT_THAT(content.at(file), StartsWith("\x7f"
                                           "ELF"));
  EXPECT_EQ(file, "policy-" + index[0]["hash"].get<std::string>().substr(0, 12) + ".o");
  EXPECT_EQ(index[0]["endpoints"].size(), 1U);
}

TEST_F(Compile, ReplacesEarlierOutput) {
  ASSERT_EQ(compile({"web.yaml", "-o", "out"}).exit_code, 0);
  const auto before = folder_content(folder_ / "out");
  write_text(object("out"), "damaged");
  ASSERT_EQ(compile({"web.yaml", "-o", "out"}).exit_code, 0);
  EXPECT_EQ(folder_content(folder_ / "out"), before);
}

TEST_F(Compile, OneProgramServesEqualEndpoints) {
  write_text(folder_ / "pods.yaml", inventory({"web-1", "web-2", "db-1"}));
  const auto run = compile({"web.yaml", "--endpoints", "pods.yaml", "-o", "out"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto index = nlohmann::json::parse(read_bytes(folder_ / "out/index.json"));
  ASSERT_EQ(index.size(), 2U);
  EXPECT_EQ(index[0]["endpoints"], nlohmann::json({"shop/db-1"}));
  EXPECT_EQ(index[1]["endpoints"], nlohmann::json({"shop/web-1", "shop/web-2"}));
}

TEST_F(Compile, EveryKindOfTextCanBeAskedFor) {
  const std::pair<const char*, const char*> kKinds[] = {
      {"ast", "endpointSelector"},     {"ir", "rule 1: allow"},         {"matrix", "port classes"},
      {"c", "policy_verdict_ingress"}, {"llvm-ir", "define dso_local"}, {"asm", "policy_ingress:"},
  };
  for (const auto& [kind, expected] : kKinds) {
    const auto run = compile({"web.yaml", std::string("--emit=") + kind});
    EXPECT_EQ(run.exit_code, 0) << kind << run.err;
    EXPECT_THAT(run.out, HasSubstr(expected)) << kind;
  }
}

TEST_F(Compile, TextGoesToFilesWithAnOutputFolder) {
  const auto run = compile({"web.yaml", "--emit=ast,ir,matrix,c,llvm-ir,asm,obj", "-o", "out"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  std::set<std::string> extensions;
  for (const auto& [name, text] : folder_content(folder_ / "out")) {
    EXPECT_FALSE(text.empty()) << name;
    extensions.insert(fs::path(name).extension().string());
  }
  EXPECT_THAT(extensions, ElementsAre(".c", ".ir", ".json", ".ll", ".matrix", ".o", ".s", ".txt"));
}

TEST_F(Compile, L7RulesCanBeCompiledAsPlainAllows) {
  std::string text(kPolicy);
  text += "          rules:\n            http: [{method: GET}]\n";
  write_text(folder_ / "l7.yaml", text);
  EXPECT_THAT(compile({"l7.yaml", "--emit=ir"}).out, HasSubstr("redirect \"http\""));
  const auto plain = compile({"l7.yaml", "--emit=ir", "--without-l7"});
  EXPECT_THAT(plain.out,
              AllOf(Not(HasSubstr("redirect")), HasSubstr("allow precedence 1 from p0 on tcp/80")));
}

TEST_F(Compile, PassesCanBeListedAndDisabled) {
  const auto list = compile({"--list-passes"});
  EXPECT_EQ(list.exit_code, 0);
  EXPECT_THAT(list.out,
              ::testing::ContainsRegex("expand-ranges +required +numbered -> ranged +make"));
  EXPECT_THAT(list.out, ::testing::ContainsRegex("merge +optional +closed +join"));
  EXPECT_EQ(compile({"web.yaml", "--disable-pass=merge,remove-dead,merge-rows"}).exit_code, 0);
  const auto required = compile({"web.yaml", "--disable-pass=merge,expand-ranges"});
  EXPECT_EQ(required.exit_code, 2);
  EXPECT_THAT(required.err, AllOf(HasSubstr("`expand-ranges`"), HasSubstr("required")));
}

TEST_F(Compile, TheIrCanBeDumpedAfterPassesAndVerified) {
  const auto one = compile({"web.yaml", "--dump-after=normalise", "--verify-each"});
  EXPECT_EQ(one.exit_code, 0);
  EXPECT_THAT(one.out, AllOf(HasSubstr("policyir 1 stage normalised"), HasSubstr("entity \"host\""),
                             Not(HasSubstr("stage formed"))));
  EXPECT_EQ(compile({"web.yaml", "--dump-after=all", "-o", "out"}).exit_code, 0);
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "out"))
    files += entry.path().string().find(".after-") != std::string::npos ? 1U : 0U;
  EXPECT_EQ(files, 15U);
  EXPECT_EQ(compile({"web.yaml", "--dump-after=nope"}).exit_code, 2);
}

TEST_F(Compile, RulesThatNeverDecideAreReportedOnDemand) {
  std::string text(kPolicy);
  text += "  ingressDeny:\n    - {fromEntities: [all]}\n";
  write_text(folder_ / "dead.yaml", text);
  EXPECT_THAT(compile({"dead.yaml"}).err, Not(HasSubstr("never decides")));
  EXPECT_THAT(
      compile({"dead.yaml", "--report-dead"}).err,
      AllOf(HasSubstr("dead.yaml:"), HasSubstr("spec.ingress[0] never decides: stronger rules")));
}

TEST_F(Compile, IrTextIsReadVerifiedAndRunThroughPasses) {
  const auto ir = [&](std::vector<std::string> arguments, const std::string& input) {
    arguments.insert(arguments.begin(), "ir");
    return run_policyc(arguments, input, folder_.path());
  };
  const std::string built = compile({"web.yaml", "--dump-after=normalise"}).out;
  const std::string formed = compile({"web.yaml", "--emit=ir"}).out;
  const auto checked = ir({"-"}, formed);
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
  EXPECT_THAT(checked.out, IsEmpty());
  EXPECT_EQ(ir({"-", "--print"}, formed).out, formed);
  EXPECT_EQ(ir({"-", "--run=all"}, built).out, formed);
  EXPECT_THAT(ir({"-", "--run=expand-entities,expand-named-ports"}, built).out,
              HasSubstr("stage numbered"));
  const auto wrong = ir({"-", "--run=expand-ranges"}, built);
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("`numbered`"), HasSubstr("`normalised`")));
  EXPECT_EQ(ir({"-", "--run=nope"}, built).exit_code, 2);
  EXPECT_EQ(ir({"missing.ir"}, "").exit_code, 3);
  const auto syntax = ir({"-"}, "policyir 1\nnonsense");
  EXPECT_EQ(syntax.exit_code, 1);
  EXPECT_THAT(syntax.err, HasSubstr(":2:1: "));
  const auto broken = ir(
      {"-"},
      "policyir 1 stage built endpoint \"x\" ingress open default deny egress open default allow");
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.err, HasSubstr("not enforced"));
}

TEST_F(Compile, AgentOptionsComeFromAConfigMapAndFromFlags) {
  write_text(folder_ / "config.yaml",
             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config}\ndata:\n"
             "  enable-policy: never\n  debug: \"false\"\n");
  EXPECT_THAT(compile({"web.yaml", "--emit=ir"}).out, HasSubstr("ingress enforced"));
  EXPECT_THAT(compile({"web.yaml", "--emit=ir", "--cilium-config", "config.yaml"}).out,
              HasSubstr("ingress open"));
  EXPECT_THAT(compile({"web.yaml", "--emit=ir", "--cilium-config", "config.yaml", "--set",
                       "enable-policy=always"})
                  .out,
              HasSubstr("egress enforced default deny"))
      << "a flag wins over the file";
  // What would change labels and is not understood is not left out.
  write_text(folder_ / "file.yaml",
             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config}\ndata:\n"
             "  label-prefix-file: /etc/prefixes.json\n");
  EXPECT_THAT(compile({"web.yaml", "--cilium-config", "file.yaml"}).err,
              HasSubstr("file.yaml:5:22: label-prefix-file: not supported"));
  EXPECT_THAT(compile({"web.yaml", "--emit=ir", "--set", "allow-localhost=policy"}).out,
              Not(HasSubstr("reserved:host")));
}

// ---- equal input, equal bytes

TEST_F(Compile, TheBytesDependOnNothingButTheInput) {
  write_text(folder_ / "pods.yaml", inventory({"web-1", "web-2", "db-1"}));
  ASSERT_EQ(compile({"web.yaml", "--endpoints", "pods.yaml", "-o", "out"}).exit_code, 0);
  const auto first = folder_content(folder_ / "out");
  ASSERT_EQ(first.size(), 3U);

  ASSERT_EQ(compile({"web.yaml", "--endpoints", "pods.yaml", "-o", "again"}).exit_code, 0);
  EXPECT_EQ(folder_content(folder_ / "again"), first) << "a second run";

  TemporaryFolder elsewhere;
  write_text(elsewhere / "web.yaml", kPolicy);
  write_text(elsewhere / "pods.yaml", inventory({"db-1", "web-2", "web-1"}));
  const auto run = run_policyc({"compile", "web.yaml", "--endpoints", "pods.yaml", "-o", "out"}, {},
                               elsewhere.path());
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(folder_content(elsewhere / "out"), first)
      << "another directory, another order of the endpoints";
}

TEST_F(Compile, AChangedPolicyIsAnotherObject) {
  ASSERT_EQ(compile({"web.yaml", "-o", "out"}).exit_code, 0);
  std::string other(kPolicy);
  other.replace(other.find("\"80\""), 4, "\"81\"");
  write_text(folder_ / "web.yaml", other);
  ASSERT_EQ(compile({"web.yaml", "-o", "other"}).exit_code, 0);
  EXPECT_NE(object("out").filename(), object("other").filename());
}

}  // namespace
}  // namespace policyc::testing
