// Kubernetes' own types, as data: metadata and networking.k8s.io/v1 NetworkPolicy. Only field names
// and JSON types: what the API server checks beyond them is in schema_metadata.cpp and
// schema_network_policy.cpp.

#include <array>

#include "compiler/policy/schema.h"

namespace policyc::policy::schema {
namespace {

constexpr Type kAny{.kind = Kind::Any};
constexpr Type kString{.kind = Kind::String};
constexpr Type kInteger{.kind = Kind::Integer, .minimum = INT32_MIN, .maximum = INT32_MAX};
constexpr Type kStringMap{.kind = Kind::Map, .items = &kString};
constexpr Type kStringList{.kind = Kind::List, .items = &kString};
constexpr Type kAnyObject{.kind = Kind::Map};
constexpr Type kAnyList{.kind = Kind::List, .items = &kAny};

constexpr std::array<Field, 16> kMetadataFields{{{"annotations", &kStringMap, false},
                                                 {"clusterName", &kString, false},
                                                 {"creationTimestamp", &kAny, false},
                                                 {"deletionGracePeriodSeconds", &kAny, false},
                                                 {"deletionTimestamp", &kAny, false},
                                                 {"finalizers", &kStringList, false},
                                                 {"generateName", &kString, false},
                                                 {"generation", &kAny, false},
                                                 {"labels", &kStringMap, false},
                                                 {"managedFields", &kAnyList, false},
                                                 {"name", &kString, false},
                                                 {"namespace", &kString, false},
                                                 {"ownerReferences", &kAnyList, false},
                                                 {"resourceVersion", &kString, false},
                                                 {"selfLink", &kString, false},
                                                 {"uid", &kString, false}}};
constexpr Type kMetadata{.kind = Kind::Object, .fields = kMetadataFields};

constexpr std::array<Field, 3> kExpressionFields{
    {{"key", &kString, false}, {"operator", &kString, false}, {"values", &kStringList, false}}};
constexpr Type kExpression{.kind = Kind::Object, .fields = kExpressionFields};
constexpr Type kExpressions{.kind = Kind::List, .items = &kExpression};
constexpr std::array<Field, 2> kSelectorFields{
    {{"matchExpressions", &kExpressions, false}, {"matchLabels", &kStringMap, false}}};
constexpr Type kSelector{.kind = Kind::Object, .fields = kSelectorFields};

constexpr std::array<Field, 2> kIpBlockFields{
    {{"cidr", &kString, false}, {"except", &kStringList, false}}};
constexpr Type kIpBlock{.kind = Kind::Object, .fields = kIpBlockFields};
constexpr std::array<Field, 3> kPeerFields{{{"ipBlock", &kIpBlock, false},
                                            {"namespaceSelector", &kSelector, false},
                                            {"podSelector", &kSelector, false}}};
constexpr Type kPeer{.kind = Kind::Object, .fields = kPeerFields};
constexpr Type kPeers{.kind = Kind::List, .items = &kPeer};

constexpr Type kPortNumberOrName{
    .kind = Kind::IntOrString, .minimum = INT32_MIN, .maximum = INT32_MAX};
constexpr std::array<Field, 3> kPortFields{{{"endPort", &kInteger, false},
                                            {"port", &kPortNumberOrName, false},
                                            {"protocol", &kString, false}}};
constexpr Type kPort{.kind = Kind::Object, .fields = kPortFields};
constexpr Type kPorts{.kind = Kind::List, .items = &kPort};

constexpr std::array<Field, 2> kIngressFields{
    {{"from", &kPeers, false}, {"ports", &kPorts, false}}};
constexpr Type kIngressRule{.kind = Kind::Object, .fields = kIngressFields};
constexpr Type kIngress{.kind = Kind::List, .items = &kIngressRule};
constexpr std::array<Field, 2> kEgressFields{{{"ports", &kPorts, false}, {"to", &kPeers, false}}};
constexpr Type kEgressRule{.kind = Kind::Object, .fields = kEgressFields};
constexpr Type kEgress{.kind = Kind::List, .items = &kEgressRule};

constexpr std::array<Field, 4> kSpecFields{{{"egress", &kEgress, false},
                                            {"ingress", &kIngress, false},
                                            {"podSelector", &kSelector, false},
                                            {"policyTypes", &kStringList, false}}};
constexpr Type kSpec{.kind = Kind::Object, .fields = kSpecFields};

constexpr std::array<Field, 5> kPolicyFields{{{"apiVersion", &kString, false},
                                              {"kind", &kString, false},
                                              {"metadata", &kMetadata, false},
                                              {"spec", &kSpec, false},
                                              {"status", &kAnyObject, false}}};
constexpr Type kPolicy{.kind = Kind::Object, .fields = kPolicyFields};

}  // namespace

const Type& metadata() { return kMetadata; }
const Type& kubernetes_policy() { return kPolicy; }

}  // namespace policyc::policy::schema
