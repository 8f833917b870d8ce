// `policyc doctor kube-proxy` on real rules in a network namespace.

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/driver/process.h"
#include "tests/unit/kubeproxy/node_rules.h"

namespace policyc::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class DoctorKubeProxy : public ::testing::Test {
 protected:
  void SetUp() override { enter_new_network(); }

  static Finished doctor(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"doctor", "kube-proxy"});
    return run_policyc(more);
  }
  static Json doctor_json(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"-o", "json"});
    const auto done = doctor(std::move(more));
    const Json json = Json::parse(done.out, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << done.out << done.err;
    return json;
  }
};

// A process that is called kube-proxy, of the test's network namespace.
class RunningKubeProxy {
 public:
  RunningKubeProxy() {
    const auto program = folder_ / "kube-proxy";
    std::filesystem::copy_file("/bin/sleep", program);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl(program.c_str(), program.c_str(), "1000", nullptr);
      ::_exit(121);
    }
    const std::string comm = "/proc/" + std::to_string(pid_) + "/comm";
    for (std::string name; name != "kube-proxy"; ::usleep(1000))
      std::getline(std::ifstream(comm), name);
  }
  ~RunningKubeProxy() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  RunningKubeProxy(const RunningKubeProxy&) = delete;
  RunningKubeProxy& operator=(const RunningKubeProxy&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  TemporaryFolder folder_;
  pid_t pid_ = -1;
};

// Takes a program away, for this process and what it starts.
class WithoutTool {
 public:
  explicit WithoutTool(const std::string& path) : path_(std::filesystem::canonical(path)) {
    static const bool own_mounts =
        ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    EXPECT_TRUE(own_mounts);
    EXPECT_EQ(::mount("/dev/null", path_.c_str(), nullptr, MS_BIND, nullptr), 0);
  }
  ~WithoutTool() { EXPECT_EQ(::umount(path_.c_str()), 0); }
  WithoutTool(const WithoutTool&) = delete;
  WithoutTool& operator=(const WithoutTool&) = delete;

 private:
  std::filesystem::path path_;
};

TEST_F(DoctorKubeProxy, NothingOnACleanNode) {
  const auto done = doctor();
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_EQ(done.out, "nothing of kube-proxy is on this node\n");
  const Json json = doctor_json();
  EXPECT_EQ(json.at("found"), false);
  EXPECT_EQ(json.at("complete"), true);
}

TEST_F(DoctorKubeProxy, RulesOfOthersAreNoFinding) {
  for (const auto& tool : rule_tools()) add_rules_of_others(tool);
  const auto done = doctor();
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_THAT(done.out, HasSubstr("not kube-proxy's: iptables-legacy, IPv4, table mangle: "
                                  "kubelet's KUBE-IPTABLES-HINT, KUBE-KUBELET-CANARY\n"));
  EXPECT_THAT(done.out, HasSubstr("not kube-proxy's: iptables-nft, IPv6, table nat: another's "
                                  "KUBE-ROUTER-X\n"));
  EXPECT_THAT(done.out, HasSubstr("nothing of kube-proxy is on this node\n"));
}

TEST_F(DoctorKubeProxy, FindsRulesOfEachToolAndFamily) {
  for (const auto& tool : rule_tools()) {
    enter_new_network();
    add_rules_of_others(tool);
    add_rules_of_kube_proxy(tool);
    const std::string place = (tool.ends_with("legacy") ? "iptables-legacy" : "iptables-nft") +
                              std::string(tool.starts_with("ip6") ? ", IPv6" : ", IPv4");
    const auto done = doctor();
    EXPECT_EQ(done.exit_code, 1) << tool << done.out << done.err;
    EXPECT_THAT(
        done.out,
        AllOf(HasSubstr(place + ", table nat: 7 chains of kube-proxy with 8 rules\n"),
              HasSubstr("before policyc's host program sees the packet"),
              HasSubstr("KUBE-SVC-* (1)"),
              HasSubstr("jump:     -A OUTPUT -m comment --comment \"kubernetes service portals\" "
                        "-j KUBE-SERVICES\n"),
              HasSubstr(place + ", table filter: 2 chains of kube-proxy with 1 rule\n"),
              HasSubstr(place + ", table mangle: 1 chain of kube-proxy with 0 rules\n"),
              HasSubstr("`policyc doctor kube-proxy --cleanup` removes")))
        << tool;
    const Json json = doctor_json();
    EXPECT_EQ(json.at("found"), true);
    ASSERT_EQ(json.at("iptables").size(), 3U) << tool;
    for (const Json& table : json["iptables"]) {
      EXPECT_EQ(std::string(table.at("backend")) + ", " + std::string(table.at("family")), place);
      if (table.at("table") != "nat") continue;
      EXPECT_EQ(table.at("chains").at("KUBE-SEP-*"), 1);
      EXPECT_EQ(table.at("rules"), 8);
      EXPECT_EQ(table.at("jumps").size(), 3U);
    }
  }
}

