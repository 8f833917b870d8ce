// From addresses to labels (spec sections 5.2, 5.3, 5.6).

#include "compiler/policy/address_book.h"

#include <gtest/gtest.h>

namespace policyc::policy {
namespace {

IpAddress ip(const std::string& text) { return *parse_ip_address(text); }
IpPrefix net(const std::string& text) { return *parse_ip_prefix(text); }

class AddressBookTest : public testing::Test {
 protected:
  void mention(const std::string& prefix, std::initializer_list<Label> extra = {}) {
    PrefixLabels labels{net(prefix), {}};
    if (labels.prefix.length > 0) labels.labels.add(cidr_label(labels.prefix));
    for (const Label& label : extra) labels.labels.add(label);
    resolved_.prefixes.push_back(std::move(labels));
  }
  void add_node(NodeRole role, const std::string& address, StringMap labels = {}) {
    cluster_.nodes.push_back({role, "", std::move(labels), {ip(address)}});
  }
  std::string labels(const std::string& address) const {
    return AddressBook(cluster_, resolved_, options_).address_labels(ip(address)).to_string();
  }

  Cluster cluster_;
  Resolved resolved_;
  Options options_;
};

TEST_F(AddressBookTest, UnknownAddressesAreTheWorldOfTheirFamily) {
  EXPECT_EQ(labels("8.8.8.8"), "reserved:world-ipv4");
  EXPECT_EQ(labels("2001:db8::1"), "reserved:world-ipv6");
  options_.ipv6 = false;
  EXPECT_EQ(labels("8.8.8.8"), "reserved:world");
  EXPECT_EQ(labels("2001:db8::1"), "reserved:world");
}

TEST_F(AddressBookTest, PrefixOfADisabledFamilyHasALabelThatNothingElseHas) {
  options_.ipv6 = false;
  mention("2001:db8::/32");
  EXPECT_EQ(labels("2001:db8::1"), "cidr:2001-db8--0/32,reserved:world-ipv6");
}

TEST_F(AddressBookTest, TheLongestPrefixGivesTheOnlyCidrLabel) {
  mention("10.0.0.0/8");
  mention("10.1.0.0/16");
  EXPECT_EQ(labels("10.1.2.3"), "cidr:10.1.0.0/16,reserved:world-ipv4");
  EXPECT_EQ(labels("10.2.2.3"), "cidr:10.0.0.0/8,reserved:world-ipv4");
}

TEST_F(AddressBookTest, LabelsOfCoveringPrefixesAreInherited) {
  mention("10.0.0.0/8", {{"cidrgroup", "env", "prod"}});
  mention("10.1.0.0/16");
  EXPECT_EQ(labels("10.1.2.3"), "cidr:10.1.0.0/16,cidrgroup:env=prod,reserved:world-ipv4");
}

TEST_F(AddressBookTest, ZeroLengthPrefixIsTheWorldItself) {
  mention("0.0.0.0/0");
  EXPECT_EQ(labels("8.8.8.8"), "reserved:world-ipv4");
}

TEST_F(AddressBookTest, PodsKeepTheirOwnLabels) {
  mention("10.0.0.0/8");
  Endpoint pod;
  pod.namespace_ = "a";
  pod.name = "web";
  pod.addresses = {ip("10.0.0.1")};
  cluster_.endpoints.push_back(pod);
  EXPECT_EQ(labels("10.0.0.1"),
            "k8s:io.cilium.k8s.policy.cluster=default,k8s:io.kubernetes.pod.namespace=a");
}

TEST_F(AddressBookTest, NodesAreNoCidrsUnlessTheOptionSaysSo) {
  mention("172.16.0.0/12");
  add_node(NodeRole::RemoteNode, "172.18.0.3");
  add_node(NodeRole::Health, "172.18.0.9");
  EXPECT_EQ(labels("172.18.0.3"), "reserved:remote-node");
  options_.cidr_match_nodes = true;
  EXPECT_EQ(labels("172.18.0.3"), "cidr:172.16.0.0/12,reserved:remote-node");
  EXPECT_EQ(labels("172.18.0.9"), "reserved:health");
}

TEST_F(AddressBookTest, NodeLabelsNeedTheOption) {
  add_node(NodeRole::RemoteNode, "172.18.0.3", {{"role", "gw"}});
  EXPECT_EQ(labels("172.18.0.3"), "reserved:remote-node");
  options_.node_selector_labels = true;
  EXPECT_EQ(labels("172.18.0.3"),
            "k8s:io.cilium.k8s.policy.cluster=default,reserved:remote-node,node:role=gw");
}

TEST_F(AddressBookTest, FiltersOfLabelsAreForPodsAndForNodes) {
  Endpoint pod;
  pod.namespace_ = "a";
  pod.labels = {{"app", "web"}, {"job", "7"}};
  pod.addresses = {ip("10.0.0.1")};
  cluster_.endpoints.push_back(pod);
  add_node(NodeRole::RemoteNode, "172.18.0.3", {{"role", "gw"}, {"uuid", "7"}});
  options_.node_selector_labels = true;
  options_.labels = *LabelFilter::parse("!job");
  options_.node_labels = *LabelFilter::parse("node:role");
  EXPECT_EQ(
      labels("10.0.0.1"),
      "k8s:app=web,k8s:io.cilium.k8s.policy.cluster=default,k8s:io.kubernetes.pod.namespace=a");
  EXPECT_EQ(labels("172.18.0.3"),
            "k8s:io.cilium.k8s.policy.cluster=default,reserved:remote-node,node:role=gw");
}

// What another cluster's agent says of its pods went through its own filter.
TEST_F(AddressBookTest, LabelsOfOtherClustersAreNotFilteredAgain) {
  Endpoint pod;
  pod.namespace_ = "a";
  pod.cluster = "far";
  pod.labels = {{"job", "7"}, {"io.cilium.k8s.namespace.labels.team", "x"}};
  pod.addresses = {ip("10.0.0.1")};
  cluster_.endpoints.push_back(pod);
  options_.labels = *LabelFilter::parse("!job");
  EXPECT_EQ(labels("10.0.0.1"),
            "k8s:io.cilium.k8s.namespace.labels.team=x,k8s:io.cilium.k8s.policy.cluster=far,"
            "k8s:io.kubernetes.pod.namespace=a,k8s:job=7");
}

TEST_F(AddressBookTest, TheLocalHostIsOneIdentity) {
  add_node(NodeRole::Host, "172.18.0.2");
  add_node(NodeRole::KubeApiServerHost, "172.18.0.22");
  const AddressBook book(cluster_, resolved_, options_);
  EXPECT_EQ(book.address_labels(ip("172.18.0.2")).to_string(),
            "reserved:host,reserved:kube-apiserver");
  EXPECT_EQ(book.entity_labels("host"), book.address_labels(ip("172.18.0.22")));
}

TEST_F(AddressBookTest, ApiServerOutsideTheClusterIsInTheWorldToo) {
  add_node(NodeRole::KubeApiServerExternal, "203.0.113.5");
  EXPECT_EQ(labels("203.0.113.5"), "reserved:kube-apiserver,reserved:world-ipv4");
}

TEST_F(AddressBookTest, DnsAnswersCarryTheTextOfEverySelectorThatMatches) {
  for (const std::string text : {"X.io", "*.x.io", "*"}) {
    resolved_.fqdn_selectors.emplace_back(text, Selector{});
  }
  cluster_.dns = {{"x.io", {ip("192.0.2.9")}}, {"a.x.io", {ip("192.0.2.9"), ip("192.0.2.10")}}};
  EXPECT_EQ(labels("192.0.2.9"), "fqdn:*,fqdn:*.x.io,fqdn:X.io,reserved:world-ipv4");
  EXPECT_EQ(labels("192.0.2.10"), "fqdn:*,fqdn:*.x.io,reserved:world-ipv4");
}

TEST_F(AddressBookTest, ListsEverythingSorted) {
  mention("10.0.0.0/8");
  add_node(NodeRole::Host, "172.18.0.2");
  const AddressBook book(cluster_, resolved_, options_);
  ASSERT_EQ(book.entries().size(), 2U);
  EXPECT_EQ(book.entries()[0].prefix.to_string(), "10.0.0.0/8");
  EXPECT_EQ(book.entries()[1].prefix.to_string(), "172.18.0.2/32");
}

}  // namespace
}  // namespace policyc::policy
