#include <algorithm>
#include <array>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

// Domains below which anybody can have a name of their own.
constexpr std::array<std::string_view, 22> kShared = {"amazonaws.com",
                                                      "cloudfront.net",
                                                      "azurewebsites.net",
                                                      "blob.core.windows.net",
                                                      "cloudapp.azure.com",
                                                      "azureedge.net",
                                                      "appspot.com",
                                                      "run.app",
                                                      "web.app",
                                                      "firebaseapp.com",
                                                      "googleusercontent.com",
                                                      "github.io",
                                                      "gitlab.io",
                                                      "herokuapp.com",
                                                      "netlify.app",
                                                      "vercel.app",
                                                      "pages.dev",
                                                      "workers.dev",
                                                      "ngrok.io",
                                                      "akamaized.net",
                                                      "fastly.net",
                                                      "digitaloceanspaces.com"};
// Public suffixes of two labels below which names are sold.
constexpr std::array<std::string_view, 10> kRegistries = {
    "co.uk", "org.uk", "com.au", "com.br", "co.jp", "co.in", "com.cn", "co.nz", "com.tr", "co.za"};

// What follows the last `*`, without its leading dot: "example.com" of "*.example.com".
std::string fixed_suffix(std::string_view pattern) {
  const std::size_t star = pattern.rfind('*');
  std::string_view rest = pattern.substr(star + 1);
  // `*example.com` also means `evilexample.com`.
  if (rest.starts_with('.')) rest.remove_prefix(1);
  if (rest.ends_with('.')) rest.remove_suffix(1);
  return lower(rest);
}

std::string problem(std::string_view pattern) {
  if (pattern.find('*') == std::string_view::npos) return {};
  const std::string suffix = fixed_suffix(pattern);
  if (suffix.empty()) return "matches every name";
  if (suffix.find('.') == std::string::npos)
    return "matches every name below " + diag::quoted("." + suffix);
  if (std::find(kRegistries.begin(), kRegistries.end(), suffix) != kRegistries.end())
    return "matches every name below " + diag::quoted("." + suffix) + ", where names are sold";
  if (std::find(kShared.begin(), kShared.end(), suffix) != kShared.end())
    return "matches names that anybody can have: " + diag::quoted(suffix) +
           " is shared by all customers of a provider";
  const std::size_t star = pattern.rfind('*');
  if (star + 1 < pattern.size() && pattern[star + 1] != '.' && pattern[star + 1] != '-' &&
      std::count(suffix.begin(), suffix.end(), '.') == 1)
    return "matches other domains too, such as " + diag::quoted("evil" + suffix);
  return {};
}

void check(const Model& model, Findings& findings) {
  for (const SpecView& spec : model.specs()) {
    for (const ItemView& item : spec.items) {
      if (item.item == nullptr || !item.item->fqdns) continue;
      for (const policy::FqdnSelector& selector : *item.item->fqdns) {
        const std::string& pattern = selector.match_pattern.value;
        const std::string what = problem(pattern);
        if (what.empty()) continue;
        findings.add(spec.object, selector.match_pattern.node, diag::quoted(pattern) + " " + what)
            .help = "name the hosts, or a domain that is yours";
      }
    }
  }
}

}  // namespace

constinit const Rule kWideFqdn{
    .id = "PL0015",
    .name = "wide-fqdn",
    .severity = diag::Severity::Warning,
    .summary = "a toFQDNs pattern that names of strangers match",
    .what =
        "A `matchPattern` of `toFQDNs` that is `*`, a whole top-level domain, a suffix below "
        "which names are sold, or a provider's domain in which every customer gets names. A "
        "pattern of a DNS rule is not meant: which names may be asked is another matter.",
    .why =
        "Whoever wants data out of the cluster takes a name that matches. An address that is "
        "learned for one name is allowed for all names on that address.",
    .example = R"(  - toFQDNs:
    - matchPattern: "*.amazonaws.com"      # PL0015: every bucket of every customer
)",
    .repair = "Name the hosts: `mybucket.s3.eu-central-1.amazonaws.com`.",
    .security_severity = "5.0",
    .check = check,
};

}  // namespace policyc::lint
