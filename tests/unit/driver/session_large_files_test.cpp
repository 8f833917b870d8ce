// Large files, which several threads read, say what they say when one reads them.
#include <functional>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/driver/session.h"

namespace policyc::driver {
namespace {

using ::testing::IsEmpty;

constexpr unsigned kWorkers = 3;

struct Read {
  FileVerdict verdict;
  policy::Cluster cluster;
  std::vector<service::DesiredService> services;
  std::vector<policy::LabelSet> labels;  // of each pod that the text may speak of
};

constexpr unsigned kNames = 900;

Read read(const std::string& text, unsigned workers) {
  SessionOptions options;
  options.node.name = "n1";
  options.node.addresses = {*parse_ip_address("192.0.2.9")};
  options.read_workers = workers;
  Session session(options);
  Read result;
  // What the text says is over is not what this file says.
  std::string before;
  std::vector<SessionEndpoint> pods;
  for (unsigned i = 0; i < kNames; ++i) {
    const std::string name = "p" + std::to_string(i);
    before += R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
              R"(","namespace":"a","labels":{"app":"before"}}})" + "\n";
    pods.push_back({name, "a", name, {}});
  }
  session.put_file("before", "before.json", before);
  result.verdict = session.put_file("big", "big.yaml", text);
  auto resolution = session.resolve(pods);
  for (const ResolvedSubject& pod : resolution.endpoints) result.labels.push_back(pod.labels);
  result.cluster = *resolution.cluster;
  result.services = std::move(resolution.services);
  return result;
}

void expect_the_same(const std::string& text) {
  const Read one = read(text, 1);
  const Read many = read(text, kWorkers);
  EXPECT_EQ(one.verdict.accepted, many.verdict.accepted);
  EXPECT_EQ(one.verdict.diagnostics, many.verdict.diagnostics);
  EXPECT_EQ(one.cluster.namespaces, many.cluster.namespaces);
  EXPECT_EQ(one.cluster.endpoints, many.cluster.endpoints);
  EXPECT_EQ(one.cluster.nodes, many.cluster.nodes);
  EXPECT_EQ(one.cluster.services, many.cluster.services);
  EXPECT_EQ(one.services, many.services);
  EXPECT_EQ(one.labels, many.labels);
}

// Objects of few names, so that most replace an earlier one.
class Objects {
 public:
  explicit Objects(bool json) : json_(json) {}
  std::string next() {
    const std::string name = std::to_string(random_() % kNames);
    const std::string address = "10.1." + std::to_string(random_() % 200) + ".7";
    std::string body;
    switch (random_() % 12) {
      case 0:
        body = R"("v1","kind":"Service","metadata":{"name":"s)" + name +
               R"(","namespace":"a"},"spec":{"clusterIP":")" + address + R"(","clusterIPs":[")" +
               address + R"("],"ports":[{"port":80}]}})";
        break;
      case 1:
        body = R"("v1","kind":"Namespace","metadata":{"name":"ns)" + name +
               R"(","labels":{"team":"t)" + address + "\"}}}";
        break;
      case 2:
        body = R"("cilium.io/v2","kind":"CiliumEndpoint","metadata":{"name":"p)" + name +
               R"(","namespace":"a"},"status":{"identity":{"labels":["k8s:app=x",)" +
               R"("k8s:io.kubernetes.pod.namespace=a"]},"networking":{"addressing":[{"ipv4":")" +
               address + "\"}]}}}";
        break;
      default:
        body = R"("v1","kind":"Pod","metadata":{"name":"p)" + name +
               R"(","namespace":"a","labels":{"app":"a)" + address +
               R"("}},"spec":{"nodeName":"n1","containers":[{"name":"c","image":"i")" +
               (random_() % 3 == 0 ? R"(,"ports":[{"containerPort":80,"hostPort":8080}])" : "") +
               R"(}]},"status":{"podIP":")" + address + R"(","podIPs":[{"ip":")" + address +
               R"("}],"phase":")" + (random_() % 5 == 0 ? "Succeeded" : "Running") + "\"}}";
    }
    return std::string(json_ ? "" : "---\n") + "{\"apiVersion\":" + body + "\n";
  }

 private:
  std::mt19937 random_{7};
  bool json_;
};

