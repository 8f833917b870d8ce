// `policyc inspect` as a user meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class Inspect : public ::testing::Test {
 protected:
  // Compiles a policy; the one object.
  fs::path compile(const std::string& text = std::string(kPolicy)) {
    write_text(folder_ / "web.yaml", text);
    const auto run = run_policyc({"compile", "web.yaml", "-o", "out"}, {}, folder_.path());
    EXPECT_EQ(run.exit_code, 0) << run.err;
    for (const auto& entry : fs::directory_iterator(folder_ / "out")) {
      if (entry.path().extension() == ".o") return entry.path();
    }
    ADD_FAILURE() << "no object";
    return {};
  }
  std::string text_of(const fs::path& object) {
    const auto run = run_policyc({"inspect", object.string()});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return run.out;
  }
  Json json_of(const fs::path& object) {
    const auto run = run_policyc({"inspect", object.string(), "-o", "json"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return Json::parse(run.out);
  }

  TemporaryFolder folder_;
};

// Everything above the object's numbers, which change with the datapath.
TEST_F(Inspect, PrintsThePolicy) {
  const fs::path object = compile();
  const std::string text = text_of(object);
  const std::string hash = json_of(object)["hash"];
  EXPECT_EQ(text.substr(0, text.find("object: ")),
            "subject      any:app=web, k8s:io.kubernetes.pod.namespace=shop\n"
            "policy hash  " +
                hash +
                "\n"
                "ABI version  " +
                json_of(object)["abiVersion"].dump() +
                "\n"
                "\n"
                "predicates: 2\n"
                "  p0  any:app=frontend, k8s:io.cilium.k8s.policy.cluster=default, "
                "k8s:io.kubernetes.pod.namespace=shop\n"
                "  p1  reserved:host\n"
                "\n"
                "ingress: enforced, default deny, form compares\n"
                "  default deny by CiliumNetworkPolicy/shop/web spec.ingress[0] web.yaml:11\n"
                "  rule  verdict  precedence  peers  ports   policy                        "
                "path             place\n"
                "  1     allow    1           p0     tcp/80  CiliumNetworkPolicy/shop/web  "
                "spec.ingress[0]  web.yaml:15\n"
                "  2     allow    1           p1     any     agent option allow-localhost  "
                "-                -\n"
                "\n"
                "egress: not enforced, form constant\n"
                "\n");
}

TEST_F(Inspect, PrintsTheObject) {
  const fs::path object = compile();
  const std::string text = text_of(object);
  EXPECT_THAT(text, HasSubstr("object: " + std::to_string(fs::file_size(object)) + " bytes, "));
  EXPECT_THAT(text, AllOf(HasSubstr(" instructions, BTF yes\n"),
                          ContainsRegex("\n  policy_egress +tc +[1-9][0-9]*\n"),
                          ContainsRegex("\n  policy_ingress +tc +[1-9][0-9]*\n"),
                          HasSubstr("\n  policy_rows_in\n"), ContainsRegex("\n  \\.BTF +[1-9]"),
                          ContainsRegex("\n  \\.policyc\\.abi +4\n"),
                          ContainsRegex("\n  \\.policyc\\.hash +64\n")));
  EXPECT_THAT(text, Not(ContainsRegex(" \n"))) << "no blanks at the ends of lines";
}

TEST_F(Inspect, NamesWhatElseARuleMayHave) {
  std::string policy(kPolicy);
  policy += "          rules:\n            http: [{method: GET}]\n";
  policy += "  ingressDeny:\n    - fromEntities: [world]\n";
  const std::string text = text_of(compile(policy));
  EXPECT_THAT(text, AllOf(ContainsRegex("  redirect\\(http\\) +"), ContainsRegex("  deny +255 ")));
}

TEST_F(Inspect, AFormIsPrintedForEachDirection) {
  std::string policy(kPolicy);
  for (const int port : {81, 90, 95, 99, 105, 200, 300}) {
    policy += "            - port: \"" + std::to_string(port) + "\"\n              protocol: TCP\n";
  }
  const fs::path object = compile(policy);
  EXPECT_THAT(text_of(object),
              ContainsRegex("ingress: .*, form table, [1-9][0-9]* port classes\n"));
  const Json json = json_of(object);
  EXPECT_EQ(json["ingress"]["form"], "table");
  EXPECT_EQ(json["ingress"]["portClasses"], 2) << "the ports of the rule, and the others";
  EXPECT_EQ(json["egress"]["form"], "constant");
  EXPECT_FALSE(json["egress"].contains("portClasses"));
}

TEST_F(Inspect, JsonHoldsTheSame) {
  const fs::path object = compile();
  const Json json = json_of(object);
  EXPECT_EQ(json["subject"], "any:app=web, k8s:io.kubernetes.pod.namespace=shop");
  EXPECT_THAT(object.filename().string(), HasSubstr(json["hash"].get<std::string>().substr(0, 12)));
  EXPECT_EQ(json["predicates"].size(), 2U);
  EXPECT_EQ(json["ingress"]["enforced"], true);
  EXPECT_EQ(json["ingress"]["form"], "compares");
  const Json rule = json["ingress"]["rules"][0];
  EXPECT_EQ(rule["id"], 1);
  EXPECT_EQ(rule["verdict"], "allow");
  EXPECT_EQ(rule["precedence"], 1);
  EXPECT_EQ(rule["peers"], Json({0}));
  EXPECT_EQ(rule["ports"], Json({{6, 80, 80}}));
  EXPECT_EQ(rule["origin"], Json({{"object", "CiliumNetworkPolicy/shop/web"},
                                  {"path", "spec.ingress[0]"},
                                  {"file", "web.yaml"},
                                  {"line", 15}}));
  EXPECT_EQ(json["ingress"]["defaultDenyBy"][0]["line"], 11);
  EXPECT_EQ(json["object"]["bytes"], fs::file_size(object));
  EXPECT_EQ(json["object"]["btf"], true);
  const std::string text = text_of(object);
  EXPECT_THAT(text, HasSubstr(json["object"]["instructions"].dump() + " instructions"));
  for (const Json& function : json["object"]["functions"]) {
    EXPECT_THAT(text, ContainsRegex("\n  " + function["name"].get<std::string>() + " +" +
                                    function["section"].get<std::string>() + " +" +
                                    function["instructions"].dump() + "\n"));
  }
  for (const Json& map : json["object"]["maps"])
    EXPECT_THAT(text, HasSubstr("\n  " + map.get<std::string>() + "\n"));
  for (const Json& section : json["object"]["sections"]) {
    EXPECT_THAT(text, ContainsRegex("\n  " + section["name"].get<std::string>() + " +" +
                                    section["bytes"].dump() + "\n"));
  }
  EXPECT_FALSE(json["object"]["functions"].empty());
  EXPECT_FALSE(json["object"]["maps"].empty());
  EXPECT_FALSE(json["object"]["sections"].empty());
}

TEST_F(Inspect, RefusesGarbage) {
  const std::string good = read_bytes(compile());
  const auto inspect = [this](const std::string& bytes) {
    write_text(folder_ / "x.o", bytes);
    return run_policyc({"inspect", (folder_ / "x.o").string()});
  };
  for (const std::string& bytes :
       {std::string(), std::string("not an object"), std::string(5000, '\x7f'), good.substr(0, 64),
        good.substr(0, good.size() / 2), good.substr(0, good.size() - 1)}) {
    const auto run = inspect(bytes);
    EXPECT_EQ(run.exit_code, 1) << bytes.size();
    EXPECT_THAT(run.err, HasSubstr("x.o: "));
  }
  std::string tampered = good;
  const std::size_t at = tampered.find("\"precedence\":1");
  ASSERT_NE(at, std::string::npos);
  tampered[at + 13] = '2';
  const auto run = inspect(tampered);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("hash does not match"));
}

TEST_F(Inspect, MistakesOfUsageAndMissingFilesHaveTheirCodes) {
  EXPECT_EQ(run_policyc({"inspect"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"inspect", compile().string(), "-o", "yaml"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"inspect", (folder_ / "missing.o").string()}).exit_code, 3);
  EXPECT_EQ(run_policyc({"inspect", folder_.path().string()}).exit_code, 3);
}

}  // namespace
}  // namespace policyc::testing
