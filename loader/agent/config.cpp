#include "loader/agent/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include <unistd.h>

#include "compiler/diag/diag.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/option_names.h"
#include "compiler/source/source.h"
#include "loader/endpoint/files.h"
#include "loader/service/maglev.h"

namespace policyc::agent {
namespace {

using Values = std::vector<std::string>;
using Setter = Result<void> (*)(Config&, const Values&);

Result<std::string> single(const Values& values) {
  if (values.size() == 1) return values.front();
  return fail("takes one value");
}

Result<bool> parse_bool(const Values& values) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  if (*value == "true") return true;
  if (*value == "false") return false;
  return fail("`" + *value + "` is neither true nor false");
}

template <bool Config::* Member>
Result<void> flag(Config& config, const Values& values) {
  const auto value = parse_bool(values);
  if (!value) return std::unexpected(value.error());
  config.*Member = *value;
  return {};
}

template <class Text, Text Config::* Member>
Result<void> text(Config& config, const Values& values) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  config.*Member = *value;
  return {};
}

template <class Number>
Result<Number> parse_number(const Values& values, Number least, Number most) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  Number number{};
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc{} || end != value->data() + value->size() || number < least ||
      number > most) {
    return fail("`" + *value + "` is no number from " + std::to_string(least) + " to " +
                std::to_string(most));
  }
  return number;
}

template <std::uint32_t maps::MapSizes::* Member>
Result<void> size(Config& config, const Values& values) {
  const auto value = parse_number<std::uint32_t>(values, 16, 1U << 26U);
  if (!value) return std::unexpected(value.error());
  config.sizes.*Member = *value;
  return {};
}

// "30s", "5m", "500ms".
template <std::chrono::milliseconds Config::* Member>
Result<void> duration(Config& config, const Values& values) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(value->data() + value->size() - end));
  std::int64_t factor = -1;
  if (unit == "ms" || (unit.empty() && number == 0)) factor = 1;
  if (unit == "s") factor = 1000;
  if (unit == "m") factor = 60'000;
  if (error != std::errc{} || factor < 0 || number < 0 || number > 86'400'000)
    return fail("`" + *value + "` is no time such as 30s, 5m or 500ms");
  config.*Member = std::chrono::milliseconds(number * factor);
  return {};
}

Result<void> bpf_root(Config& config, const Values& values) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  config.paths.bpffs = *value;
  return {};
}

Result<void> state_directory(Config& config, const Values& values) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  config.paths.state = *value;
  return {};
}

Result<void> node_addresses(Config& config, const Values& values) {
  config.node_addresses.clear();
  for (const std::string& value : values) {
    const auto address = parse_ip_address(value);
    if (!address) return fail("`" + value + "` is no IP address");
    config.node_addresses.push_back(*address);
  }
  return {};
}

Result<void> exclusions(Config& config, const Values& values) {
  config.masquerade_exclusions.clear();
  for (const std::string& value : values) {
    const auto prefix = parse_ip_prefix(value);
    if (!prefix) return fail("`" + value + "` is no CIDR");
    config.masquerade_exclusions.push_back(*prefix);
  }
  return {};
}

Result<void> devices(Config& config, const Values& values) {
  config.devices.clear();
  for (const std::string& value : values) {
    if (value.empty() || value.size() > 15 || value.find('/') != std::string::npos)
      return fail("`" + value + "` is no name of an interface");
    config.devices.push_back(value);
  }
  return {};
}

// Cilium's words, and ours.
Result<void> deny_response(Config& config, const Values& values) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  const auto response = endpoint::parse_deny_response(*value == "none" ? "drop" : *value);
  if (!response) return fail("`" + *value + "` is none of none, icmp, reset");
  config.deny_response = *response;
  return {};
}

Result<void> forwarding(Config& config, const Values& values) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  const auto mode = service::parse_forwarding(*value);
  if (!mode) return fail("`" + *value + "` is none of snat, dsr, hybrid");
  config.forwarding = *mode;
  return {};
}

Result<void> dsr_dispatch(Config& config, const Values& values) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  if (*value == "geneve") return fail("`geneve` is not offered; opt and ipip are");
  if (*value != "opt" && *value != "ipip") return fail("`" + *value + "` is neither opt nor ipip");
  config.dsr_ipip = *value == "ipip";
  return {};
}

// One of two words to a flag.
template <bool Config::* Member>
Result<void> choice(Config& config, const Values& values, const char* no, const char* yes) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  if (*value != no && *value != yes)
    return fail("`" + *value + "` is neither " + no + " nor " + yes);
  config.*Member = *value == yes;
  return {};
}

Result<void> hook(Config& config, const Values& values) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  if (*value == "auto")
    config.hook = attach::HookChoice::Auto;
  else if (*value == "tcx")
    config.hook = attach::HookChoice::Tcx;
  else if (*value == "clsact")
    config.hook = attach::HookChoice::Clsact;
  else
    return fail("`" + *value + "` is none of auto, tcx, clsact");
  return {};
}