std::string many(
    bool json, std::size_t bytes,
    const std::function<std::string(std::size_t)>& more = [](std::size_t) {
      return std::string();
    }) {
  Objects objects(json);
  std::string text;
  for (std::size_t i = 0; text.size() < bytes; ++i) text += objects.next() + more(i);
  return text;
}

constexpr std::size_t kLarge = 500'000;

TEST(LargeFiles, OfJson) {
  const std::string text = many(true, kLarge);
  expect_the_same(text);
  EXPECT_GT(read(text, kWorkers).cluster.endpoints.size(), 300U);
  EXPECT_FALSE(read(text, kWorkers).services.empty());
}

TEST(LargeFiles, OfYaml) { expect_the_same(many(false, kLarge)); }

TEST(LargeFiles, WithSomethingToReport) {
  for (const std::size_t place : {1U, 900U, 1600U}) {
    for (const std::string wrong :
         {"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},\"status\":"
          "{\"podIP\":\"300.1.1.1\"}}\n",
          "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\",\"name\":\"y\"}}\n",
          "{\"apiVersion\":\n", "{\"unclosed\": \"\n{\"}\n"}) {
      const auto put = [&](std::size_t i) { return i == place ? wrong : std::string(); };
      const std::string text = many(true, kLarge, put);
      EXPECT_NE(read(text, 1).verdict.diagnostics, "") << wrong;
      expect_the_same(text);
    }
  }
}

// A line that begins with a brace is not always a document's first.
TEST(LargeFiles, WhoseLinesBeginWithBraces) {
  std::string text = "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n";
  Objects objects(true);
  for (bool first = true; text.size() < kLarge; first = false)
    text += (first ? "" : ",\n") + objects.next();
  expect_the_same(text + "]}\n");
  EXPECT_GT(read(text + "]}\n", kWorkers).cluster.endpoints.size(), 300U);
}

TEST(LargeFiles, WhosePoliciesAreHidden) {
  const std::string policy =
      "{\"apiVersion\":\"cilium.io/v2\",\"kind\":\"CiliumNetwork\\u0050olicy\",\"metadata\":"
      "{\"name\":\"x\",\"namespace\":\"a\"},\"spec\":{\"endpointSelector\":{},\"ingress\":[{}]}}\n";
  const std::string text =
      many(true, kLarge, [&](std::size_t i) { return i == 800 ? policy : std::string(); });
  expect_the_same(text);
  SessionOptions options;
  options.read_workers = kWorkers;
  Session session(options);
  session.put_file("big", "big.yaml", text);
  EXPECT_EQ(session.resolve({}).policies.size(), 1U);
}

// Which file's version of a pod counts decides whether its host ports do.
TEST(LargeFiles, ThePodThatCountsHasTheHostPorts) {
  SessionOptions options;
  options.node.name = "n1";
  options.node.addresses = {*parse_ip_address("192.0.2.9")};
  const auto pod = [](bool ports) {
    return std::string(
               "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: a}\n"
               "spec: {nodeName: n1, containers: [{name: c, image: i") +
           (ports ? ", ports: [{containerPort: 80, hostPort: 8080}]" : "") +
           "}]}\nstatus: {podIP: 10.1.1.1, podIPs: [{ip: 10.1.1.1}], phase: Running}\n";
  };
  for (const bool ports_first : {false, true}) {
    Session session(options);
    session.put_file("a", "a.yaml", pod(true));
    EXPECT_EQ(session.resolve({}).services.size(), 1U);
    session.put_file("b", "b.yaml", pod(false));
    auto result = session.resolve({});
    EXPECT_THAT(result.services, IsEmpty());
    EXPECT_EQ(result.removed_services.size(), 1U);
    session.remove_file(ports_first ? "b" : "a");
    result = session.resolve({});
    EXPECT_EQ(result.services.size(), ports_first ? 1U : 0U);
    if (ports_first) continue;
    // It comes back behind the one that counts.
    session.put_file("a", "a.yaml", pod(true));
    EXPECT_THAT(session.resolve({}).services, IsEmpty());
    session.put_file("c", "c.yaml", pod(true));
    EXPECT_EQ(session.resolve({}).services.size(), 1U);
  }
}

}  // namespace
}  // namespace policyc::driver
