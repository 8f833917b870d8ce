#include "compiler/policy/option_names.h"

#include <algorithm>
#include <map>

namespace policyc::policy {
namespace {

Result<bool> parse_bool(const std::string& key, const std::string& value) {
  if (value == "true") return true;
  if (value == "false") return false;
  return fail(key + ": `" + value + "` is neither true nor false");
}

const std::map<std::string, bool Options::*>& flags() {
  static const std::map<std::string, bool Options::*> kFlags = {
      {"enable-ipv4", &Options::ipv4},
      {"enable-ipv6", &Options::ipv6},
      {"enable-l7-proxy", &Options::l7_proxy},
      {"enable-icmp-rules", &Options::icmp_rules},
      {"enable-non-default-deny-policies", &Options::non_default_deny},
      {"enable-node-selector-labels", &Options::node_selector_labels},
      {"enable-host-firewall", &Options::host_firewall},
      {"enable-extended-ip-protocols", &Options::extended_ip_protocols},
      {"policy-default-local-cluster", &Options::default_local_cluster},
  };
  return kFlags;
}

constexpr const char* kOther[] = {"allow-localhost", "cluster-name", "enable-policy",
                                  "labels",          "node-labels",  "policy-cidr-match-mode"};

Result<void> set_filter(LabelFilter& filter, const std::string& key, const std::string& value) {
  auto parsed = LabelFilter::parse(value);
  if (!parsed) return fail(key + ": " + parsed.error().message);
  filter = std::move(*parsed);
  return {};
}

}  // namespace

const std::vector<std::string>& option_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names(std::begin(kOther), std::end(kOther));
    for (const auto& [name, member] : flags()) names.push_back(name);
    std::ranges::sort(names);
    return names;
  }();
  return kNames;
}

bool is_option(const std::string& name) { return std::ranges::binary_search(option_names(), name); }

Result<void> set_option(Options& options, const std::string& key, const std::string& value) {
  if (const auto found = flags().find(key); found != flags().end()) {
    const auto parsed = parse_bool(key, value);
    if (!parsed) return std::unexpected(parsed.error());
    options.*(found->second) = *parsed;
  } else if (key == "cluster-name") {
    options.cluster_name = value;
  } else if (key == "enable-policy") {
    if (value == "default")
      options.enforcement = Enforcement::Default;
    else if (value == "always")
      options.enforcement = Enforcement::Always;
    else if (value == "never")
      options.enforcement = Enforcement::Never;
    else
      return fail("enable-policy: `" + value + "` is none of default, always, never");
  } else if (key == "allow-localhost") {
    if (value == "auto" || value == "always")
      options.allow_localhost = true;
    else if (value == "policy")
      options.allow_localhost = false;
    else
      return fail("allow-localhost: `" + value + "` is none of auto, always, policy");
  } else if (key == "policy-cidr-match-mode") {
    if (!value.empty() && value != "nodes")
      return fail("policy-cidr-match-mode: `" + value + "` is neither empty nor nodes");
    options.cidr_match_nodes = value == "nodes";
  } else if (key == "labels") {
    return set_filter(options.labels, key, value);
  } else if (key == "node-labels") {
    return set_filter(options.node_labels, key, value);
  } else if (key == "label-prefix-file" && !value.empty()) {  // of a ConfigMap
    return fail("label-prefix-file: not supported; write the patterns into `labels`");
  }
  return {};
}

}  // namespace policyc::policy