TEST_F(DoctorKubeProxy, ChainsThatNothingLeadsIntoAreSaidToDoNothing) {
  shell("iptables-legacy -t nat -N KUBE-SVC-AAAAAAAAAAAAAAAA");
  const auto done = doctor();
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.out, HasSubstr("no rule outside leads into them"));
  EXPECT_THAT(done.out, Not(HasSubstr("DNAT")));
}

TEST_F(DoctorKubeProxy, FindsTablesOfNftables) {
  shell(
      "nft add table ip kube-proxy && nft add chain ip kube-proxy services && "
      "nft add table ip6 kube-proxy && nft add table inet kube-proxy");
  const auto done = doctor();
  EXPECT_EQ(done.exit_code, 1) << done.out << done.err;
  EXPECT_THAT(done.out, HasSubstr("nftables, table ip kube-proxy: 1 chain\n"));
  EXPECT_THAT(done.out, HasSubstr("nftables, table ip6 kube-proxy: 0 chains\n"));
  EXPECT_THAT(done.out, Not(HasSubstr("inet")));
}

TEST_F(DoctorKubeProxy, FindsSetsAndTheInterfaceOfIpvs) {
  shell(
      "ipset create KUBE-CLUSTER-IP hash:ip,port && ipset create KUBE-SRC-X hash:ip && "
      "ip link add kube-ipvs0 type veth");
  const auto done = doctor();
  EXPECT_EQ(done.exit_code, 1) << done.out << done.err;
  EXPECT_THAT(done.out, HasSubstr("sets: KUBE-CLUSTER-IP\n"));
  EXPECT_THAT(done.out, HasSubstr("interface kube-ipvs0\n"));
  EXPECT_EQ(doctor_json().at("ipvs").at("kube-ipvs0"), true);
}

TEST_F(DoctorKubeProxy, CleanupRemovesItsOwnAndNothingElse) {
  shell(
      "nft add table ip mine && nft add chain ip mine kube-proxy && ipset create MINE hash:ip && "
      "ipset create KUBE-SRC-X hash:ip");
  for (const auto& tool : rule_tools()) add_rules_of_others(tool);
  const std::string before = all_rules();
  for (const auto& tool : rule_tools()) add_rules_of_kube_proxy(tool);
  shell(
      "nft add table ip kube-proxy && nft add table ip6 kube-proxy && "
      "ipset create KUBE-CLUSTER-IP hash:ip,port && ipset create KUBE-6-IPVS-IPS hash:ip");
  shell(
      "iptables-legacy -t filter -A KUBE-FORWARD -m set --match-set KUBE-CLUSTER-IP dst,dst "
      "-j ACCEPT");
  ASSERT_NE(all_rules(), before);

  const auto done = doctor({"--cleanup"});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_EQ(all_rules(), before);
  EXPECT_THAT(done.out,
              AllOf(HasSubstr("removed: iptables-nft, IPv6, table nat: 7 chains\n"),
                    HasSubstr("removed: iptables-legacy, IPv4, table filter: -A FORWARD -m comment "
                              "--comment \"kubernetes forwarding rules\" -j KUBE-FORWARD\n"),
                    HasSubstr("removed: nftables, table ip6 kube-proxy\n"),
                    HasSubstr("removed: set KUBE-CLUSTER-IP\n"), Not(HasSubstr("failed")),
                    HasSubstr("nothing of kube-proxy is on this node\n")));
  EXPECT_EQ(doctor().exit_code, 0);
}

TEST_F(DoctorKubeProxy, CleanupOfACleanNodeDoesNothing) {
  for (const auto& tool : rule_tools()) add_rules_of_others(tool);
  const std::string before = all_rules();
  const Json json = doctor_json({"--cleanup"});
  EXPECT_EQ(json.at("left").at("found"), false);
  EXPECT_TRUE(json.at("cleanup").at("iptables").empty());
  EXPECT_EQ(all_rules(), before);
}

TEST_F(DoctorKubeProxy, CleanupKeepsWhatAnothersRuleNeeds) {
  for (const std::string tool : {"iptables-legacy", "iptables-nft"}) {
    enter_new_network();
    add_rules_of_others(tool);
    add_rules_of_kube_proxy(tool);
    shell(tool + " -t nat -A MINE -j KUBE-MARK-MASQ");
    const auto done = doctor({"--cleanup"});
    EXPECT_EQ(done.exit_code, 1) << tool << done.out << done.err;
    EXPECT_THAT(done.out, HasSubstr("table nat: KUBE-MARK-MASQ: another's rule leads into it\n"));
    EXPECT_THAT(done.out, HasSubstr("used by another's rule: -A MINE -j KUBE-MARK-MASQ\n"));
    const std::string left = output_of(tool + "-save -t nat");
    EXPECT_THAT(left, HasSubstr("-A MINE -j KUBE-MARK-MASQ\n"));
    EXPECT_THAT(left, HasSubstr("-A KUBE-MARK-MASQ -j MARK"));
    EXPECT_THAT(left, Not(HasSubstr(":KUBE-SERVICES")));
    EXPECT_THAT(left, Not(HasSubstr("kubernetes service portals")));
  }
}

