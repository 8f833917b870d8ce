#include "loader/agent/run.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "loader/agent/agent.h"
#include "loader/agent/cleanup.h"
#include "loader/agent/command_line.h"
#include "loader/agent/conntrack.h"
#include "loader/agent/http.h"
#include "loader/agent/links.h"
#include "loader/agent/notify.h"
#include "loader/agent/server.h"
#include "loader/agent/views.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/log.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/upgrade.h"
#include "loader/reconcile/kernel_node.h"
#include "loader/source/directory.h"

namespace policyc::agent {
namespace {

constexpr std::chrono::seconds kPagePatience{5};

// systemd's journal reads the level from the line.
void log_line(const std::string& text) { std::cerr << "policyd: " << text << std::endl; }

std::int64_t wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Held as long as the process lives: two agents would undo each other's work.
Result<bpf::Fd> lock_agent(const endpoint::Paths& paths) {
  const auto folder = paths.state / "agent";
  if (auto made = endpoint::make_directory(folder); !made) return std::unexpected(made.error());
  const auto path = folder / "lock";
  bpf::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return bpf::fail_errno("open " + path.string(), errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return fail("another agent works on " + paths.state.string());
  return file;
}

// Signals come to the loop; they are blocked before any thread is made.
Result<bpf::Fd> block_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  bpf::Fd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return bpf::fail_errno("wait for signals", errno);
  return fd;
}

class Program {
 public:
  Program(CommandLine command_line, Config config, endpoint::Progress progress)
      : command_line_(std::move(command_line)),
        config_(std::move(config)),
        progress_(std::move(progress)) {}

  Result<void> run() {
    const TimePoint start = Clock::now();
    auto signals = block_signals();
    if (!signals) return std::unexpected(signals.error());
    signals_ = std::move(*signals);
    auto lock = lock_agent(config_.paths);
    if (!lock) return std::unexpected(lock.error());
    if (auto mounted = bpf::ensure_directory(config_.paths.bpffs); !mounted) return mounted;
    if (auto taken = take_over_node(); !taken) return taken;
    auto loop = Loop::make();
    if (!loop) return std::unexpected(loop.error());
    loop_ = std::move(*loop);
    if (auto begun = begin(); !begun) return begun;
    when_synced(start);
    notify_ready("waiting for the source");
    log_line("running, version " POLICYC_VERSION);
    loop_->run();
    notify_stopping();
    log_line("stopping; what is loaded stays");
    // Before the agent goes: those who wait are answered.
    api_.reset();
    agent_->stop();
    return {};
  }

 private:
  Result<void> begin() {
    if (auto begun = begin_agent(); !begun) return begun;
    if (auto begun = begin_watching(); !begun) return begun;
    auto api = ApiServer::start(*loop_, *agent_, metrics_, POLICYC_VERSION, wall_clock_ns());
    if (!api) return std::unexpected(api.error());
    api_ = std::move(*api);
    return begin_pages();
  }

  // A node of another version is enforced as it was until each endpoint has its policy from us.
  Result<void> take_over_node() {
    const auto taken = endpoint::take_over(config_.paths, config_.sizes);
    if (!taken) return std::unexpected(taken.error());
    if (!*taken) return {};
    log_line("the maps of ABI version " + std::to_string((*taken)->abi_version) +
             " were set aside; connections " +
             ((*taken)->connections ? "are kept" : "are asked about again"));
    if (progress_) progress_("taken over");
    return {};
  }

  Result<void> begin_agent() {
    Parts parts;
    parts.loop = loop_.get();
    parts.metrics = &metrics_;
    parts.source = std::make_unique<watch::DirectorySource>(
        watch::DirectoryOptions{.directory = config_.source_directory});
    parts.compiler = start_compiler;
    parts.node = std::make_unique<reconcile::KernelNode>(config_.paths, progress_);
    parts.interface_index = interface_index;
    parts.log = log_line;
    parts.progress = progress_;
    if (config_.services) {
      auto services = open_services(config_);
      if (!services) return std::unexpected(services.error());
      parts.services = std::move(*services);
    }
    if (auto forgotten = forget_services(config_); !forgotten) return forgotten;
    if (endpoint::has_replaced(config_.paths)) {
      parts.attach = [config = config_] { return attach_node_programs(config); };
    } else {
      if (auto attached = attach_node_programs(config_); !attached) return attached;
      if (parts.services) {
        if (auto told = parts.services->programs_attached(); !told) return told;
      }
    }
    auto agent = Agent::start(std::move(parts), config_);
    if (!agent) return std::unexpected(agent.error());
    agent_ = std::move(*agent);
    return {};
  }

  Result<void> begin_watching() {
    if (auto watched = loop_->watch(signals_.get(), [this] { take_signal(); }); !watched)
      return watched;
    auto links = LinkWatch::open();
    if (!links) return std::unexpected(links.error());
    links_.emplace(std::move(*links));
    auto watched = loop_->watch(links_->fd(), [this] {
      const LinkNews news = links_->take();
      if (news.went || news.lost) agent_->check_interfaces();
      if (news.lost || !news.queues.empty())
        agent_->check_queues(news.lost ? nullptr : &news.queues);
    });
    if (!watched) return watched;
    // What happened between the look at them and the watch.
    agent_->check_interfaces();
    agent_->check_queues();
    collector_.emplace(
        config_.paths, config_.conntrack_interval,
        [this](const Result<conntrack::PassReport>& report) {
          metrics_.collected(report.has_value(), report ? &*report : nullptr);
          loop_->post([this, error = report ? std::string() : report.error().message] {
            agent_->report("conntrack", error.empty(), error);
          });
        });
    if (const auto interval = watchdog_interval(); interval.count() != 0)
      feed_watchdog(interval / 3);
    return {};
  }

