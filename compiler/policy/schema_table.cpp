// The schemas of cilium.io/v2 (spec sections 2 and 3.2), as data.

#include <array>

#include "compiler/policy/schema.h"

namespace policyc::policy::schema {
namespace {

using Words = std::string_view;

constexpr Type kString{.kind = Kind::String};
constexpr Type kBoolean{.kind = Kind::Boolean};
constexpr Type kAnyObject{.kind = Kind::Map};
constexpr Type kStringMap{.kind = Kind::Map, .items = &kString};
constexpr Type kStringList{.kind = Kind::List, .items = &kString};
constexpr Type kNonEmptyString{.kind = Kind::String, .min_length = 1};

// Label selectors.
constexpr Type kLabelValue{
    .kind = Kind::String,
    .pattern = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
    .pattern_in_words =
        "letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit",
    .max_length = 63};
constexpr Type kMatchLabels{.kind = Kind::Map, .items = &kLabelValue};
constexpr std::array<Words, 4> kOperators{"In", "NotIn", "Exists", "DoesNotExist"};
constexpr Type kOperator{.kind = Kind::String, .values = kOperators};
constexpr std::array<Field, 3> kExpressionFields{
    {{"key", &kString, true}, {"operator", &kOperator, true}, {"values", &kStringList, false}}};
constexpr Type kExpression{.kind = Kind::Object, .fields = kExpressionFields};
constexpr Type kExpressions{.kind = Kind::List, .items = &kExpression};
constexpr std::array<Field, 2> kSelectorFields{
    {{"matchExpressions", &kExpressions, false}, {"matchLabels", &kMatchLabels, false}}};
constexpr Type kSelector{.kind = Kind::Object, .fields = kSelectorFields};
constexpr Type kSelectors{.kind = Kind::List, .items = &kSelector};

// Prefixes.
constexpr Type kCidr{.kind = Kind::String, .format = Format::Cidr};
constexpr Type kCidrs{.kind = Kind::List, .items = &kCidr};
constexpr Type kGroupName{
    .kind = Kind::String,
    .pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    .pattern_in_words = "a DNS name in lower case",
    .max_length = 253};
constexpr std::array<Field, 4> kCidrRuleFields{{{"cidr", &kCidr, false},
                                                {"cidrGroupRef", &kGroupName, false},
                                                {"cidrGroupSelector", &kSelector, false},
                                                {"except", &kCidrs, false}}};
constexpr std::array<Words, 3> kCidrRuleChoice{"cidr", "cidrGroupRef", "cidrGroupSelector"};
constexpr Type kCidrRule{
    .kind = Kind::Object, .fields = kCidrRuleFields, .exactly_one = kCidrRuleChoice};
constexpr Type kCidrSet{.kind = Kind::List, .items = &kCidrRule};

constexpr std::array<Words, 11> kEntityNames{"all",    "world",   "cluster",       "host",
                                             "init",   "ingress", "unmanaged",     "remote-node",
                                             "health", "none",    "kube-apiserver"};
constexpr Type kEntity{.kind = Kind::String, .values = kEntityNames};
constexpr Type kEntities{.kind = Kind::List, .items = &kEntity};

constexpr std::array<Field, 4> kAwsFields{{{"labels", &kStringMap, false},
                                           {"region", &kString, false},
                                           {"securityGroupsIds", &kStringList, false},
                                           {"securityGroupsNames", &kStringList, false}}};
constexpr Type kAws{.kind = Kind::Object, .fields = kAwsFields};
constexpr std::array<Field, 1> kGroupFields{{{"aws", &kAws, false}}};
constexpr Type kGroup{.kind = Kind::Object, .fields = kGroupFields};
constexpr Type kGroups{.kind = Kind::List, .items = &kGroup};

constexpr Type kRequires{
    .kind = Kind::List,
    .items = &kString,
    .max_items = 0,
    .removed_in_favour_of =
        "add the labels to every fromEndpoints or toEndpoints selector instead"};

// Names in DNS.
constexpr Type kMatchName{
    .kind = Kind::String,
    .pattern = "^([-a-zA-Z0-9_]+[.]?)+$",
    .pattern_in_words = "a DNS name of letters, digits, `-`, `_` and single dots",
    .max_length = 255};
constexpr Type kMatchPattern{
    .kind = Kind::String,
    .pattern = "^([-a-zA-Z0-9_*]+[.]?)+$",
    .pattern_in_words = "a DNS name of letters, digits, `-`, `_`, `*` and single dots",
    .max_length = 255};
constexpr std::array<Field, 2> kFqdnFields{
    {{"matchName", &kMatchName, false}, {"matchPattern", &kMatchPattern, false}}};
constexpr std::array<Words, 2> kFqdnChoice{"matchName", "matchPattern"};
constexpr Type kFqdn{.kind = Kind::Object, .fields = kFqdnFields, .exactly_one = kFqdnChoice};
constexpr Type kFqdns{.kind = Kind::List, .items = &kFqdn};

// Services.
constexpr std::array<Field, 2> kServiceNameFields{
    {{"namespace", &kString, false}, {"serviceName", &kString, false}}};
constexpr Type kServiceName{.kind = Kind::Object, .fields = kServiceNameFields};
constexpr std::array<Field, 2> kServiceSelectorFields{
    {{"namespace", &kString, false}, {"selector", &kSelector, true}}};
constexpr Type kServiceSelector{.kind = Kind::Object, .fields = kServiceSelectorFields};
constexpr std::array<Field, 2> kServiceFields{
    {{"k8sService", &kServiceName, false}, {"k8sServiceSelector", &kServiceSelector, false}}};
constexpr Type kService{.kind = Kind::Object, .fields = kServiceFields};
constexpr Type kServices{.kind = Kind::List, .items = &kService};

// Ports. The pattern's anchors bind to one alternative each: that is how it is published.
constexpr Type kPort{
    .kind = Kind::String,
    .pattern =
        "^(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})|"
        "([a-zA-Z0-9]-?)*[a-zA-Z](-?[a-zA-Z0-9])*$",
    .pattern_in_words = "a port number or a port name"};
constexpr Type kEndPort{.kind = Kind::Integer, .minimum = 0, .maximum = 65535};
constexpr std::array<Words, 6> kProtocols{"TCP", "UDP", "SCTP", "VRRP", "IGMP", "ANY"};
constexpr Type kProtocol{.kind = Kind::String, .values = kProtocols};
constexpr std::array<Field, 3> kPortProtocolFields{
    {{"endPort", &kEndPort, false}, {"port", &kPort, false}, {"protocol", &kProtocol, false}}};
constexpr Type kPortProtocol{.kind = Kind::Object, .fields = kPortProtocolFields};
constexpr Type kPorts{.kind = Kind::List, .items = &kPortProtocol, .max_items = 40};
constexpr Type kDenyPorts{.kind = Kind::List, .items = &kPortProtocol};

// TLS, listeners.
constexpr std::array<Field, 2> kSecretFields{
    {{"name", &kString, true}, {"namespace", &kString, false}}};
constexpr Type kSecret{.kind = Kind::Object, .fields = kSecretFields};
constexpr std::array<Field, 4> kTlsFields{{{"certificate", &kString, false},
                                           {"privateKey", &kString, false},
                                           {"secret", &kSecret, true},
                                           {"trustedCA", &kString, false}}};
constexpr Type kTls{.kind = Kind::Object, .fields = kTlsFields};
constexpr Type kServerName{.kind = Kind::String,
                           .pattern = "^(\\*?\\*\\.)?([-a-zA-Z0-9_]+\\.?)+$",
                           .pattern_in_words = "a DNS name, which may begin with `*.` or `**.`",
                           .max_length = 255};
constexpr Type kServerNames{
    .kind = Kind::List, .items = &kServerName, .min_items = 1, .unique_items = true};
constexpr std::array<Words, 2> kEnvoyConfigKinds{"CiliumEnvoyConfig",
                                                 "CiliumClusterwideEnvoyConfig"};
constexpr Type kEnvoyConfigKind{.kind = Kind::String, .values = kEnvoyConfigKinds};
constexpr std::array<Field, 2> kEnvoyConfigFields{
    {{"kind", &kEnvoyConfigKind, false}, {"name", &kNonEmptyString, true}}};
constexpr Type kEnvoyConfig{.kind = Kind::Object, .fields = kEnvoyConfigFields};
constexpr Type kPriority{.kind = Kind::Integer, .minimum = 1, .maximum = 100};
constexpr std::array<Field, 3> kListenerFields{{{"envoyConfig", &kEnvoyConfig, true},
                                                {"name", &kNonEmptyString, true},
                                                {"priority", &kPriority, false}}};
constexpr Type kListener{.kind = Kind::Object, .fields = kListenerFields};

// Layer 7.
constexpr std::array<Words, 4> kMismatches{"LOG", "ADD", "DELETE", "REPLACE"};
constexpr Type kMismatch{.kind = Kind::String, .values = kMismatches};
constexpr std::array<Field, 4> kHeaderMatchFields{{{"mismatch", &kMismatch, false},
                                                   {"name", &kNonEmptyString, true},
                                                   {"secret", &kSecret, false},
                                                   {"value", &kString, false}}};
constexpr Type kHeaderMatch{.kind = Kind::Object, .fields = kHeaderMatchFields};
constexpr Type kHeaderMatches{.kind = Kind::List, .items = &kHeaderMatch};
constexpr std::array<Field, 5> kHttpFields{{{"headerMatches", &kHeaderMatches, false},
                                            {"headers", &kStringList, false},
                                            {"host", &kString, false},
                                            {"method", &kString, false},
                                            {"path", &kString, false}}};
constexpr Type kHttp{.kind = Kind::Object, .fields = kHttpFields};
constexpr Type kHttpRules{.kind = Kind::List, .items = &kHttp};
constexpr std::array<Words, 2> kKafkaRoles{"produce", "consume"};
constexpr Type kKafkaRole{.kind = Kind::String, .values = kKafkaRoles};
constexpr Type kKafkaTopic{.kind = Kind::String, .max_length = 255};
constexpr std::array<Field, 5> kKafkaFields{{{"apiKey", &kString, false},
                                             {"apiVersion", &kString, false},
                                             {"clientID", &kString, false},
                                             {"role", &kKafkaRole, false},
                                             {"topic", &kKafkaTopic, false}}};
constexpr Type kKafka{.kind = Kind::Object, .fields = kKafkaFields};
constexpr Type kKafkaRules{.kind = Kind::List, .items = &kKafka};
constexpr Type kL7Rules{.kind = Kind::List, .items = &kStringMap};
constexpr std::array<Field, 5> kRulesFields{{{"dns", &kFqdns, false},
                                             {"http", &kHttpRules, false},
                                             {"kafka", &kKafkaRules, false},
                                             {"l7", &kL7Rules, false},
                                             {"l7proto", &kString, false}}};
constexpr std::array<Words, 4> kRulesChoice{"http", "kafka", "dns", "l7proto"};
constexpr Type kRules{.kind = Kind::Object, .fields = kRulesFields, .exactly_one = kRulesChoice};

constexpr std::array<Field, 6> kPortRuleFields{{{"listener", &kListener, false},
                                                {"originatingTLS", &kTls, false},
                                                {"ports", &kPorts, false},
                                                {"rules", &kRules, false},
                                                {"serverNames", &kServerNames, false},
                                                {"terminatingTLS", &kTls, false}}};
constexpr Type kPortRule{.kind = Kind::Object, .fields = kPortRuleFields};
constexpr Type kPortRules{.kind = Kind::List, .items = &kPortRule};
constexpr std::array<Field, 1> kPortDenyRuleFields{{{"ports", &kDenyPorts, false}}};
constexpr Type kPortDenyRule{.kind = Kind::Object, .fields = kPortDenyRuleFields};
constexpr Type kPortDenyRules{.kind = Kind::List, .items = &kPortDenyRule};

// ICMP. `ExtendedEcho Reply` is how the pattern is published; names of either family pass it.
constexpr Type kIcmpType{
    .kind = Kind::IntOrString,
    .pattern =
        "^([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]|EchoReply|DestinationUnreachable|"
        "Redirect|Echo|"
        "RouterAdvertisement|RouterSelection|TimeExceeded|ParameterProblem|Timestamp|"
        "TimestampReply|Photuris|"
        "ExtendedEchoRequest|ExtendedEcho "
        "Reply|PacketTooBig|ParameterProblem|EchoRequest|MulticastListenerQuery|"
        "MulticastListenerReport|MulticastListenerDone|RouterSolicitation|NeighborSolicitation|"
        "NeighborAdvertisement|RedirectMessage|RouterRenumbering|ICMPNodeInformationQuery|"
        "ICMPNodeInformationResponse|InverseNeighborDiscoverySolicitation|"
        "InverseNeighborDiscoveryAdvertisement|"
        "HomeAgentAddressDiscoveryRequest|HomeAgentAddressDiscoveryReply|MobilePrefixSolicitation|"
        "MobilePrefixAdvertisement|DuplicateAddressRequestCodeSuffix|"
        "DuplicateAddressConfirmationCodeSuffix)$",
    .pattern_in_words = "an ICMP type name such as `EchoRequest`, or a number from 0 to 255"};
constexpr std::array<Words, 2> kFamilies{"IPv4", "IPv6"};
constexpr Type kFamily{.kind = Kind::String, .values = kFamilies};
constexpr std::array<Field, 2> kIcmpFieldFields{
    {{"family", &kFamily, false}, {"type", &kIcmpType, true}}};
constexpr Type kIcmpField{.kind = Kind::Object, .fields = kIcmpFieldFields};
constexpr Type kIcmpFields{.kind = Kind::List, .items = &kIcmpField, .max_items = 40};
constexpr std::array<Field, 1> kIcmpRuleFields{{{"fields", &kIcmpFields, false}}};
constexpr Type kIcmpRule{.kind = Kind::Object, .fields = kIcmpRuleFields};
constexpr Type kIcmps{.kind = Kind::List, .items = &kIcmpRule};

constexpr std::array<Words, 3> kAuthModes{"disabled", "required", "test-always-fail"};
constexpr Type kAuthMode{.kind = Kind::String, .values = kAuthModes};
constexpr std::array<Field, 1> kAuthenticationFields{{{"mode", &kAuthMode, true}}};
constexpr Type kAuthentication{.kind = Kind::Object, .fields = kAuthenticationFields};

// The four sections of a rule.
constexpr std::array<Field, 10> kIngressFields{{{"authentication", &kAuthentication, false},
                                                {"fromCIDR", &kCidrs, false},
                                                {"fromCIDRSet", &kCidrSet, false},
                                                {"fromEndpoints", &kSelectors, false},
                                                {"fromEntities", &kEntities, false},
                                                {"fromGroups", &kGroups, false},
                                                {"fromNodes", &kSelectors, false},
                                                {"fromRequires", &kRequires, false},
                                                {"icmps", &kIcmps, false},
                                                {"toPorts", &kPortRules, false}}};
constexpr std::array<Field, 9> kIngressDenyFields{{{"fromCIDR", &kCidrs, false},
                                                   {"fromCIDRSet", &kCidrSet, false},
                                                   {"fromEndpoints", &kSelectors, false},
                                                   {"fromEntities", &kEntities, false},
                                                   {"fromGroups", &kGroups, false},
                                                   {"fromNodes", &kSelectors, false},
                                                   {"fromRequires", &kRequires, false},
                                                   {"icmps", &kIcmps, false},
                                                   {"toPorts", &kPortDenyRules, false}}};
constexpr std::array<Field, 12> kEgressFields{{{"authentication", &kAuthentication, false},
                                               {"icmps", &kIcmps, false},
                                               {"toCIDR", &kCidrs, false},
                                               {"toCIDRSet", &kCidrSet, false},
                                               {"toEndpoints", &kSelectors, false},
                                               {"toEntities", &kEntities, false},
                                               {"toFQDNs", &kFqdns, false},
                                               {"toGroups", &kGroups, false},
                                               {"toNodes", &kSelectors, false},
                                               {"toPorts", &kPortRules, false},
                                               {"toRequires", &kRequires, false},
                                               {"toServices", &kServices, false}}};
constexpr std::array<Field, 10> kEgressDenyFields{{{"icmps", &kIcmps, false},
                                                   {"toCIDR", &kCidrs, false},
                                                   {"toCIDRSet", &kCidrSet, false},
                                                   {"toEndpoints", &kSelectors, false},
                                                   {"toEntities", &kEntities, false},
                                                   {"toGroups", &kGroups, false},
                                                   {"toNodes", &kSelectors, false},
                                                   {"toPorts", &kPortDenyRules, false},
                                                   {"toRequires", &kRequires, false},
                                                   {"toServices", &kServices, false}}};
constexpr Type kIngressItem{.kind = Kind::Object, .fields = kIngressFields};
constexpr Type kIngressDenyItem{.kind = Kind::Object, .fields = kIngressDenyFields};
constexpr Type kEgressItem{.kind = Kind::Object, .fields = kEgressFields};
constexpr Type kEgressDenyItem{.kind = Kind::Object, .fields = kEgressDenyFields};
constexpr Type kIngress{.kind = Kind::List, .items = &kIngressItem};
constexpr Type kIngressDeny{.kind = Kind::List, .items = &kIngressDenyItem};
constexpr Type kEgress{.kind = Kind::List, .items = &kEgressItem};
constexpr Type kEgressDeny{.kind = Kind::List, .items = &kEgressDenyItem};

// The rule.
constexpr std::array<Field, 2> kDefaultDenyFields{
    {{"egress", &kBoolean, false}, {"ingress", &kBoolean, false}}};
constexpr Type kDefaultDeny{.kind = Kind::Object, .fields = kDefaultDenyFields};
constexpr std::array<Field, 3> kRuleLabelFields{
    {{"key", &kString, true}, {"source", &kString, false}, {"value", &kString, false}}};
constexpr Type kRuleLabel{
    .kind = Kind::Object, .fields = kRuleLabelFields, .string_in_files = true};
constexpr Type kRuleLabels{.kind = Kind::List, .items = &kRuleLabel};
constexpr Type kLogValue{.kind = Kind::String,
                         .pattern = "^\\PC*$",
                         .pattern_in_words = "printable characters",
                         .max_length = 32};
constexpr std::array<Field, 1> kLogFields{{{"value", &kLogValue, false}}};
constexpr Type kLog{.kind = Kind::Object, .fields = kLogFields};
constexpr std::array<Field, 10> kRuleFields{{{"description", &kString, false},
                                             {"egress", &kEgress, false},
                                             {"egressDeny", &kEgressDeny, false},
                                             {"enableDefaultDeny", &kDefaultDeny, false},
                                             {"endpointSelector", &kSelector, false},
                                             {"ingress", &kIngress, false},
                                             {"ingressDeny", &kIngressDeny, false},
                                             {"labels", &kRuleLabels, false},
                                             {"log", &kLog, false},
                                             {"nodeSelector", &kSelector, false}}};
constexpr std::array<Words, 2> kSubjects{"endpointSelector", "nodeSelector"};
constexpr std::array<Words, 4> kSections{"ingress", "ingressDeny", "egress", "egressDeny"};
constexpr Type kRule{.kind = Kind::Object,
                     .fields = kRuleFields,
                     .exactly_one = kSubjects,
                     .at_least_one = kSections};
constexpr Type kRuleList{.kind = Kind::List, .items = &kRule};

constexpr std::array<Field, 1> kCidrGroupSpecFields{{{"externalCIDRs", &kCidrs, true}}};
constexpr Type kCidrGroupSpec{.kind = Kind::Object, .fields = kCidrGroupSpecFields};

}  // namespace

const Type& cilium_policy() {
  static const std::array<Field, 6> fields{{{"apiVersion", &kString, false},
                                            {"kind", &kString, false},
                                            {"metadata", &metadata(), false},
                                            {"spec", &kRule, false},
                                            {"specs", &kRuleList, false},
                                            {"status", &kAnyObject, false}}};
  static const Type type{.kind = Kind::Object, .fields = fields};
  return type;
}

const Type& cidr_group() {
  static const std::array<Field, 4> fields{{{"apiVersion", &kString, false},
                                            {"kind", &kString, false},
                                            {"metadata", &metadata(), false},
                                            {"spec", &kCidrGroupSpec, true}}};
  static const Type type{.kind = Kind::Object, .fields = fields};
  return type;
}

}  // namespace policyc::policy::schema
