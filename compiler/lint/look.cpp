#include "compiler/lint/look.h"

#include <algorithm>
#include <cctype>

#include "compiler/diag/diag.h"

namespace policyc::lint {
namespace {

void visit_text(const SpecView& spec, const ItemView& item, const policy::LocatedString& text,
                bool is_exception, const std::function<void(const WrittenCidr&)>& visit) {
  auto prefix = parse_ip_prefix(text.value);
  if (!prefix) {
    const auto address = parse_ip_address(text.value);
    if (!address) return;
    prefix = host_prefix(*address);
  }
  visit({&spec, &item, &text, *prefix, is_exception});
}

void visit_rule(const SpecView& spec, const ItemView& item, const policy::CidrRule& rule,
                const std::function<void(const WrittenCidr&)>& visit) {
  if (rule.cidr) visit_text(spec, item, *rule.cidr, false, visit);
  for (const auto& except : rule.except) visit_text(spec, item, except, true, visit);
}

}  // namespace

void for_each_cidr(const Model& model, const std::function<void(const WrittenCidr&)>& visit) {
  for (const SpecView& spec : model.specs()) {
    for (const ItemView& item : spec.items) {
      if (item.item != nullptr) {
        if (item.item->cidrs) {
          for (const auto& text : *item.item->cidrs) visit_text(spec, item, text, false, visit);
        }
        if (item.item->cidr_set) {
          for (const auto& rule : *item.item->cidr_set) visit_rule(spec, item, rule, visit);
        }
        continue;
      }
      for (const auto& peer : item.kubernetes->peers) {
        if (peer.ip_block) visit_rule(spec, item, *peer.ip_block, visit);
      }
    }
  }
}

void for_each_selector(const Model& model,
                       const std::function<void(const WrittenSelector&)>& visit) {
  using Use = WrittenSelector::Use;
  for (const SpecView& spec : model.specs()) {
    if (spec.subject != nullptr)
      visit({&spec, nullptr, spec.subject, spec.is_node_policy() ? Use::Nodes : Use::Subject});
    for (const ItemView& item : spec.items) {
      if (item.item != nullptr) {
        for (const auto& [list, use] : {std::pair(&item.item->endpoints, Use::Endpoints),
                                        std::pair(&item.item->nodes, Use::Nodes)}) {
          if (!*list) continue;
          for (const auto& selector : **list) visit({&spec, &item, &selector, use});
        }
        continue;
      }
      for (const auto& peer : item.kubernetes->peers) {
        if (peer.pod_selector) visit({&spec, &item, &*peer.pod_selector, Use::Endpoints});
        if (peer.namespace_selector)
          visit({&spec, &item, &*peer.namespace_selector, Use::Namespaces});
      }
    }
  }
}

void for_each_key(const policy::LabelSelector& selector,
                  const std::function<void(const policy::LocatedString&)>& visit) {
  for (const auto& label : selector.match_labels) visit(label.key);
  for (const auto& expression : selector.match_expressions) visit(expression.key);
}

void for_each_port(const ItemView& item,
                   const std::function<void(const policy::PortProtocol&)>& visit) {
  if (item.item != nullptr) {
    if (!item.item->ports) return;
    for (const auto& rule : *item.item->ports) {
      if (!rule.ports) continue;
      for (const auto& port : *rule.ports) visit(port);
    }
    return;
  }
  for (const auto& port : item.kubernetes->ports) {
    policy::PortProtocol same;
    same.port = port.port;
    same.end_port = port.end_port;
    same.protocol = port.protocol;
    if (same.protocol.value.empty()) same.protocol.value = "TCP";
    same.node = port.node;
    visit(same);
  }
}

std::string_view key_source(std::string_view key) {
  if (key.starts_with('$')) return "reserved";
  const std::size_t colon = key.find(':');
  return colon == std::string_view::npos ? std::string_view() : key.substr(0, colon);
}

std::string_view bare_key(std::string_view key) {
  if (key.starts_with('$')) return key.substr(1);
  const std::size_t colon = key.find(':');
  return colon == std::string_view::npos ? key : key.substr(colon + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool has_word(std::string_view text, std::string_view word) {
  std::string current;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && std::isalnum(static_cast<unsigned char>(text[i])) != 0) {
      current += static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
      continue;
    }
    if (current == word) return true;
    current.clear();
  }
  return false;
}

std::string listed(const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  const std::size_t shown = names.size() <= most + 1 ? names.size() : most;
  const std::size_t rest = names.size() - shown;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i != 0) text += rest == 0 && i + 1 == shown ? " and " : ", ";
    text += names[i];
  }
  return rest == 0 ? text : text + " and " + std::to_string(rest) + " more";
}

std::string counted(std::size_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

std::string called(const SpecView& spec) {
  const std::size_t slash = spec.object.find('/');
  return spec.object.substr(0, slash) + " " + diag::quoted(spec.object.substr(slash + 1));
}

}  // namespace policyc::lint
