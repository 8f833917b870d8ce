// What load balancers are answered, by real requests.

#include "loader/health/server.h"

#include <deque>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/unit/health/network.h"

namespace policyc::health::test {
namespace {

using service::HealthCheck;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class HealthServerTest : public NetworkTest {
 protected:
  std::vector<Problem> apply(const std::vector<HealthCheck>& wanted) {
    return server_.apply(wanted);
  }
  Server server_;
};

TEST_F(HealthServerTest, AnswersAsKubeProxyDoes) {
  EXPECT_THAT(apply({{"shop", "web", 31000, 2}, {"shop", "idle", 31001, 0}}), IsEmpty());
  for (const char* address : {"127.0.0.1", "::1"}) {
    const auto answer = get(31000, address);
    ASSERT_TRUE(answer) << address;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->get_header_value("Content-Type"), "application/json");
    EXPECT_EQ(answer->get_header_value("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(answer->get_header_value("X-Load-Balancing-Endpoint-Weight"), "2");
    EXPECT_EQ(nlohmann::json::parse(answer->body),
              nlohmann::json::parse(R"({"service": {"namespace": "shop", "name": "web"},
                                        "localEndpoints": 2, "serviceProxyHealthy": true})"));
  }
  const auto idle = get(31001);
  ASSERT_TRUE(idle);
  EXPECT_EQ(idle->status, 503);
  EXPECT_EQ(idle->get_header_value("X-Load-Balancing-Endpoint-Weight"), "0");
  EXPECT_EQ(nlohmann::json::parse(idle->body)["localEndpoints"], 0);
}

TEST_F(HealthServerTest, AnyPathIsAnswered) {
  EXPECT_THAT(apply({{"shop", "web", 31000, 1}}), IsEmpty());
  const auto answer = get(31000, "127.0.0.1", "/healthz?verbose=1");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  httplib::Client client("127.0.0.1", 31000);
  const auto head = client.Head("/healthz");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
}

TEST_F(HealthServerTest, PortsFollowWhatIsWanted) {
  EXPECT_THAT(apply({{"shop", "a", 31000, 1}, {"shop", "b", 31001, 1}}), IsEmpty());
  EXPECT_THAT(apply({{"shop", "b", 31001, 0}, {"shop", "c", 31002, 3}}), IsEmpty());
  EXPECT_THAT(server_.ports(), ElementsAre(31001, 31002));
  EXPECT_FALSE(get(31000));
  EXPECT_EQ(get(31001)->status, 503);
  EXPECT_EQ(get(31002)->status, 200);
  // The port goes to another service.
  EXPECT_THAT(apply({{"shop", "d", 31001, 4}}), IsEmpty());
  EXPECT_EQ(nlohmann::json::parse(get(31001)->body)["service"]["name"], "d");
  server_.stop();
  EXPECT_THAT(server_.ports(), IsEmpty());
  EXPECT_FALSE(get(31001));
}

TEST_F(HealthServerTest, APortThatIsTakenIsTriedAgain) {
  std::deque<TcpSocket> taken(1);
  taken.front().listen(31000);
  const auto problems = apply({{"shop", "a", 31000, 1}, {"shop", "b", 31001, 1}});
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].port, 31000);
  EXPECT_EQ(problems[0].service, "shop/a");
  EXPECT_EQ(problems[0].reason, "Address already in use");
  EXPECT_EQ(get(31001)->status, 200) << "others are served";
  EXPECT_THAT(server_.retry(), SizeIs(1));
  taken.clear();
  EXPECT_THAT(server_.retry(), IsEmpty());
  EXPECT_EQ(get(31000)->status, 200);
}

TEST_F(HealthServerTest, AnotherServerHasThePortForItself) {
  EXPECT_THAT(apply({{"shop", "a", 31000, 1}}), IsEmpty());
  Server other;
  EXPECT_THAT(other.apply(std::vector<HealthCheck>{{"shop", "a", 31000, 1}}), SizeIs(1));
}

TEST_F(HealthServerTest, OfTwoServicesWithOnePortTheFirstHasIt) {
  const auto problems = apply({{"shop", "b", 31000, 0}, {"shop", "a", 31000, 1}});
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].service, "shop/b");
  EXPECT_EQ(problems[0].reason, "it is the port of shop/a");
  EXPECT_EQ(nlohmann::json::parse(get(31000)->body)["service"]["name"], "a");
  EXPECT_THAT(apply({{"shop", "b", 31000, 0}}), IsEmpty());
  EXPECT_EQ(get(31000)->status, 503);
}

TEST_F(HealthServerTest, ANodeWhoseDatapathIsNotWellTakesNothing) {
  EXPECT_THAT(apply({{"shop", "a", 31000, 1}}), IsEmpty());
  server_.set_proxy_healthy(false);
  const auto answer = get(31000);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(nlohmann::json::parse(answer->body)["serviceProxyHealthy"], false);
  EXPECT_EQ(nlohmann::json::parse(answer->body)["localEndpoints"], 1);
  server_.set_proxy_healthy(true);
  EXPECT_EQ(get(31000)->status, 200);
}

TEST_F(HealthServerTest, ClientsThatSayNothingHoldNobodyUp) {
  EXPECT_THAT(apply({{"shop", "a", 31000, 1}}), IsEmpty());
  std::deque<TcpSocket> silent(8);
  for (const TcpSocket& one : silent) ASSERT_TRUE(one.connect(31000));
  EXPECT_EQ(get(31000)->status, 200);
  server_.stop();
  EXPECT_FALSE(get(31000)) << "and do not keep the port open";
}

}  // namespace
}  // namespace policyc::health::test
