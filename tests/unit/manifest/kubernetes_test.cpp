// Documents, lists and JSON streams.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/manifest/reading.h"

namespace policyc::manifest {
namespace {

using diag::Id;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string names(const Reading& reading) {
  std::string out;
  for (const Document& document : reading.documents) {
    out += document.api_version.value + "/" + document.kind.value + ":" +
           document.namespace_.value + "/" + document.name.value + " ";
  }
  return out;
}

TEST(Documents, HaveTheirTypeAndName) {
  EXPECT_EQ(names(read("apiVersion: a/v1\nkind: K\nmetadata: {name: a, namespace: b}\n")),
            "a/v1/K:b/a ");
  EXPECT_EQ(names(read("apiVersion: a/v1\nkind: K\n")), "a/v1/K:/ ");
}

TEST(Documents, EmptyOnesAreSkipped) {
  for (const char* text : {"", "\n", "# comment", "---", "---\n---\n", "---\n# c\n---\n~\n", "null",
                           "...\n", "\xef\xbb\xbf"}) {
    const Reading reading = read(text);
    EXPECT_THAT(reading.documents, IsEmpty()) << text;
    EXPECT_THAT(reading.ids(), IsEmpty()) << text << reading.rendered();
  }
}

TEST(Documents, ListsAreTakenApart) {
  EXPECT_EQ(
      names(read(
          "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n"
          "- {apiVersion: v1, kind: B, metadata: {name: b}}\n")),
      "v1/A:/a v1/B:/b ");
}

TEST(Documents, ItemsOfATypedListTakeItsType) {
  const Reading reading = read(
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicyList\nitems:\n- metadata: {name: a}\n");
  EXPECT_EQ(names(reading), "cilium.io/v2/CiliumNetworkPolicy:/a ");
  EXPECT_EQ(reading.documents.at(0).root.find("kind")->text, "CiliumNetworkPolicy");
}

TEST(Documents, ItemsOfAnUntypedListNeedTheirType) {
  const Reading reading = read("apiVersion: v1\nkind: List\nitems:\n- metadata: {name: a}\n");
  EXPECT_THAT(reading.ids(), ElementsAre(Id::InvalidApiVersion, Id::InvalidKind));
}

TEST(Documents, AKindEndingInListWithoutItemsIsNoList) {
  EXPECT_EQ(names(read("apiVersion: v1\nkind: AllowList\nspec: {}\n")), "v1/AllowList:/ ");
}

TEST(Documents, GoodItemsSurviveBadOnes) {
  const Reading reading =
      read("apiVersion: v1\nkind: List\nitems:\n- 5\n- {apiVersion: v1, kind: A}\n");
  EXPECT_EQ(names(reading), "v1/A:/ ");
  EXPECT_THAT(reading.ids(), ElementsAre(Id::InvalidList));
}

TEST(Documents, WhatIsNoObjectIsRefusedAsTheApiServerDoes) {
  for (const auto& [text, id] :
       {std::pair{"[]", Id::NotAnObject}, std::pair{"text", Id::NotAnObject},
        std::pair{"kind: K", Id::InvalidApiVersion}, std::pair{"apiVersion: v1", Id::InvalidKind},
        std::pair{"apiVersion: 1\nkind: K", Id::InvalidApiVersion},
        std::pair{"apiVersion: v1\nkind: K\nmetadata: 5", Id::InvalidMetadata}}) {
    const Reading reading = read(text);
    EXPECT_THAT(reading.ids(), ElementsAre(id)) << text;
    ASSERT_EQ(reading.diagnostics.all().size(), 1U);
    EXPECT_EQ(reading.diagnostics.all()[0].refused_by, diag::RefusedBy::ApiServer) << text;
    EXPECT_THAT(reading.documents, IsEmpty()) << text;
  }
}

TEST(Json, OneDocument) {
  EXPECT_EQ(dump_x(read("{\n\t\"apiVersion\": \"v1\", \"kind\": \"X\",\n\t\"x\": [1, \"1\", 1.5, "
                        "true, null, \"\\u00e9\\/\"]\n}")),
            "[1, \"1\", 1.5, true, null, \"\xc3\xa9/\"]");
}

TEST(Json, SeveralObjects) {
  const std::string object = R"({"apiVersion":"v1","kind":"X"})";
  EXPECT_EQ(read(object + "\n" + object + "\n").documents.size(), 2U);
  EXPECT_EQ(read(object + object).documents.size(), 2U);
  EXPECT_EQ(read(object + "\n---\n" + object).documents.size(), 2U);
  EXPECT_THAT(read(object + "\n[]\n").ids(), ElementsAre(Id::MissingSeparator));
  EXPECT_THAT(read(object + "\na: b\n").ids(), ElementsAre(Id::MissingSeparator));
}

TEST(Json, FlowMappingsInYamlDocuments) {
  EXPECT_EQ(
      read("---\n{apiVersion: v1, kind: X}\n---\n{apiVersion: v1, kind: X}\n").documents.size(),
      2U);
}

// Each before the next one is read.
TEST(Documents, AreGivenOnOneByOne) {
  source::SourceMap sources;
  const source::FileId file = sources.add_file(
      "test",
      "{\"apiVersion\": \"v1\", \"kind\": \"A\"}\n{\"apiVersion\": \"v1\"}\n"
      "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": ["
      "{\"apiVersion\": \"v1\", \"kind\": \"B\"}, {\"apiVersion\": \"v1\", \"kind\": \"C\"}]}\n");
  diag::Engine diagnostics;
  std::vector<std::pair<std::string, std::size_t>> seen;  // kinds, reports before each
  visit_documents(sources, file, diagnostics, {}, [&](const Document& document) {
    seen.emplace_back(document.kind.value, diagnostics.all().size());
  });
  const std::vector<std::pair<std::string, std::size_t>> expected{{"A", 0}, {"B", 1}, {"C", 1}};
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace policyc::manifest
