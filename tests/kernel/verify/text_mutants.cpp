#include <regex>

#include "tests/kernel/verify/mutants.h"

namespace policyc::kernel_test {
namespace {

class TextMutator {
 public:
  explicit TextMutator(const emit::Emitted& emitted) : emitted_(emitted) {}

  std::vector<TextMutant> run() {
    each("byte order of the port", R"(context->host_port)",
         "__builtin_bswap16(context->host_port)");
    each("TCP for UDP", R"(context->protocol, 6\))", "context->protocol, 17)");
    each("UDP for TCP", R"(context->protocol, 17\))", "context->protocol, 6)");
    each("TCP and UDP exchanged", R"(\[context->protocol\])", "[context->protocol ^ 23]");
    each("peers negated", R"(policy_named\(peers)", "policy_named(~peers");
    each("a rule that always holds", R"(policy_choose\()", "policy_choose(1 | ");
    each("a rule that never holds", R"(policy_choose\()", "policy_choose(0 & ");
    each("deny for allow", R"(POLICYC_DECISION\(POLICY_ALLOW,)", "POLICYC_DECISION(POLICY_DENY,");
    each("allow for deny", R"(POLICYC_DECISION\(POLICY_DENY,)", "POLICYC_DECISION(POLICY_ALLOW,");
    each("allow for redirect", R"(POLICYC_DECISION\(POLICY_REDIRECT,)",
         "POLICYC_DECISION(POLICY_ALLOW,");
    each("allow for default deny", R"(POLICYC_DECISION\(POLICY_DEFAULT_DENY,)",
         "POLICYC_DECISION(POLICY_ALLOW,");
    each("default deny for allow", R"(POLICYC_DECISION\(POLICY_ALLOW,)",
         "POLICYC_DECISION(POLICY_DEFAULT_DENY,");
    each("another rule id", R"((POLICYC_DECISION\(POLICY_\w+, )([1-9][0-9]*)\))", "$1$2 + 1)");
    each("an unknown rule id", R"((POLICYC_DECISION\(POLICY_\w+, )([1-9][0-9]*)\))",
         "$1$2 + 1000)");
    each("begins one port later", R"((context->host_port, [0-9]+),)", "$1 + 1,");
    each("begins one port earlier", R"((context->host_port, [0-9]+),)", "$1 - 1,");
    each("ends one port later", R"((context->host_port, [0-9]+, [0-9]+)\))", "$1 + 1)");
    each("ends one port earlier", R"((context->host_port, [0-9]+, [0-9]+)\))", "$1 - 1)");
    each("one port up", R"((context->host_port, [0-9]+)\))", "$1 + 1)");
    each("one port down", R"((context->host_port, [0-9]+)\))", "$1 - 1)");
    each("IPv6 denied", R"(\)\n\{)",
         ")\n{\n\tif (context->family == 6)\n\t\t"
         "return POLICYC_NO_DECISION;");
    each("IPv6 allowed", R"(\)\n\{)",
         ")\n{\n\tif (context->family == 6)\n\t\t"
         "return POLICYC_DECISION(POLICY_ALLOW, 1);");
    each("IPv4 denied", R"(\)\n\{)",
         ")\n{\n\tif (context->family == 4)\n\t\t"
         "return POLICYC_NO_DECISION;");
    each("a negative answer", R"(\)\n\{)",
         ")\n{\n\tif (context->protocol == 6)\n\t\t"
         "return -1;");
    exchange_directions();
    return std::move(out_);
  }

 private:
  // One mutant for each match in code; comments stay as they are.
  void each(const std::string& what, const std::string& pattern, const std::string& replacement) {
    const std::regex regex(pattern);
    const std::string& text = emitted_.text;
    int number = 0;
    for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
      const auto at = static_cast<std::size_t>(it->position());
      const std::size_t line = text.rfind('\n', at) + 1;
      if (text.compare(line, 2, "/*") == 0 || text.compare(line, 2, " *") == 0) continue;
      TextMutant mutant{what + " (" + std::to_string(++number) + ")", emitted_};
      mutant.emitted.text = text.substr(0, at) + it->format(replacement) +
                            text.substr(at + static_cast<std::size_t>(it->length()));
      out_.push_back(std::move(mutant));
    }
  }

  void exchange_directions() {
    TextMutant mutant{"directions exchanged", emitted_};
    std::string& text = mutant.emitted.text;
    text = std::regex_replace(text, std::regex("policy_verdict_ingress"), "policy_verdict_TMP");
    text = std::regex_replace(text, std::regex("policy_verdict_egress"), "policy_verdict_ingress");
    text = std::regex_replace(text, std::regex("policy_verdict_TMP"), "policy_verdict_egress");
    out_.push_back(std::move(mutant));
  }

  const emit::Emitted& emitted_;
  std::vector<TextMutant> out_;
};

}  // namespace

std::vector<TextMutant> text_mutants(const emit::Emitted& emitted) {
  return TextMutator(emitted).run();
}

std::string code_of(const std::string& text) {
  static const std::regex kComment(R"(/\*[^*]*\*+([^/*][^*]*\*+)*/)");
  static const std::regex kLine(
      R"((^|\n)(#line|const volatile policyc_u32 policy_shape_tag)[^\n]*)");
  return std::regex_replace(std::regex_replace(text, kComment, ""), kLine, "");
}

}  // namespace policyc::kernel_test