// HOST:PORT, :PORT or nothing.
template <std::string Config::* Member>
Result<void> serve_address(Config& config, const Values& values) {
  const auto value = single(values);
  if (!value) return std::unexpected(value.error());
  const auto colon = value->rfind(':');
  if (!value->empty()) {
    if (colon == std::string::npos) return fail("`" + *value + "` is no address such as :9962");
    if (auto port = parse_number<std::uint32_t>({value->substr(colon + 1)}, 0, 65535); !port)
      return std::unexpected(port.error());
  }
  config.*Member = *value;
  return {};
}

struct Known {
  Setting setting;
  Setter set;
};

using Path = std::filesystem::path;

const std::vector<Known>& known() {
  static const std::vector<Known> kKnown = {
      {{"static-cnp-path", "DIR", "manifests: policies, pods, nodes, services (also: source)"},
       text<Path, &Config::source_directory>},
      {{"state-dir", "DIR", "where the agent and the loader remember"}, state_directory},
      {{"bpf-root", "DIR", "where maps, programs and links are pinned"}, bpf_root},
      {{"socket-path", "FILE", "of the API"}, text<Path, &Config::socket>},
      {{"compiler", "FILE", "the compiler process"}, text<Path, &Config::compiler>},
      {{"compile-threads", "N", "shapes compiled at the same time"},
       [](Config& config, const Values& values) -> Result<void> {
         const auto value = parse_number<unsigned>(values, 1, 64);
         if (!value) return std::unexpected(value.error());
         config.compile_threads = *value;
         return {};
       }},
      {{"compile-memory", "MIB", "that the compiler process may take"},
       [](Config& config, const Values& values) -> Result<void> {
         const auto value = parse_number<std::uint64_t>(values, 256, 1U << 20U);
         if (!value) return std::unexpected(value.error());
         config.compile_memory = *value << 20U;
         return {};
       }},
      {{"node-name", "NAME", "of this node among the manifests"},
       text<std::string, &Config::node_name>},
      {{"node-zone", "ZONE", "for topology-aware services"}, text<std::string, &Config::node_zone>},
      {{"node-address", "IP...", "where NodePorts and hostPorts are offered"}, node_addresses},
      {{"policy-audit-mode", "BOOL", "report what policies deny, and let it through"},
       flag<&Config::audit>},
      {{"policy-deny-response", "none|icmp|reset", "what the sender of a denied packet gets"},
       deny_response},
      {{"attach", "auto|tcx|clsact", "hook of endpoints' programs"}, hook},
      {{"kube-proxy-replacement", "BOOL", "balance Services on this node"},
       flag<&Config::services>},
      {{"bpf-lb-sock", "BOOL", "sockets get their backend when they connect (also: socket-lb)"},
       flag<&Config::socket_lb>},
      {{"bpf-lb-sock-cgroup", "DIR", "whose sockets"}, text<Path, &Config::cgroup>},
      {{"bpf-lb-algorithm", "random|maglev", "of services that do not say"},
       [](Config& config, const Values& values) {
         return choice<&Config::maglev>(config, values, "random", "maglev");
       }},
      {{"bpf-lb-maglev-table-size", "N", "entries of a Maglev table"},
       [](Config& config, const Values& values) -> Result<void> {
         const auto value = parse_number<std::uint32_t>(values, 1, 1U << 20U);
         if (!value) return std::unexpected(value.error());
         if (!service::is_maglev_size(*value)) return fail("no such table is offered");
         config.maglev_size = *value;
         return {};
       }},
      {{"bpf-lb-mode", "snat|dsr|hybrid", "of services that do not say; hybrid: TCP by DSR"},
       forwarding},
      {{"bpf-lb-dsr-dispatch", "opt|ipip", "how backends' nodes learn of frontends"}, dsr_dispatch},
      {{"enable-nat46x64-gateway", "BOOL",
        "clients from outside whose IP family has no endpoint get those of the other one"},
       flag<&Config::nat46x64>},
      {{"devices", "NAME...", "devices towards the outside, where addresses are translated"},
       devices},
      {{"enable-bpf-masquerade", "BOOL", "translate endpoints' addresses on the devices"},
       flag<&Config::masquerade>},
      {{"masquerade-exclude", "CIDR...", "destinations that see endpoints' own addresses"},
       exclusions},
      {{"bpf-ct-max", "N", "connections of each family"}, size<&maps::MapSizes::conntrack>},
      {{"bpf-ipcache-max", "N", "addresses of each family"}, size<&maps::MapSizes::ipcache>},
      {{"conntrack-gc-interval", "TIME", "between passes; 0: by what each pass finds"},
       duration<&Config::conntrack_interval>},
      {{"prometheus-serve-addr", "[HOST]:PORT", "of /metrics; empty: none"},
       serve_address<&Config::metrics_address>},
      {{"agent-health-addr", "[HOST]:PORT", "of /healthz; empty: none"},
       serve_address<&Config::health_address>},
      {{"add-timeout", "TIME", "for a new pod's policy at most"}, duration<&Config::add_timeout>},
  };
  return kKnown;
}

