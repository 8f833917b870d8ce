#include "compiler/testlang/reader.h"

#include <algorithm>

#include "compiler/testlang/parse.h"

namespace policyc::testlang {
namespace {

constexpr std::string_view kNoKafka =
    "what a Kafka proxy says of a request is not evaluated; assert `redirect(kafka)`";

std::string strip(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return std::string(text);
}

explain::Request request(Parser::RequestContext& text) {
  explain::Request out;
  const std::string kind = text.getStart()->getText();
  if (kind == "kafka") refuse(span_of(text), kNoKafka);
  if (kind == "dns") {
    out.dns = string(*text.name);
  } else if (kind == "sni") {
    out.server_name = string(*text.name);
  } else {
    out.http.emplace();
    out.http->method = text.method->getText();
    out.http->path = string(*text.path);
    for (auto* part : text.part()) {
      if (part->host != nullptr) {
        out.http->host = string(*part->host);
        continue;
      }
      auto header = read_header(string(*part->header));
      if (!header) refuse(span_of(*part), header.error().message);
      out.http->headers.push_back(std::move(*header));
    }
  }
  return out;
}

class SuiteReader {
 public:
  explicit SuiteReader(Parser::DocumentContext& document) : document_(document) {}

  Suite run() {
    for (auto* statement : document_.statement()) {
      if (statement->fixture() != nullptr) fixture(*statement->fixture());
      if (statement->suite() != nullptr)
        suite_ = string(*statement->suite()->STRING()->getSymbol());
      if (statement->assertion() != nullptr) assertion(*statement->assertion());
    }
    return std::move(out_);
  }

 private:
  void fixture(Parser::FixtureContext& text) {
    const Span span = span_of(*text.kind);
    const std::string kind = text.kind->getText();
    if (!out_.assertions.empty()) refuse(span, "`" + kind + "` stands before the first assertion");
    if (kind == "config") {
      if (out_.config) refuse(span, "`config` stands twice");
      out_.config =
          Fixture{string(*text.STRING()->getSymbol()), span_of(*text.STRING()->getSymbol())};
      return;
    }
    auto& list = kind == "policies"    ? out_.policies
                 : kind == "endpoints" ? out_.endpoints
                                       : out_.options;
    for (auto* item : text.list()->STRING())
      list.push_back({string(*item->getSymbol()), span_of(*item->getSymbol())});
  }

  void assertion(Parser::AssertionContext& text) {
    Assertion out;
    out.span = span_of(text);
    out.verdict = span_of(*text.verdict());
    out.expected = expected(*text.verdict());
    if (text.verdict()->proxy != nullptr) out.parser = text.verdict()->proxy->getText();
    out.from = side(*text.from);
    out.from_span = span_of(*text.from);
    out.to = side(*text.to);
    out.to_span = span_of(*text.to);
    if (text.ports() != nullptr) out.ports = ports(*text.ports());
    if (text.request() != nullptr) {
      out.request = request(*text.request());
      out.request_span = span_of(*text.request());
    }
    if (text.reason() != nullptr) {
      out.reason.emplace();
      out.reason->span = span_of(*text.reason());
      out.reason->default_deny = text.reason()->decider == nullptr;
      if (text.reason()->decider != nullptr) out.reason->rule = string(*text.reason()->decider);
    }
    out.suite = suite_;
    antlr4::CharStream* input = text.getStart()->getInputStream();
    out.name = text.name != nullptr
                   ? string(*text.name)
                   : input->getText(antlr4::misc::Interval(text.getStart()->getStartIndex(),
                                                           text.getStop()->getStopIndex()));
    out_.assertions.push_back(std::move(out));
  }

  static Expected expected(Parser::VerdictContext& text) {
    const std::string word = text.getStart()->getText();
    for (const Expected one :
         {Expected::Allow, Expected::Redirect, Expected::Authenticate, Expected::Audited}) {
      if (word == expected_name(one)) return one;
    }
    return Expected::Deny;
  }

  Parser::DocumentContext& document_;
  Suite out_;
  std::string suite_;
};

template <class T, class Read>
std::expected<T, Mistake> caught(Read&& read_it) {
  try {
    return read_it();
  } catch (const MistakeError& error) {
    return std::unexpected(error.mistake);
  } catch (const std::exception& error) {
    return std::unexpected(Mistake{{}, error.what()});
  }
}

}  // namespace

std::string Mistake::to_string() const {
  return std::to_string(span.begin.line) + ":" + std::to_string(span.begin.column) + ": " + message;
}

std::expected<Suite, Mistake> read(std::string_view text) {
  return caught<Suite>([text] {
    Parse parse(text);
    return SuiteReader(*parse.parser().document()).run();
  });
}

Result<explain::Side> read_side(std::string_view text) {
  const auto is_pod_character = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '/';
  };
  const bool pod = std::count(text.begin(), text.end(), '/') == 1 &&
                   std::all_of(text.begin(), text.end(), is_pod_character) &&
                   !parse_ip_prefix(text);
  const std::string whole = pod ? "pod " + std::string(text) : std::string(text);
  auto out = caught<explain::Side>([&whole] {
    Parse parse(whole);
    return side(*parse.parser().oneSide()->side());
  });
  if (!out) return fail("`" + std::string(text) + "`: " + out.error().message);
  return std::move(*out);
}

Result<std::vector<Ports>> read_ports(std::string_view text) {
  auto out = caught<std::vector<Ports>>([text] {
    Parse parse(text);
    return ports(*parse.parser().onePorts()->ports());
  });
  if (!out) return fail("`" + std::string(text) + "`: " + out.error().message);
  return std::move(*out);
}

Result<eval::HttpRequest> read_http(std::string_view text) {
  eval::HttpRequest out;
  const std::string request = strip(text);
  const std::size_t space = request.find(' ');
  out.method = request.starts_with('/') ? "GET" : request.substr(0, space);
  out.path = request.starts_with('/')     ? request
             : space == std::string::npos ? "/"
                                          : strip(std::string_view(request).substr(space));
  if (out.method.empty() || !out.path.starts_with('/'))
    return fail("`" + std::string(text) + "`: a request is written `GET /path`");
  return out;
}

Result<std::pair<std::string, std::string>> read_header(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return fail("a header is written `Name: value`");
  return std::pair(strip(text.substr(0, colon)), strip(text.substr(colon + 1)));
}

}  // namespace policyc::testlang
