// Whose a chain or a set is.

#include "loader/kubeproxy/names.h"

#include <gtest/gtest.h>

namespace policyc::kubeproxy {
namespace {

TEST(OwnerOfChain, KubeProxysOfItsModes) {
  for (const char* chain :
       {"KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING",
        "KUBE-MARK-MASQ", "KUBE-FORWARD", "KUBE-PROXY-CANARY", "KUBE-PROXY-FIREWALL",
        "KUBE-LOAD-BALANCER", "KUBE-NODE-PORT", "KUBE-IPVS-FILTER", "KUBE-IPVS-OUT-FILTER",
        "KUBE-SOURCE-RANGES-FIREWALL", "KUBE-SVC-ERIFXISQEP7F7OF4", "KUBE-SVL-ERIFXISQEP7F7OF4",
        "KUBE-SEP-ERIFXISQEP7F7OF4", "KUBE-FW-ERIFXISQEP7F7OF4", "KUBE-EXT-ERIFXISQEP7F7OF4",
        "KUBE-XLB-ERIFXISQEP7F7OF4"}) {
    EXPECT_EQ(owner_of_chain("nat", chain), Owner::KubeProxy) << chain;
    EXPECT_EQ(owner_of_chain("filter", chain), Owner::KubeProxy) << chain;
  }
}

TEST(OwnerOfChain, KubeletsStayKubelets) {
  EXPECT_EQ(owner_of_chain("mangle", "KUBE-KUBELET-CANARY"), Owner::Kubelet);
  EXPECT_EQ(owner_of_chain("mangle", "KUBE-IPTABLES-HINT"), Owner::Kubelet);
  EXPECT_EQ(owner_of_chain("nat", "KUBE-MARK-DROP"), Owner::Kubelet);
}

TEST(OwnerOfChain, TheFirewallChainIsKubeProxysInNatAlone) {
  EXPECT_EQ(owner_of_chain("nat", "KUBE-FIREWALL"), Owner::KubeProxy);
  EXPECT_EQ(owner_of_chain("filter", "KUBE-FIREWALL"), Owner::Kubelet);
}

TEST(OwnerOfChain, TheSharedPrefixProvesNothing) {
  for (const char* chain :
       {"KUBE-ROUTER-INPUT", "KUBE-POD-FW-ERIFXISQEP7F7OF4", "KUBE-NWPLCY-DEFAULT",
        "KUBE-SVC-SHORT", "KUBE-SVC-ERIFXISQEP7F7OF45", "KUBE-SVC-erifxisqep7f7of4",
        "KUBE-SVC-ERIFXISQEP7F7OF1", "KUBE-SVC-", "KUBE-"}) {
    EXPECT_EQ(owner_of_chain("nat", chain), Owner::Unknown) << chain;
  }
  EXPECT_EQ(owner_of_chain("nat", "DOCKER"), Owner::Other);
  EXPECT_EQ(owner_of_chain("nat", "MY-KUBE-SERVICES"), Owner::Other);
  EXPECT_EQ(owner_of_chain("nat", ""), Owner::Other);
}

TEST(SetOfKubeProxy, OfBothFamiliesByTheirWholeName) {
  EXPECT_TRUE(is_set_of_kube_proxy("KUBE-CLUSTER-IP"));
  EXPECT_TRUE(is_set_of_kube_proxy("KUBE-6-CLUSTER-IP"));
  EXPECT_TRUE(is_set_of_kube_proxy("KUBE-NODE-PORT-LOCAL-SCTP-HASH"));
  EXPECT_TRUE(is_set_of_kube_proxy("KUBE-IPVS-IPS"));
  EXPECT_FALSE(is_set_of_kube_proxy("KUBE-SRC-ERIFXISQEP7F7OF4"));
  EXPECT_FALSE(is_set_of_kube_proxy("KUBE-CLUSTER-IPS"));
  EXPECT_FALSE(is_set_of_kube_proxy("KUBE-"));
  EXPECT_FALSE(is_set_of_kube_proxy("CLUSTER-IP"));
}

TEST(KindOfChain, HashesAreOneKind) {
  EXPECT_EQ(kind_of_chain("KUBE-SVC-ERIFXISQEP7F7OF4"), "KUBE-SVC-*");
  EXPECT_EQ(kind_of_chain("KUBE-SERVICES"), "KUBE-SERVICES");
}

}  // namespace
}  // namespace policyc::kubeproxy