std::string_view canonical(std::string_view name) {
  if (name == "source") return "static-cnp-path";
  if (name == "socket-lb") return "bpf-lb-sock";
  if (name == "bpffs") return "bpf-root";
  return name;
}

Result<Values> values_of(const manifest::Node& node) {
  Values values;
  const auto add = [&values](const manifest::Node& scalar) {
    if (scalar.kind != manifest::NodeKind::Scalar || scalar.is_null()) return false;
    values.push_back(scalar.text);
    return true;
  };
  if (!node.is_sequence()) {
    if (add(node)) return values;
    return fail("expected a value or a list of values");
  }
  for (const manifest::Node& item : node.items) {
    if (!add(item)) return fail("expected a list of values");
  }
  return values;
}

Result<void> check_whole(Config& config) {
  if (config.node_name.empty()) {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0) config.node_name = name.data();
  }
  if (config.socket_lb && !config.services)
    return fail("bpf-lb-sock: needs kube-proxy-replacement");
  if (config.nat46x64 && !(config.services && config.options.ipv4 && config.options.ipv6))
    return fail("enable-nat46x64-gateway: needs kube-proxy-replacement and both IP families");
  if (config.masquerade && config.devices.empty())
    return fail("enable-bpf-masquerade: needs devices");
  for (const auto* path :
       {&config.paths.state, &config.paths.bpffs, &config.source_directory, &config.socket}) {
    if (!path->is_absolute()) return fail("`" + path->string() + "` is no absolute path");
  }
  return {};
}

}  // namespace

std::span<const Setting> settings() {
  static const std::vector<Setting> kSettings = [] {
    std::vector<Setting> all;
    for (const Known& one : known()) all.push_back(one.setting);
    for (const std::string& name : policy::option_names())
      all.push_back({name, "VALUE", "as in Cilium's ConfigMap"});
    return all;
  }();
  return kSettings;
}

Result<void> set(Config& config, std::string_view name, const Values& values) {
  name = canonical(name);
  const std::string text(name);
  const auto found =
      std::ranges::find(known(), name, [](const Known& one) { return one.setting.name; });
  if (found != known().end()) {
    auto done = found->set(config, values);
    if (!done) return fail(text + ": " + done.error().message);
    return done;
  }
  if (!policy::is_option(text)) return fail("`" + text + "`: no such setting");
  if (text == "labels" || text == "node-labels") {
    std::string patterns;
    for (const std::string& value : values) patterns += value + " ";
    return policy::set_option(config.options, text, patterns);
  }
  const auto value = single(values);
  if (!value) return fail(text + ": " + value.error().message);
  return policy::set_option(config.options, text, *value);
}

Result<void> read_config(Config& config, const std::string& name, std::string text) {
  source::SourceMap sources;
  diag::Engine diagnostics;
  const auto file = sources.add_file(name, std::move(text));
  const auto trees = manifest::read_trees(sources, file, diagnostics);
  if (diagnostics.has_errors()) return fail(diag::render_text(sources, diagnostics));
  if (trees.empty()) return {};
  const manifest::Node& root = trees.front();
  const auto at = [&sources](source::NodeId node, const std::string& message) {
    return fail(sources.file_line_column(node) + ": " + message);
  };
  if (trees.size() > 1) return at(trees[1].id, "a second document");
  if (root.is_null()) return {};
  if (!root.is_mapping()) return at(root.id, "expected a mapping of settings to values");
  for (const manifest::Member& member : root.members) {
    const auto values = values_of(member.value);
    if (!values) return at(member.value.id, member.key + ": " + values.error().message);
    const bool known_name =
        policy::is_option(member.key) || std::ranges::any_of(known(), [&member](const Known& one) {
          return one.setting.name == canonical(member.key);
        });
    if (auto done = set(config, member.key, *values); !done)
      return at(known_name ? member.value.id : member.key_id, done.error().message);
  }
  return {};
}

Result<Config> load_config(const std::optional<std::filesystem::path>& file,
                           std::span<const Flag> flags) {
  Config config;
  if (file) {
    auto text = endpoint::read_file(*file);
    if (!text) return std::unexpected(text.error());
    if (!*text) return fail(file->string() + ": there is no such file");
    if (auto read = read_config(config, file->string(), std::move(**text)); !read)
      return std::unexpected(read.error());
  }
  for (const Flag& one : flags) {
    if (auto done = set(config, one.name, one.values); !done)
      return fail("--" + done.error().message);
  }
  if (auto good = check_whole(config); !good) return std::unexpected(good.error());
  return config;
}

}  // namespace policyc::agent
