#include "compiler/explain/explain.h"

#include <memory>
#include <ostream>

#include "cli/agent_options.h"
#include "cli/command.h"
#include "cli/outputs.h"
#include "cli/policy_inputs.h"
#include "compiler/testlang/reader.h"

namespace policyc::cli {
namespace {

const Formats kFormats{.own = {"text", "json"}, .findings = false};

struct Arguments {
  std::vector<std::string> inputs, endpoints;
  std::string from, to, port;
  std::string http, host, dns, server_name;
  std::vector<std::string> headers;
  OutputArguments outputs;
  bool all = false;
  AgentArguments agent;
};

class ExplainCommand {
 public:
  ExplainCommand(const Arguments& arguments, Context& context)
      : arguments_(arguments), context_(context) {}

  int run() {
    auto outputs = Outputs::parse(arguments_.outputs, kFormats);
    if (!outputs) return usage(outputs.error().message);
    outputs_ = std::move(*outputs);
    const auto from = testlang::read_side(arguments_.from);
    if (!from) return usage("--from: " + from.error().message);
    const auto to = testlang::read_side(arguments_.to);
    if (!to) return usage("--to: " + to.error().message);
    const auto ports = testlang::read_ports(arguments_.port);
    if (!ports) return usage("--port: " + ports.error().message);
    if (ports->size() != 1 ||
        (ports->front().name.empty() && ports->front().first != ports->front().last))
      return usage("--port: one port, as in 443/tcp or 8/icmp");
    const auto request = read_request();
    if (!request) return usage(request.error().message);
    const auto agent = agent_options(arguments_.agent);
    if (!agent) return unreadable(agent.error().message);
    auto inputs =
        read_policy_inputs(arguments_.inputs, arguments_.endpoints, *agent, context_.in, sources_);
    if (!inputs) return unreadable(inputs.error().message);
    context_.err << diag::render_text(sources_, (*inputs)->diagnostics);
    if (!(*inputs)->usable) return kFindings;
    return answer(**inputs, {*from, *to}, ports->front(), *request);
  }

 private:
  int usage(const std::string& message) {
    context_.err << "policyc: explain: " << message << "\n";
    return kUsage;
  }
  int unreadable(const std::string& message) {
    context_.err << "policyc: " << message << "\n";
    return kUnreadable;
  }

  Result<explain::Request> read_request() const {
    explain::Request out;
    const int given = static_cast<int>(!arguments_.http.empty()) +
                      static_cast<int>(!arguments_.dns.empty()) +
                      static_cast<int>(!arguments_.server_name.empty());
    if (given > 1) return fail("one of --http, --dns and --sni");
    if (!arguments_.dns.empty()) out.dns = arguments_.dns;
    if (!arguments_.server_name.empty()) out.server_name = arguments_.server_name;
    if (arguments_.http.empty()) {
      if (!arguments_.host.empty() || !arguments_.headers.empty())
        return fail("--host and --header go with --http");
      return out;
    }
    auto http = testlang::read_http(arguments_.http);
    if (!http) return fail("--http: " + http.error().message);
    http->host = arguments_.host;
    for (const std::string& text : arguments_.headers) {
      auto header = testlang::read_header(text);
      if (!header) return fail("--header: " + header.error().message);
      http->headers.push_back(std::move(*header));
    }
    out.http = std::move(*http);
    return out;
  }

  int answer(const PolicyInputs& inputs, const std::vector<explain::Side>& sides,
             testlang::Ports port, const explain::Request& request) {
    const explain::Model model = inputs.model(sources_);
    const explain::World world(model, sides, true);
    const auto from = one_of(world, sides[0], "--from");
    const auto to = one_of(world, sides[1], "--to");
    if (!from || !to) return kUsage;
    if (!from->endpoint && !to->endpoint)
      return usage("neither end is a pod, so no policy is asked");
    if (!port.name.empty() && !resolve(world, *to, port))
      return usage("--port: `" + to->name + "` has no port called `" + port.name + "`");
    explain::Answers answers(model, world);
    const auto explanation =
        explain::explain(answers, {&*from, &*to, port.protocol, port.first, request});
    const auto written = outputs_.write(
        context_, {{"text",
                    [&](const auto& style) {
                      return explain::to_text(explanation, arguments_.all, {sources_, style});
                    }},
                   {"json", [&](const auto&) { return explain::to_json(explanation); }}});
    if (!written) return unreadable(written.error().message);
    return explanation.outcome == explain::Outcome::Allow ? kSuccess : kFindings;
  }

  // The first of a side; others are said.
  std::optional<explain::End> one_of(const explain::World& world, const explain::Side& side,
                                     const std::string& option) {
    const auto ends = world.ends(side);
    if (!ends) {
      (void)usage(option + ": " + ends.error().message);
      return std::nullopt;
    }
    if (ends->size() > 1) {
      context_.err << "policyc: explain: " << option << ": `" << side.text << "` is "
                   << ends->size() << " kinds of peers; this is about " << ends->front().name
                   << "\n";
    }
    return ends->front();
  }

  static bool resolve(const explain::World& world, const explain::End& to, testlang::Ports& port) {
    if (!to.endpoint) return false;
    for (const auto& known : world.cluster().endpoints[*to.endpoint].ports) {
      if (known.name != port.name || known.protocol != policy::protocol_name(port.protocol))
        continue;
      port.first = port.last = known.port;
      return true;
    }
    return false;
  }

  const Arguments& arguments_;
  Context& context_;
  Outputs outputs_;
  source::SourceMap sources_;
};

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("explain", "Say what happens to one connection at both ends, and why");
  command->add_option("input", arguments->inputs, "Files, directories or - with policies")
      ->required();
  command->add_option("--endpoints", arguments->endpoints,
                      "Files or directories with Pods and Namespaces, as for compile");
  command
      ->add_option("--from", arguments->from,
                   "Who connects: namespace/pod, labels (app=web,ns=shop), an address, an entity, "
                   "name \"a.example\"")
      ->required();
  command->add_option("--to", arguments->to, "To whom, in the same forms")->required();
  command->add_option("--port", arguments->port, "443/tcp, http/tcp, 8/icmp")->required();
  command->add_option("--http", arguments->http, "The request: GET /path");
  command->add_option("--host", arguments->host, "Its Host");
  command->add_option("--header", arguments->headers, "A header of it: Name: value");
  command->add_option("--dns", arguments->dns, "The name that a DNS query asks for");
  command->add_option("--sni", arguments->server_name, "The server name of a TLS handshake");
  command->add_flag("--all", arguments->all, "List rules that do not match as well");
  add_output_options(*command, arguments->outputs, kFormats);
  add_agent_options(*command, arguments->agent);
  command->callback(
      [arguments, &context] { context.exit_code = ExplainCommand(*arguments, context).run(); });
}

}  // namespace policyc::cli