TEST_F(DoctorKubeProxy, CleanupTellsWhatTheKernelRefused) {
  shell("ipset create KUBE-CLUSTER-IP hash:ip,port && ipset create KUBE-LOOP-BACK hash:ip,port,ip");
  shell("iptables-legacy -A INPUT -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT");
  const auto done = doctor({"--cleanup"});
  EXPECT_EQ(done.exit_code, 3) << done.out << done.err;
  EXPECT_THAT(done.out, AllOf(HasSubstr("removed: set KUBE-LOOP-BACK\n"), HasSubstr("failed: "),
                              HasSubstr("sets: KUBE-CLUSTER-IP\n")));
}

TEST_F(DoctorKubeProxy, CleanupRefusesWhileAKubeProxyRuns) {
  add_rules_of_others("iptables-legacy");
  add_rules_of_kube_proxy("iptables-legacy");
  const RunningKubeProxy running;
  const std::string before = all_rules();
  const auto found = doctor();
  EXPECT_EQ(found.exit_code, 1);
  EXPECT_THAT(found.out, HasSubstr("process " + std::to_string(running.pid()) + ", kube-proxy\n"));
  const auto refused = doctor({"--cleanup"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("nothing removed"), HasSubstr("--force")));
  EXPECT_EQ(all_rules(), before);

  const auto forced = doctor({"--cleanup", "--force"});
  EXPECT_EQ(forced.exit_code, 1) << "the process is left";
  EXPECT_THAT(forced.out, HasSubstr("removed: iptables-legacy, IPv4, table nat: 7 chains\n"));
  EXPECT_THAT(output_of("iptables-legacy-save"), Not(HasSubstr("KUBE-SERVICES -")));
}

TEST_F(DoctorKubeProxy, AKubeProxyOfAnotherNetworkIsNoFinding) {
  const RunningKubeProxy running;
  EXPECT_EQ(doctor().exit_code, 1);
  enter_new_network();
  EXPECT_EQ(doctor().exit_code, 0);
}

// Without nft nobody can tell whether nftables holds rules of kube-proxy.
TEST_F(DoctorKubeProxy, AMissingToolIsSaidAndCountsWhereItMatters) {
  const WithoutTool without_nft("/usr/sbin/nft");
  const auto done = doctor();
  EXPECT_EQ(done.exit_code, 3) << done.out << done.err;
  EXPECT_THAT(done.out, HasSubstr("not looked at: nftables: nft is not installed\n"));
  EXPECT_THAT(done.out, HasSubstr("not everything could be looked at\n"));
  shell("iptables-legacy -t nat -N KUBE-SERVICES");
  EXPECT_EQ(doctor().exit_code, 1);
}

TEST_F(DoctorKubeProxy, AMissingToolDoesNotMatterWhereTheKernelHasNoRules) {
  {
    const WithoutTool without_legacy("/usr/sbin/iptables-legacy");
    EXPECT_EQ(doctor().exit_code, 0);
    EXPECT_THAT(doctor().out, HasSubstr("not looked at: iptables-legacy, IPv4: its iptables-save "
                                        "is not installed; it has no chain of kube-proxy"));
  }
  shell("iptables-legacy -t nat -N KUBE-SERVICES");
  const WithoutTool without_legacy("/usr/sbin/iptables-legacy");
  EXPECT_EQ(doctor().exit_code, 3);
}

TEST_F(DoctorKubeProxy, AMissingIpsetNeverMatters) {
  const WithoutTool without("/usr/sbin/ipset");
  const auto done = doctor();
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_THAT(done.out, HasSubstr("not looked at: sets of IP addresses: ipset is not installed\n"));
}

TEST_F(DoctorKubeProxy, NftTellsWhetherAMissingIptablesNftMatters) {
  const std::string tool = "/usr/sbin/iptables-nft";
  {
    const WithoutTool without(tool);
    EXPECT_EQ(doctor().exit_code, 0);
  }
  shell("iptables-nft -t nat -N KUBE-SERVICES");
  const WithoutTool without(tool);
  EXPECT_EQ(doctor().exit_code, 3);
}

TEST_F(DoctorKubeProxy, AToolThatFailsIsToldWithItsWords) {
  const TemporaryFolder folder;
  std::ofstream(folder / "nft") << "#!/bin/sh\necho broken here >&2\nexit 1\n";
  std::filesystem::permissions(folder / "nft", std::filesystem::perms::owner_all);
  const auto done = run_policyc({"doctor", "kube-proxy"}, {}, {},
                                {"PATH=" + folder.path().string() + ":" + std::getenv("PATH")});
  EXPECT_EQ(done.exit_code, 3) << done.out;
  EXPECT_THAT(done.out, HasSubstr("failed: broken here"));
}

TEST_F(DoctorKubeProxy, ForceAloneAndOtherFormsAreMistakes) {
  EXPECT_EQ(doctor({"--force"}).exit_code, 2);
  EXPECT_EQ(doctor({"-o", "yaml"}).exit_code, 2);
}

TEST_F(DoctorKubeProxy, TheFormMayStandBeforeToo) {
  const auto done = run_policyc({"doctor", "-o", "json", "kube-proxy"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(Json::parse(done.out).at("found"), false);
}

}  // namespace
}  // namespace policyc::testing
