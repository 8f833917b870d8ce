// Field names and types of Kubernetes 1.34.

#include "compiler/service/schema.h"

#include <array>

namespace policyc::service {
namespace {

using policy::schema::Field;
using policy::schema::Kind;
using policy::schema::Type;
using Words = std::string_view;

constexpr Type kAny{.kind = Kind::Any};
constexpr Type kString{.kind = Kind::String};
constexpr Type kBoolean{.kind = Kind::Boolean};
constexpr Type kStringMap{.kind = Kind::Map, .items = &kString};
constexpr Type kStrings{.kind = Kind::List, .items = &kString};
constexpr Type kAnyList{.kind = Kind::List, .items = &kAny};
constexpr Type kPort{.kind = Kind::Integer, .minimum = 1, .maximum = 65535};
constexpr Type kOptionalPort{.kind = Kind::Integer, .minimum = 0, .maximum = 65535};
constexpr Type kTargetPort{.kind = Kind::IntOrString, .minimum = 0, .maximum = 65535};
constexpr std::array<Words, 3> kProtocols{"TCP", "UDP", "SCTP"};
constexpr Type kProtocol{.kind = Kind::String, .values = kProtocols};
constexpr std::array<Words, 2> kPolicies{"Cluster", "Local"};
constexpr Type kTrafficPolicy{.kind = Kind::String, .values = kPolicies};

// Service
constexpr std::array<Field, 6> kServicePortFields{{{"appProtocol", &kString, false},
                                                   {"name", &kString, false},
                                                   {"nodePort", &kOptionalPort, false},
                                                   {"port", &kPort, true},
                                                   {"protocol", &kProtocol, false},
                                                   {"targetPort", &kTargetPort, false}}};
constexpr Type kServicePort{.kind = Kind::Object, .fields = kServicePortFields};
constexpr Type kServicePorts{.kind = Kind::List, .items = &kServicePort};
constexpr Type kTimeout{.kind = Kind::Integer, .minimum = 1, .maximum = 86400};
constexpr std::array<Field, 1> kClientIpFields{{{"timeoutSeconds", &kTimeout, false}}};
constexpr Type kClientIp{.kind = Kind::Object, .fields = kClientIpFields};
constexpr std::array<Field, 1> kAffinityFields{{{"clientIP", &kClientIp, false}}};
constexpr Type kAffinityConfig{.kind = Kind::Object, .fields = kAffinityFields};
constexpr std::array<Words, 2> kAffinities{"None", "ClientIP"};
constexpr Type kAffinity{.kind = Kind::String, .values = kAffinities};
constexpr std::array<Words, 4> kTypes{"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"};
constexpr Type kServiceType{.kind = Kind::String, .values = kTypes};
constexpr std::array<Words, 2> kFamilies{"IPv4", "IPv6"};
constexpr Type kFamily{.kind = Kind::String, .values = kFamilies};
constexpr Type kFamilyList{.kind = Kind::List, .items = &kFamily, .max_items = 2};
constexpr std::array<Words, 3> kFamilyPolicies{"SingleStack", "PreferDualStack",
                                               "RequireDualStack"};
constexpr Type kFamilyPolicy{.kind = Kind::String, .values = kFamilyPolicies};
constexpr std::array<Words, 3> kDistributions{"PreferClose", "PreferSameZone", "PreferSameNode"};
constexpr Type kDistribution{.kind = Kind::String, .values = kDistributions};
constexpr std::array<Field, 20> kServiceSpecFields{
    {{"allocateLoadBalancerNodePorts", &kBoolean, false},
     {"clusterIP", &kString, false},
     {"clusterIPs", &kStrings, false},
     {"externalIPs", &kStrings, false},
     {"externalName", &kString, false},
     {"externalTrafficPolicy", &kTrafficPolicy, false},
     {"healthCheckNodePort", &kOptionalPort, false},
     {"internalTrafficPolicy", &kTrafficPolicy, false},
     {"ipFamilies", &kFamilyList, false},
     {"ipFamilyPolicy", &kFamilyPolicy, false},
     {"loadBalancerClass", &kString, false},
     {"loadBalancerIP", &kString, false},
     {"loadBalancerSourceRanges", &kStrings, false},
     {"ports", &kServicePorts, false},
     {"publishNotReadyAddresses", &kBoolean, false},
     {"selector", &kStringMap, false},
     {"sessionAffinity", &kAffinity, false},
     {"sessionAffinityConfig", &kAffinityConfig, false},
     {"trafficDistribution", &kDistribution, false},
     {"type", &kServiceType, false}}};
constexpr Type kServiceSpec{.kind = Kind::Object, .fields = kServiceSpecFields};
constexpr std::array<Words, 2> kIpModes{"VIP", "Proxy"};
constexpr Type kIpMode{.kind = Kind::String, .values = kIpModes};
constexpr std::array<Field, 4> kIngressFields{{{"hostname", &kString, false},
                                               {"ip", &kString, false},
                                               {"ipMode", &kIpMode, false},
                                               {"ports", &kAnyList, false}}};
constexpr Type kIngress{.kind = Kind::Object, .fields = kIngressFields};
constexpr Type kIngressList{.kind = Kind::List, .items = &kIngress};
constexpr std::array<Field, 1> kBalancerFields{{{"ingress", &kIngressList, false}}};
constexpr Type kBalancer{.kind = Kind::Object, .fields = kBalancerFields};
constexpr std::array<Field, 2> kServiceStatusFields{
    {{"conditions", &kAnyList, false}, {"loadBalancer", &kBalancer, false}}};
constexpr Type kServiceStatus{.kind = Kind::Object, .fields = kServiceStatusFields};

// EndpointSlice
constexpr std::array<Field, 3> kConditionFields{{{"ready", &kBoolean, false},
                                                 {"serving", &kBoolean, false},
                                                 {"terminating", &kBoolean, false}}};
constexpr Type kConditions{.kind = Kind::Object, .fields = kConditionFields};
constexpr std::array<Field, 1> kNamedFields{{{"name", &kString, true}}};
constexpr Type kNamed{.kind = Kind::Object, .fields = kNamedFields};
constexpr Type kNamedList{.kind = Kind::List, .items = &kNamed};
constexpr std::array<Field, 2> kHintFields{
    {{"forNodes", &kNamedList, false}, {"forZones", &kNamedList, false}}};
constexpr Type kHints{.kind = Kind::Object, .fields = kHintFields};
constexpr Type kAddresses{.kind = Kind::List, .items = &kString, .min_items = 1, .max_items = 100};
constexpr std::array<Field, 8> kEndpointFields{{{"addresses", &kAddresses, true},
                                                {"conditions", &kConditions, false},
                                                {"deprecatedTopology", &kStringMap, false},
                                                {"hints", &kHints, false},
                                                {"hostname", &kString, false},
                                                {"nodeName", &kString, false},
                                                {"targetRef", &kAny, false},
                                                {"zone", &kString, false}}};
constexpr Type kEndpoint{.kind = Kind::Object, .fields = kEndpointFields};
constexpr Type kEndpointList{.kind = Kind::List, .items = &kEndpoint, .max_items = 1000};
constexpr std::array<Field, 4> kEndpointPortFields{{{"appProtocol", &kString, false},
                                                    {"name", &kString, false},
                                                    {"port", &kPort, false},
                                                    {"protocol", &kProtocol, false}}};
constexpr Type kEndpointPort{.kind = Kind::Object, .fields = kEndpointPortFields};
constexpr Type kEndpointPorts{.kind = Kind::List, .items = &kEndpointPort, .max_items = 20000};
constexpr std::array<Words, 3> kAddressTypes{"IPv4", "IPv6", "FQDN"};
constexpr Type kAddressType{.kind = Kind::String, .values = kAddressTypes};

// Endpoints
constexpr std::array<Field, 4> kLegacyAddressFields{{{"hostname", &kString, false},
                                                     {"ip", &kString, true},
                                                     {"nodeName", &kString, false},
                                                     {"targetRef", &kAny, false}}};
constexpr Type kLegacyAddress{.kind = Kind::Object, .fields = kLegacyAddressFields};
constexpr Type kLegacyAddresses{.kind = Kind::List, .items = &kLegacyAddress};
constexpr std::array<Field, 3> kSubsetFields{{{"addresses", &kLegacyAddresses, false},
                                              {"notReadyAddresses", &kLegacyAddresses, false},
                                              {"ports", &kEndpointPorts, false}}};
constexpr Type kSubset{.kind = Kind::Object, .fields = kSubsetFields};
constexpr Type kSubsets{.kind = Kind::List, .items = &kSubset};

}  // namespace

// metadata() is not constant, so the roots are made at their first use.
const Type& service_schema() {
  static const std::array<Field, 5> fields{{{"apiVersion", &kString, false},
                                            {"kind", &kString, false},
                                            {"metadata", &policy::schema::metadata(), false},
                                            {"spec", &kServiceSpec, true},
                                            {"status", &kServiceStatus, false}}};
  static const Type type{.kind = Kind::Object, .fields = fields};
  return type;
}

const Type& endpoint_slice_schema() {
  static const std::array<Field, 6> fields{{{"addressType", &kAddressType, true},
                                            {"apiVersion", &kString, false},
                                            {"endpoints", &kEndpointList, false},
                                            {"kind", &kString, false},
                                            {"metadata", &policy::schema::metadata(), false},
                                            {"ports", &kEndpointPorts, false}}};
  static const Type type{.kind = Kind::Object, .fields = fields};
  return type;
}

const Type& endpoints_schema() {
  static const std::array<Field, 4> fields{{{"apiVersion", &kString, false},
                                            {"kind", &kString, false},
                                            {"metadata", &policy::schema::metadata(), false},
                                            {"subsets", &kSubsets, false}}};
  static const Type type{.kind = Kind::Object, .fields = fields};
  return type;
}

}  // namespace policyc::service
