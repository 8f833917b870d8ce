// The page in headless Chromium, opened from disk: search, filters and choices stand in the
// address's fragment, so a fragment does what a reader would do.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/graph/outputs.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/graph/compiled.h"

namespace policyc::graph::testing {
namespace {

using ::policyc::testing::run_program;
using ::policyc::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Page : public ::testing::Test {
 protected:
  void write(const Compiled& compiled) {
    std::ofstream(folder_ / "graph.html") << to_html(compiled.graph(), compiled.everything());
  }
  // The page's document after its script has run.
  std::string open(const std::string& fragment) {
    const auto run = [&] {
      return run_program(
          {"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
           "--no-first-run", "--disable-background-networking", "--disable-component-update",
           "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND",
           "--user-data-dir=" + (folder_ / "profile").string(), "--virtual-time-budget=10000",
           "--dump-dom", "file://" + (folder_ / "graph.html").string() + "#" + fragment},
          "", folder_.path(), {"HOME=" + folder_.path().string()});
    };
    // A machine with much else to do may not start a browser within run_program's minute.
    auto done = run();
    for (int again = 0; done.exit_code == -1 && again < 3; ++again) done = run();
    EXPECT_EQ(done.exit_code, 0) << done.err;
    return done.out;
  }
  // The text between the first `begin` and the next `end`.
  static std::string part(const std::string& text, const std::string& begin,
                          const std::string& end) {
    const std::size_t at = text.find(begin);
    if (at == std::string::npos) return {};
    return text.substr(at, text.find(end, at) - at);
  }
  static std::string detail(const std::string& page) {
    return part(page, "<section id=\"detail\"", "</section>");
  }
  static std::string list(const std::string& page) {
    return part(page, "<section id=\"list\"", "</section>");
  }

  TemporaryFolder folder_;
};

TEST_F(Page, ShowsEveryConnectionAndTheRulesOfTheOneThatIsChosen) {
  const Compiled shop(sample("shop"));
  write(shop);
  const std::string page = open("");
  EXPECT_THAT(list(page), AllOf(HasSubstr("shop/app=web \u2192 shop/app=api"),
                                HasSubstr("shop/app=api"), HasSubstr("pay.example.com")));
  EXPECT_THAT(part(page, "<section id=\"picture\"", "</section>"),
              AllOf(HasSubstr("class=\"node"), HasSubstr("tabindex=\"0\""),
                    HasSubstr("role=\"button\""), HasSubstr("class=\"edge l7")));

  const std::string first = open("search=postgres&select=edge0");
  EXPECT_THAT(list(first), AllOf(HasSubstr("app.kubernetes.io/name=postgres"),
                                 Not(HasSubstr("pay.example.com"))));
  EXPECT_THAT(detail(first), AllOf(HasSubstr("id=\"ports\""), HasSubstr("Egress of")));

  UnitId web = 0;
  UnitId api = 0;
  for (UnitId unit = 0; unit < shop.graph().units.size(); ++unit) {
    if (shop.graph().units[unit].name == "shop/app=web") web = unit;
    if (shop.graph().units[unit].name == "shop/app=api") api = unit;
  }
  const std::string chosen = open("select=u" + std::to_string(web) + "-u" + std::to_string(api));
  EXPECT_THAT(detail(chosen), AllOf(HasSubstr("tcp/443 (http), tcp/9000-9010"),
                                    HasSubstr("CiliumNetworkPolicy/shop/api spec.ingress[0]"),
                                    HasSubstr("policies.yaml:29"),
                                    HasSubstr("tcp, udp, sctp, every other protocol: allow by "
                                              "CiliumNetworkPolicy/shop/web spec.egress[0]")))
      << "one line for each rule";
  EXPECT_THAT(chosen, HasSubstr("edge l7 chosen"));
}

TEST_F(Page, FiltersByNamespaceAndLabel) {
  const Compiled shop(sample("shop"));
  write(shop);
  const std::string data = open("namespace=data");
  EXPECT_THAT(list(data), AllOf(HasSubstr("data/"), Not(HasSubstr("pay.example.com"))));
  const std::string label = open("label=app%3Dapi");
  EXPECT_THAT(list(label), AllOf(HasSubstr("shop/app=web \u2192 shop/app=api"),
                                 Not(HasSubstr("shop/app=web \u2192 pay.example.com"))));
}

TEST_F(Page, RunsNothingThatAManifestSays) {
  const Compiled hostile(sample("hostile"));
  write(hostile);
  const std::string page = open("select=u0&search=%3Cimg");
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<img")), Not(HasSubstr("<svg onload")),
                          HasSubstr("<title>Who can talk to whom</title>")));
  EXPECT_THAT(detail(page), HasSubstr("&lt;/script&gt;&lt;script&gt;"));
}

TEST_F(Page, ShowsNamespacesWhereConnectionsAreTooMany) {
  std::string pods;
  for (int ns = 0; ns < 3; ++ns) {
    for (int pod = 0; pod < 20; ++pod) {
      const std::string name = std::to_string(pod);
      const std::string space = "ns" + std::to_string(ns);
      pods +=
          "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p" + name + ", namespace: " + space +
          ", labels: {app: a" + name + "}}\nspec: {containers: [{name: main}]}\n" +
          "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p" + name +
          ", namespace: " + space + "}\nspec:\n  endpointSelector: {matchLabels: {app: a" + name +
          "}}\n  ingress: [{fromEntities: [cluster], toPorts: [{ports: [{port: \"8" + name +
          "\"}]}]}]\n";
    }
  }
  write(Compiled({{"pods.yaml", pods}}));
  const std::string page = open("");
  EXPECT_THAT(page, HasSubstr("shown by namespace"));
  EXPECT_THAT(list(page), AllOf(HasSubstr("ns0 \u2192 ns1"), Not(HasSubstr("app=a7"))));
  const std::string expanded = open("expand=ns1");
  EXPECT_THAT(list(expanded), HasSubstr("ns0 \u2192 ns1/app=a0"));
}

}  // namespace
}  // namespace policyc::graph::testing
