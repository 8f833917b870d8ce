// CIDR rules and CIDR groups (spec sections 5.3 to 5.5).

#include "compiler/policy/entities.h"
#include "compiler/policy/resolve_context.h"

namespace policyc::policy {

namespace {

// The label that an address inside the prefix carries: a zero-length prefix is the world of its
// family.
Requirement inside(const IpPrefix& prefix, Operator op, const Options& options) {
  const Label label =
      prefix.length == 0 ? world_label(prefix.address.v6, options) : cidr_label(prefix);
  return Requirement{label.source, label.key, op, {}};
}

// A prefix, or a bare address as its /32 or /128.
std::optional<IpPrefix> parse_prefix_or_address(const std::string& text) {
  if (const auto prefix = parse_ip_prefix(text)) {
    return prefix;
  }
  const auto address = parse_ip_address(text);
  return address ? std::optional(host_prefix(*address)) : std::nullopt;
}

bool is_negative_only(const Selector& selector) {
  for (const Requirement& requirement : selector.requirements) {
    if (requirement.op == Operator::In || requirement.op == Operator::Exists) {
      return false;
    }
  }
  return true;
}

Selector group_selector(ResolveContext& context, const LabelSelector& written) {
  Selector selector = checked_selector(context, extend_under(written, "cidrgroup"), written.node);
  if (is_negative_only(selector)) {
    warn_bug(context, diag::Id::CidrGroupSelectorSelectsAll, written.node,
             "a `cidrGroupSelector` without a positive requirement selects every identity: pods, "
             "nodes and hosts too",
             "", "add a label that the group must have");
  }
  return selector;
}

bool known_group(const ResolveContext& context, const std::string& name) {
  for (const CidrGroup& group : context.policies.cidr_groups) {
    if (group.name.value == name) {
      return true;
    }
  }
  return false;
}

std::optional<Selector> base_selector(ResolveContext& context, const CidrRule& rule) {
  if (rule.cidr) {
    const auto prefix = parse_prefix_or_address(rule.cidr->value);
    if (!prefix) {
      context.diagnostics.report(diag::Id::InvalidPrefix, rule.cidr->node,
                                 "`" + rule.cidr->value + "` is not a prefix");
      return std::nullopt;
    }
    context.mention(*prefix);
    return Selector{{inside(*prefix, Operator::Exists, context.options)},
                    "cidr " + prefix->to_string()};
  }
  if (rule.group_ref) {
    const std::string& name = rule.group_ref->value;
    if (!known_group(context, name)) {
      context.diagnostics.report(
          diag::Id::UnknownCidrGroup, rule.group_ref->node,
          "there is no CiliumCIDRGroup `" + name + "`: the reference selects nothing");
    }
    return Selector{{{"cidrgroup", std::string(kCidrGroupNamePrefix) + name, Operator::Exists, {}}},
                    "cidrgroup " + name};
  }
  if (rule.group_selector) {
    return group_selector(context, *rule.group_selector);
  }
  return std::nullopt;
}

}  // namespace

void ResolveContext::mention(const IpPrefix& prefix) {
  LabelSet& labels = prefixes[prefix];
  if (prefix.length > 0) {
    labels.add(cidr_label(prefix));
  }
}

std::optional<Selector> resolve_cidr_rule(ResolveContext& context, const CidrRule& rule,
                                          bool deny) {
  auto selector = base_selector(context, rule);
  if (!selector) {
    return std::nullopt;
  }
  for (const LocatedString& text : rule.except) {
    const auto prefix = parse_prefix_or_address(text.value);
    if (!prefix) {
      // The agent would crash on it. An allow then selects nothing; a deny is not narrowed.
      context.diagnostics.report(diag::Id::InvalidPrefix, text.node,
                                 "`" + text.value + "` is not a prefix");
      if (deny) {
        continue;
      }
      return std::nullopt;
    }
    context.mention(*prefix);
    selector->requirements.push_back(inside(*prefix, Operator::DoesNotExist, context.options));
    selector->text += " except " + prefix->to_string();
  }
  return selector;
}

void resolve_cidr_groups(ResolveContext& context) {
  for (const CidrGroup& group : context.policies.cidr_groups) {
    for (const LocatedString& text : group.external_cidrs) {
      const auto prefix = parse_prefix_or_address(text.value);
      if (!prefix) {
        context.diagnostics.report(
            diag::Id::SkippedGroupPrefix, text.node,
            "`" + text.value + "` is not a prefix: the agent leaves it out of the group");
        continue;
      }
      LabelSet& labels = context.prefixes[*prefix];
      labels.add(Label{"cidrgroup", std::string(kCidrGroupNamePrefix) + group.name.value, ""});
      for (const MatchLabel& label : group.labels) {
        if (label.key.value.starts_with("io.cilium.k8s")) {
          continue;
        }
        labels.add(Label{"cidrgroup", label.key.value, label.value.value});
        labels.add(
            Label{"cidrgroup", cidr_group_value_key(label.key.value, label.value.value), ""});
      }
    }
  }
}

}  // namespace policyc::policy
