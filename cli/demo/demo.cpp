#include "cli/demo/demo.h"

#include <optional>
#include <ostream>

#include "cli/demo/interrupt.h"
#include "cli/demo/judge.h"
#include "cli/demo/leftovers.h"
#include "cli/demo/live_update.h"
#include "cli/demo/manifests.h"
#include "cli/demo/preflight.h"
#include "cli/demo/report.h"
#include "cli/demo/stage.h"
#include "cli/demo/story.h"
#include "compiler/diag/diag.h"

namespace policyc::demo {
namespace {

using Kind = Conclusion::Kind;

class Demo {
 public:
  Demo(const Options& options, Interrupt& interrupt, std::istream& in, std::ostream& out,
       std::ostream& err)
      : options_(options), interrupt_(interrupt), in_(in), out_(out), err_(err) {}

  Conclusion run() {
    attempts_ = story(options_.without_l7);
    if (!kernel_has_ipv6()) {
      std::erase_if(attempts_, [](const Attempt& attempt) { return attempt.v6; });
      out_ << "This kernel has no IPv6: only the IPv4 half is shown.\n";
    }
    auto policies = read_policies();
    if (!policies) return unavailable(policies.error());
    const auto started = start_compiler();
    if (!started) return bug(started.error());
    print_start(out_, *started);
    const auto build = compile(std::move(*policies));
    if (!build) return Conclusion{failure_, 0};
    print_compile(out_, *build);
    if (interrupt_.requested()) return interrupted();

    std::vector<Attempt> served = attempts_;
    for (const Attempt& attempt : update_attempts()) served.push_back(attempt);
    auto stage = Stage::set(*build, served);
    if (interrupt_.requested()) return interrupted();
    if (!stage) return unavailable(stage.error());
    out_ << "\nLoad: one network namespace for each pod, joined through one for the node\n";
    for (const policy::Endpoint& pod : build->pods) {
      const auto loaded = (*stage)->load(*build, pod);
      if (!loaded) return unavailable(loaded.error());
      print_load(out_, *loaded);
    }
    if (const auto ended = try_all(**stage)) return *ended;
    if (!own_policies()) {
      if (const auto ended = update(**stage, *build)) return *ended;
    }
    return {as_expected_ == attempts_.size() && update_good_ ? Kind::AsExpected : Kind::Different,
            0};
  }

 private:
  bool own_policies() const { return !options_.policy_files.empty(); }

  Conclusion unavailable(const Error& error) {
    err_ << "policyc demo: " << error.message << "\n";
    return {Kind::Unavailable, 0};
  }
  Conclusion bug(const Error& error) {
    err_ << "policyc demo: internal error: " << error.message << "\n";
    return {Kind::Bug, 0};
  }
  Conclusion interrupted() {
    err_ << "policyc demo: interrupted; cleaning up\n";
    return {Kind::Interrupted, interrupt_.signal()};
  }

  Result<std::vector<driver::InputText>> read_policies() const {
    if (!own_policies()) return policy_manifests(false);
    return driver::read_inputs(options_.policy_files, in_);
  }

  // Nothing when the policies are refused or clang fails; that is said on err_, and failure_ is
  // set.
  std::optional<Build> compile(std::vector<driver::InputText> policies) {
    auto build =
        build_policies({std::move(policies), cluster_manifests(), {}, options_.without_l7});
    if (!build) {
      failure_ = bug(build.error()).kind;
      return std::nullopt;
    }
    err_ << diag::render_text(build->compilation->sources(), build->compilation->diagnostics());
    if (build->policies.empty()) {
      failure_ = Kind::Different;
      return std::nullopt;
    }
    return std::move(*build);
  }

  // A conclusion only when the demo ends here.
  std::optional<Conclusion> try_all(Stage& stage) {
    out_ << "\nTraffic: real packets over the kernel's stack; who decided is what the programs "
            "reported\n";
    for (const Attempt& one : attempts_) {
      const Exchange exchange = stage.exchange(one);
      const bool answer_wanted = !own_policies() && one.expected.answered;
      const Outcome outcome =
          attempt(exchange, answer_wanted ? kPatientTimeout : kAnswerTimeout, interrupt_);
      if (interrupt_.requested()) return interrupted();
      const auto decisions = stage.decisions(exchange, outcome.source_port);
      if (!decisions) return unavailable(decisions.error());
      print_attempt(out_, one, outcome, !own_policies());
      print_decisions(out_, *decisions);
      judge(one, outcome, *decisions);
      out_.flush();
    }
    out_ << "\n" << count_of(attempts_.size(), "attempt", "attempts");
    if (!own_policies()) out_ << ", " << as_expected_ << " as expected";
    out_ << "\n";
    return std::nullopt;
  }

  void judge(const Attempt& one, const Outcome& outcome, const std::vector<Decision>& decisions) {
    const auto problem = own_policies() ? std::nullopt : mismatch(one.expected, outcome, decisions);
    if (!problem) {
      ++as_expected_;
      return;
    }
    out_ << "      NOT as expected: " << *problem << "\n";
  }

  std::optional<Conclusion> update(Stage& stage, const Build& before) {
    const auto after = compile(policy_manifests(true));
    if (!after) return Conclusion{failure_, 0};
    out_ << "\n";
    print_update(out_, *after);
    const auto good = live_update(stage, before, *after, out_, interrupt_);
    if (interrupt_.requested()) return interrupted();
    if (!good) return unavailable(good.error());
    update_good_ = *good;
    return std::nullopt;
  }

  const Options& options_;
  Interrupt& interrupt_;
  std::istream& in_;
  std::ostream& out_;
  std::ostream& err_;
  Kind failure_ = Kind::Bug;
  std::vector<Attempt> attempts_;
  std::size_t as_expected_ = 0;
  bool update_good_ = true;
};

}  // namespace

Conclusion run(const Options& options, std::istream& in, std::ostream& out, std::ostream& err) {
  auto interrupt = Interrupt::install();
  const auto ready = interrupt ? preflight() : Result<void>(std::unexpected(interrupt.error()));
  if (!ready) {
    err << "policyc demo: " << ready.error().message << "\n";
    return {Kind::Unavailable, 0};
  }
  if (const std::size_t leftovers = remove_leftovers(); leftovers != 0) {
    out << "Removed what " << count_of(leftovers, "demo that was killed", "demos that were killed")
        << " left behind.\n";
  }
  return Demo(options, *interrupt, in, out, err).run();
}

void print_manifests(std::ostream& out) {
  for (const EmbeddedFile& file : manifest_files()) {
    out << "---\n# " << file.path << "\n";
    out.write(reinterpret_cast<const char*>(file.bytes.data()),
              static_cast<std::streamsize>(file.bytes.size()));
  }
}

}  // namespace policyc::demo
