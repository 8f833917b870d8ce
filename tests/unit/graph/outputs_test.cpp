// What people read: goldens of the text forms, filters, and that no name of a manifest breaks out
// of where it stands.
#include "compiler/graph/outputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/golden.h"
#include "tests/unit/graph/compiled.h"

namespace policyc::graph::testing {
namespace {

using ::policyc::testing::matches_golden;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class GraphOutputs : public ::testing::Test {
 protected:
  static std::filesystem::path golden(const std::string& name) {
    return std::filesystem::path(POLICYC_TESTDATA) / "graph/shop" / name;
  }
  const Compiled shop_{sample("shop")};
};

TEST_F(GraphOutputs, AreWhatTheyWere) {
  const Graph& graph = shop_.graph();
  EXPECT_TRUE(matches_golden(golden("expected.txt"), to_text(graph, shop_.everything())));
  EXPECT_TRUE(matches_golden(golden("expected.dot"), to_dot(graph, shop_.everything())));
  EXPECT_TRUE(matches_golden(golden("expected.svg"), to_svg(graph, shop_.everything())));
  EXPECT_TRUE(matches_golden(
      golden("expected.filtered.txt"),
      to_text(graph, shop_.only({.from = {"app=web,tier=front"}, .to = {}, .namespaces = {}}))));
}

TEST_F(GraphOutputs, FiltersTakeLabelsNamesEntitiesAndNamespaces) {
  const Graph& graph = shop_.graph();
  const auto text = [&](const Wanted& wanted) { return to_text(graph, shop_.only(wanted)); };
  EXPECT_THAT(text({.from = {}, .to = {"shop/api-0"}, .namespaces = {}}),
              AllOf(HasSubstr("to shop/app=api"), Not(HasSubstr("to data/"))));
  EXPECT_THAT(text({.from = {"192.0.2.0/24"}, .to = {}, .namespaces = {"data"}}),
              AllOf(HasSubstr("to every pod of namespace data (2 pods)"),
                    HasSubstr("tcp/5432  from 192.0.2.0/24"), Not(HasSubstr("shop"))));
  EXPECT_THAT(text({.from = {"world"}, .to = {"app=web"}, .namespaces = {}}),
              HasSubstr("tcp/8080  from the world"));
  EXPECT_THAT(text({.from = {"app=report"}, .to = {"app=api"}, .namespaces = {}}),
              HasSubstr("no connection is allowed"));
  const auto none = Selection::make(graph, {.from = {"app=nobody"}, .to = {}, .namespaces = {}});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().message, "--from: nothing matches `app=nobody`");
}

TEST_F(GraphOutputs, JsonIsACompleteAccount) {
  const auto json = nlohmann::json::parse(to_json(shop_.graph(), shop_.everything()));
  EXPECT_EQ(json["schemaVersion"], 1);
  const Graph& graph = shop_.graph();
  ASSERT_EQ(json["units"].size(), graph.units.size());
  std::map<std::pair<unsigned, unsigned>, std::string> edges;
  for (const auto& connection : json["connections"]) {
    for (const auto& to : connection["to"]) {
      for (const auto& from : json["sources"][connection["from"].get<std::size_t>()]) {
        for (unsigned b = to[0]; b <= to[1].get<unsigned>(); ++b) {
          for (unsigned a = from[0]; a <= from[1].get<unsigned>(); ++a)
            EXPECT_TRUE(
                edges
                    .emplace(std::pair(a, b),
                             json["portSets"][connection["ports"].get<std::size_t>()]["text"])
                    .second);
        }
      }
    }
  }
  for (UnitId a = 0; a < graph.units.size(); ++a) {
    for (UnitId b = 0; b < graph.units.size(); ++b) {
      const PortSetId ports = graph.connection(a, b);
      const auto found = edges.find({a, b});
      ASSERT_EQ(found != edges.end(), ports != kNoPorts) << a << " " << b;
      if (ports != kNoPorts) {
        EXPECT_EQ(found->second, graph.ports[ports].to_string());
      }
    }
  }
  bool found = false;
  for (const auto& rule : json["rules"]) {
    found = found || (rule["object"] == "CiliumNetworkPolicy/shop/api" &&
                      rule["file"] == "policies.yaml" && rule["line"] == 29);
  }
  EXPECT_TRUE(found) << json["rules"].dump(1);
}

TEST_F(GraphOutputs, PicturesWithTooManyEdgesShowNamespacesAndSaySo) {
  const std::string dot = to_dot(shop_.graph(), shop_.everything(), 5);
  EXPECT_THAT(dot, AllOf(HasSubstr("shown by namespace"), HasSubstr("label=\"shop (4)\""),
                         Not(HasSubstr("app=web"))));
  EXPECT_THAT(to_svg(shop_.graph(), shop_.everything(), 5),
              AllOf(HasSubstr("shown by namespace"), HasSubstr(">shop (4)<")));
  EXPECT_THAT(to_svg(shop_.graph(), shop_.everything()), Not(HasSubstr("shown by namespace")));
}

TEST(GraphNames, FromManifestsStayText) {
  const Compiled hostile(sample("hostile"));
  const Graph& graph = hostile.graph();
  const std::string svg = to_svg(graph, hostile.everything());
  EXPECT_THAT(svg, AllOf(Not(HasSubstr("<svg onload")), Not(HasSubstr("<img")),
                         Not(HasSubstr("<script")), Not(HasSubstr("\xe2\x80\xae"))));
  const std::string html = to_html(graph, hostile.everything());
  const auto count = [&](const std::string& text) {
    std::size_t hits = 0;
    for (std::size_t at = html.find(text); at != std::string::npos; at = html.find(text, at + 1))
      ++hits;
    return hits;
  };
  EXPECT_EQ(count("<script"), 2U) << "the document and the script, and nothing of a manifest";
  EXPECT_EQ(count("</script"), 2U);
  EXPECT_THAT(html, AllOf(Not(HasSubstr("<img")), Not(HasSubstr("<svg onload")),
                          HasSubstr("content=\"default-src 'none'; style-src 'sha256-")));
  const std::string dot = to_dot(graph, hostile.everything());
  EXPECT_THAT(dot, HasSubstr(R"(a\\\"];evil[label=\"x)"));
}

TEST(GraphNames, XmlHoldsOnlyWhatXmlCanHold) {
  EXPECT_EQ(escape_xml("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(escape_xml(std::string_view("\0\x1b\xff", 3)), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(escape_xml("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8d"),
            "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8d");
  EXPECT_EQ(escape_xml("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") << "a surrogate";
}

}  // namespace
}  // namespace policyc::graph::testing
