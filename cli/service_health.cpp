// policyc service health: answers load balancers until it is told to end.
#include "cli/service_health.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "cli/service_inputs.h"
#include "loader/health/server.h"

namespace policyc::cli {
namespace {

constexpr timespec kRetry{.tv_sec = 2, .tv_nsec = 0};  // ports that were taken

// The signals that the command waits for; its threads inherit the mask.
class Signals {
 public:
  Signals() {
    ::sigemptyset(&wanted_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&wanted_, signal);
    ::pthread_sigmask(SIG_BLOCK, &wanted_, &before_);
  }
  ~Signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The next one; 0: none for a while.
  [[nodiscard]] int next() const {
    const int signal = ::sigtimedwait(&wanted_, nullptr, &kRetry);
    return signal < 0 ? 0 : signal;
  }

 private:
  sigset_t wanted_{};
  sigset_t before_{};
};

// One line for each service, when it changes.
class Report {
 public:
  explicit Report(Context& context) : context_(context) {}

  void show(const std::vector<service::HealthCheck>& checks) {
    if (shown_ && checks == checks_) return;
    shown_ = true;
    checks_ = checks;
    for (const service::HealthCheck& check : checks) {
      context_.out << check.namespace_ << "/" << check.name << " port " << check.port << ": "
                   << check.local_endpoints << " local endpoints\n";
    }
    context_.out << checks.size() << " health checks" << std::endl;
  }

  void show(const std::vector<health::Problem>& problems) {
    for (const health::Problem& problem : problems) {
      if (std::ranges::find(problems_, problem) == problems_.end())
        context_.err << "policyc: warning: port " << problem.port << " of " << problem.service
                     << " is not served: " << problem.reason << std::endl;
    }
    for (const health::Problem& problem : problems_) {
      const bool still = std::ranges::any_of(problems, [&](const health::Problem& other) {
        return other.port == problem.port && other.service == problem.service;
      });
      if (!still)
        context_.err << "port " << problem.port << " of " << problem.service
                     << ": no problem any more" << std::endl;
    }
    problems_ = problems;
  }

 private:
  Context& context_;
  bool shown_ = false;
  std::vector<service::HealthCheck> checks_;
  std::vector<health::Problem> problems_;
};

int run(const ServiceInputArguments& arguments, Context& context) {
  if (std::ranges::find(arguments.paths, "-") != arguments.paths.end()) {
    context.err << "policyc: service health reads its files again, so they cannot be `-`\n";
    return kUsage;
  }
  const Signals signals;
  int code = kSuccess;
  auto inputs = read_directory(arguments, context, code);
  if (!inputs) return code;
  health::Server server;
  Report report(context);
  std::vector<health::Problem> problems = server.apply(inputs->directory.health_checks());
  while (true) {
    report.show(inputs->directory.health_checks());
    report.show(problems);
    const int signal = signals.next();
    if (signal == SIGINT || signal == SIGTERM) return kSuccess;
    if (signal == SIGHUP) {
      // What cannot be read changes nothing.
      if (auto again = read_directory(arguments, context, code)) inputs = std::move(again);
      context.err.flush();
      problems = server.apply(inputs->directory.health_checks());
    } else {
      problems = server.retry();
    }
  }
}

}  // namespace

void add_service_health(CLI::App& service, Context& context) {
  auto arguments = std::make_shared<ServiceInputArguments>();
  CLI::App* command = service.add_subcommand(
      "health", "answer load balancers at healthCheckNodePorts until SIGTERM; SIGHUP: read again");
  add_service_inputs(*command, *arguments);
  command->callback([arguments, &context] { context.exit_code = run(*arguments, context); });
}

}  // namespace policyc::cli