  void feed_watchdog(std::chrono::microseconds interval) {
    notify_alive();
    loop_->at(Clock::now() + interval, [this, interval] { feed_watchdog(interval); });
  }

  // The answer of the loop to a page's thread; nothing when it does not answer in time.
  template <class Answer>
  std::optional<Answer> ask(std::function<Answer()> question) {
    const auto promise = std::make_shared<std::promise<Answer>>();
    auto answer = promise->get_future();
    loop_->post([promise, question = std::move(question)] { promise->set_value(question()); });
    if (answer.wait_for(kPagePatience) != std::future_status::ready) return std::nullopt;
    return answer.get();
  }

  std::string metrics_page() {
    const auto snapshot = ask<Snapshot>([this] { return snapshot_of(*agent_); });
    return metrics_.text(snapshot.value_or(Snapshot{}), kernel_snapshot(config_.paths, shapes_));
  }

  Health health_page() {
    const auto health = ask<Health>([this] {
      Health answer{agent_->healthy(), {}};
      for (const Component& component : agent_->components()) {
        if (!component.healthy) answer.text += component.name + ": " + component.message + "\n";
      }
      if (answer.text.empty()) answer.text = "ok\n";
      return answer;
    });
    return health.value_or(Health{false, "the event loop does not answer\n"});
  }

  // Whoever starts the agent again because of /livez must not do so for a bad policy, which it
  // would find again.
  Health live_page() {
    const auto alive = ask<bool>([] { return true; });
    return alive ? Health{true, "ok\n"} : Health{false, "the event loop does not answer\n"};
  }
  Health ready_page() {
    const auto synced = ask<bool>([this] { return agent_->synced(); });
    if (!synced) return {false, "the event loop does not answer\n"};
    return *synced ? Health{true, "ok\n"}
                   : Health{false, "the source has not told all it has yet\n"};
  }

  Result<void> begin_pages() {
    const std::map<std::string, std::function<Health()>> checks{
        {"/healthz", [this] { return health_page(); }},
        {"/livez", [this] { return live_page(); }},
        {"/readyz", [this] { return ready_page(); }}};
    const auto start = [&checks](const std::string& address, std::function<std::string()> metrics,
                                 std::unique_ptr<HttpServer>& server) -> Result<void> {
      if (address.empty()) return {};
      auto started = HttpServer::start(address, std::move(metrics), checks);
      if (!started) return std::unexpected(started.error());
      server = std::move(*started);
      return {};
    };
    if (auto begun = start(
            config_.metrics_address, [this] { return metrics_page(); }, metrics_server_);
        !begun)
      return begun;
    return start(config_.health_address, {}, health_server_);
  }

  void take_signal() {
    signalfd_siginfo signal{};
    while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo == SIGHUP) {
        reload();
      } else {
        loop_->stop();
      }
    }
  }

  void reload() {
    notify_reloading();
    auto config = load_config(command_line_.file, command_line_.flags);
    if (config) fill_in(*config);
    const auto done = config ? agent_->reload(*config) : std::unexpected(config.error());
    log_line(done ? "the configuration was read again"
                  : "the configuration stays as it was: " + done.error().message);
    notify_ready(done ? "reloaded" : "reload failed: " + done.error().message);
  }

  // Looks every moment until the first policies are in force.
  void when_synced(TimePoint start) {
    constexpr std::chrono::milliseconds kLook{50};
    if (agent_->synced() && agent_->reconciler().realized() != 0) {
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      metrics_.bootstrapped(seconds);
      notify_status("in force: " + std::to_string(agent_->policies().size()) + " policies");
      log_line("policies are in force after " + std::to_string(seconds) + " s");
      return;
    }
    loop_->at(Clock::now() + kLook, [this, start] { when_synced(start); });
  }

  CommandLine command_line_;
  Config config_;
  endpoint::Progress progress_;
  bpf::Fd signals_;
  Metrics metrics_;
  ShapeDirections shapes_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Agent> agent_;
  std::optional<LinkWatch> links_;
  std::unique_ptr<ApiServer> api_;
  std::unique_ptr<HttpServer> metrics_server_;
  std::unique_ptr<HttpServer> health_server_;
  std::optional<ConnectionCollector> collector_;  // first to go: it posts to the loop
};

int report(const Error& error, int code) {
  std::cerr << "policyd: " << error.message;
  if (!error.message.ends_with('\n')) std::cerr << "\n";
  return code;
}

}  // namespace

int run(const std::vector<std::string>& arguments, endpoint::Progress progress) {
  auto parsed = parse_command_line(arguments);
  if (parsed.exit_code) return *parsed.exit_code;
  auto config = load_config(parsed.command_line.file, parsed.command_line.flags);
  if (!config) return report(config.error(), kBadConfiguration);
  fill_in(*config);
  if (parsed.command_line.check) return kStopped;
  if (::geteuid() != 0) return report({"this needs root: it works on BPF objects"}, kFailed);
  if (parsed.command_line.cleanup) {
    auto lock = lock_agent(config->paths);
    if (!lock) return report(lock.error(), kFailed);
    const auto removed = remove_everything(*config);
    if (!removed) return report(removed.error(), kFailed);
    log_line(std::to_string(*removed) + " endpoints unloaded; maps, programs and state removed");
    return kStopped;
  }
  Program program(std::move(parsed.command_line), std::move(*config), std::move(progress));
  const auto done = program.run();
  return done ? kStopped : report(done.error(), kFailed);
}

}  // namespace policyc::agent
