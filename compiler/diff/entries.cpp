#include "compiler/diff/entries.h"

#include <algorithm>
#include <map>
#include <span>
#include <vector>

#include "compiler/policy/resolve_parts.h"

namespace policyc::diff {
namespace {

// Parts between separators that no field can hold, so that equal texts mean equal entries.
class Writer {
 public:
  Writer& add(std::string_view text) {
    out_ += std::to_string(text.size());
    out_ += ':';
    out_ += text;
    return *this;
  }
  Writer& add(std::uint64_t number) {
    out_ += std::to_string(number);
    out_ += ';';
    return *this;
  }
  Writer& add_bool(bool value) { return add(std::uint64_t{value}); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void write(Writer& out, const policy::L7Rules& rules) {
  out.add(rules.l7proto.value);
  for (const auto& rule : rules.http.value_or(std::vector<policy::HttpRule>{})) {
    out.add("h").add(rule.path.value).add(rule.method.value).add(rule.host.value);
    for (const auto& header : rule.headers) out.add(header.value);
    for (const auto& match : rule.header_matches) {
      out.add(match.name.value).add(match.value.value).add(match.mismatch.value);
      out.add(match.secret_name.value).add(match.secret_namespace.value);
    }
  }
  for (const auto& rule : rules.kafka.value_or(std::vector<policy::KafkaRule>{})) {
    out.add("k").add(rule.role.value).add(rule.api_key.value).add(rule.api_version.value);
    out.add(rule.client_id.value).add(rule.topic.value);
  }
  for (const auto& rule : rules.dns.value_or(std::vector<policy::FqdnSelector>{}))
    out.add("d").add(rule.match_name.value).add(rule.match_pattern.value);
  for (const auto& rule : rules.l7.value_or(std::vector<policy::GenericL7Rule>{})) {
    out.add("g");
    for (const auto& pair : rule.pairs) out.add(pair.key.value).add(pair.value.value);
  }
}

void write(Writer& out, const std::optional<policy::TlsContext>& tls) {
  out.add_bool(tls.has_value());
  if (!tls) return;
  out.add(tls->secret_name.value).add(tls->secret_namespace.value).add(tls->trusted_ca.value);
  out.add(tls->certificate.value).add(tls->private_key.value);
}

void write(Writer& out, const policy::EntryPorts& ports) {
  out.add("p").add(static_cast<std::uint64_t>(ports.parser)).add(ports.generic_parser);
  for (const policy::PortSpec& port : ports.ports) {
    out.add(static_cast<std::uint64_t>(port.protocol))
        .add(port.port)
        .add(port.end_port)
        .add(port.name);
  }
  out.add_bool(ports.rules.has_value());
  if (ports.rules) write(out, *ports.rules);
  for (const std::string& name : ports.server_names) out.add(name);
  write(out, ports.terminating_tls);
  write(out, ports.originating_tls);
  out.add_bool(ports.listener.has_value()).add_bool(ports.listener_needs_namespace);
  if (ports.listener) {
    out.add(ports.listener->config).add(ports.listener->name);
    out.add_bool(ports.listener->clusterwide).add(ports.listener->priority);
  }
}

std::string text_of(const policy::Entry& entry) {
  Writer out;
  out.add(static_cast<std::uint64_t>(entry.direction)).add_bool(entry.deny);
  out.add_bool(entry.default_deny).add_bool(entry.audited).add(entry.subject.text);
  out.add_bool(entry.subject_is_node).add(entry.policy_namespace);
  out.add(static_cast<std::uint64_t>(entry.l3));
  for (const policy::Selector& peer : entry.peers) out.add(peer.text);
  out.add_bool(entry.has_l4);
  for (const policy::EntryPorts& ports : entry.l4) write(out, ports);
  out.add(entry.auth ? 1 + static_cast<std::uint64_t>(*entry.auth) : 0);
  return out.take();
}

using Entries = std::span<const policy::Entry>;

// The entries of the first object; entries stand in the order of their objects.
Entries first_object(Entries entries) {
  std::size_t count = 1;
  while (count < entries.size() &&
         !policy::stands_before(entries.front().origin, entries[count].origin))
    ++count;
  return entries.first(count);
}

bool same(Entries left, Entries right) {
  return std::ranges::equal(left, right, [](const policy::Entry& a, const policy::Entry& b) {
    return text_of(a) == text_of(b);
  });
}

std::map<IpPrefix, std::vector<policy::Label>> group_labels(const policy::Resolved& resolved) {
  std::map<IpPrefix, std::vector<policy::Label>> out;
  for (const policy::PrefixLabels& prefix : resolved.prefixes) {
    for (const policy::Label& label : prefix.labels.all()) {
      if (label.source == "cidrgroup") out[prefix.prefix].push_back(label);
    }
  }
  return out;
}

}  // namespace

std::set<std::string> changed_objects(const policy::Resolved& before,
                                      const policy::Resolved& after) {
  std::set<std::string> out;
  Entries left = before.entries;
  Entries right = after.entries;
  while (!left.empty() || !right.empty()) {
    const bool only_left =
        right.empty() ||
        (!left.empty() && policy::stands_before(left.front().origin, right.front().origin));
    const bool only_right =
        left.empty() ||
        (!right.empty() && policy::stands_before(right.front().origin, left.front().origin));
    const Entries old_one = only_right ? Entries{} : first_object(left);
    const Entries new_one = only_left ? Entries{} : first_object(right);
    if (!same(old_one, new_one))
      out.insert((old_one.empty() ? new_one : old_one).front().origin.object());
    left = left.subspan(old_one.size());
    right = right.subspan(new_one.size());
  }
  return out;
}

bool groups_differ(const policy::Resolved& before, const policy::Resolved& after) {
  return group_labels(before) != group_labels(after);
}

}  // namespace policyc::diff
