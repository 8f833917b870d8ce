#include <array>
#include <chrono>
#include <csignal>
#include <ctime>
#include <iomanip>
#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/ct_list.h"
#include "cli/loader_options.h"
#include "loader/bpf/bpffs.h"
#include "loader/conntrack/collector.h"
#include "loader/conntrack/flush.h"
#include "loader/conntrack/schedule.h"
#include "loader/nat/collector.h"

namespace policyc::cli {
namespace {

using std::chrono::milliseconds;

struct GcArguments {
  bool once = false;
  double interval = 0;  // seconds; 0: as conntrack::next_interval says
  endpoint::Paths paths;
};

volatile std::sig_atomic_t interrupted = 0;

double in_milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

void print(const conntrack::PassReport& report, std::ostream& out) {
  out << std::fixed << std::setprecision(1);
  for (const conntrack::TableReport& table : report.tables) {
    out << table.name << ": scanned " << table.scanned << ", live " << table.live << ", expired "
        << table.expired << ", removed " << table.removed << ", fill " << table.fill() * 100
        << " %; ";
  }
  out << in_milliseconds(report.elapsed) << " ms, longest stretch " << std::setprecision(2)
      << in_milliseconds(report.longest_stretch) << " ms";
  if (report.full[0] + report.full[1] != 0)
    out << "; found full " << report.full[0] << " + " << report.full[1] << " times";
  if (report.overflow_ended) {
    out << "; overflow ended";
  } else if (report.overflowed) {
    out << "; overflow live " << report.overflow[0].live << " + " << report.overflow[1].live;
  }
  out << std::endl;  // whoever follows a log sees each pass
}

// Returns early when a signal arrives.
void wait(milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  constexpr milliseconds kStep{100};
  while (interrupted == 0 && std::chrono::steady_clock::now() < end) {
    timespec step{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(kStep).count()};
    ::nanosleep(&step, nullptr);
  }
}

// Connections that devices translate expire as well, where a device was attached.
Result<void> collect_translated(const endpoint::Paths& paths, std::ostream& out) {
  if (!bpf::exists(paths.maps() / "nat4")) return {};
  const auto collector = nat::Collector::open(paths);
  if (!collector) return std::unexpected(collector.error());
  const auto report = collector->pass();
  if (!report) return std::unexpected(report.error());
  out << "translated: scanned " << report->scanned << ", removed " << report->removed << ", ended "
      << report->ended << std::endl;
  return {};
}

// Everything is opened anew for each pass: a load may have taken the program or the maps away.
int collect(const GcArguments& arguments, Context& context) {
  milliseconds interval = conntrack::kFirstInterval;
  while (true) {
    const auto collector = conntrack::Collector::open(arguments.paths);
    if (!collector) return kernel_error(context.err, collector.error());
    const auto report = collector->pass();
    if (!report) return kernel_error(context.err, report.error());
    print(*report, context.out);
    if (auto translated = collect_translated(arguments.paths, context.out); !translated)
      return kernel_error(context.err, translated.error());
    if (arguments.once || interrupted != 0 || !context.out.good()) return kSuccess;
    interval = arguments.interval > 0
                   ? milliseconds(static_cast<milliseconds::rep>(arguments.interval * 1000))
                   : conntrack::next_interval(interval, report->fill(), report->removed_share());
    wait(interval);
    if (interrupted != 0) return kSuccess;
  }
}

int run_gc(const GcArguments& arguments, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  interrupted = 0;
  const auto old_interrupt = std::signal(SIGINT, [](int) { interrupted = 1; });
  const auto old_terminate = std::signal(SIGTERM, [](int) { interrupted = 1; });
  const int code = collect(arguments, context);
  std::signal(SIGINT, old_interrupt);
  std::signal(SIGTERM, old_terminate);
  return code;
}

void add_list(CLI::App& command, Context& context) {
  auto arguments = std::make_shared<CtListArguments>();
  CLI::App* list = command.add_subcommand("list", "print the connections of this node");
  list->add_option("-o,--output", arguments->output, "form of the output; json: one on each line")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  add_ct_filter(*list, arguments->filter);
  list->add_flag("--expired", arguments->expired, "also those that are about to be removed");
  add_loader_paths(*list, arguments->paths);
  list->callback(
      [arguments, &context] { context.exit_code = list_connections(*arguments, context); });
}

void add_gc(CLI::App& command, Context& context) {
  auto arguments = std::make_shared<GcArguments>();
  CLI::App* gc = command.add_subcommand(
      "gc", "remove expired connections, again and again; a line for each pass");
  auto* once = gc->add_flag("--once", arguments->once, "one pass");
  gc->add_option("--interval", arguments->interval,
                 "time between passes (default: by what the passes find)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 86400.0))
      ->excludes(once);
  add_loader_paths(*gc, arguments->paths);
  gc->callback([arguments, &context] { context.exit_code = run_gc(*arguments, context); });
}

struct FlushArguments {
  CtFilterArguments filter;
  bool all = false;
  endpoint::Paths paths;
};

int run_flush(const FlushArguments& arguments, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto filter = CtFilter::make(arguments.filter);
  if (!filter) {
    context.err << "policyc: " << filter.error().message << "\n";
    return kUsage;
  }
  if (arguments.filter.any() != arguments.all) {
    context.err << "policyc: ct flush: say which connections (--address, --port, --protocol), or "
                   "--all\n";
    return kUsage;
  }
  const auto removed = conntrack::flush(
      arguments.paths, [&](const conntrack::Connection& one) { return filter->takes(one); });
  if (!removed) return kernel_error(context.err, removed.error());
  context.out << *removed << (*removed == 1 ? " connection" : " connections") << " removed\n";
  return kSuccess;
}

void add_flush(CLI::App& command, Context& context) {
  auto arguments = std::make_shared<FlushArguments>();
  CLI::App* flush = command.add_subcommand(
      "flush", "forget connections that live: their next packets are asked as first ones");
  add_ct_filter(*flush, arguments->filter);
  flush->add_flag("--all", arguments->all, "every connection of this node");
  add_loader_paths(*flush, arguments->paths);
  flush->callback([arguments, &context] { context.exit_code = run_flush(*arguments, context); });
}

}  // namespace

void add_ct(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("ct", "list tracked connections, remove expired ones, forget some");
  command->require_subcommand(1);
  add_list(*command, context);
  add_gc(*command, context);
  add_flush(*command, context);
}

void add_bpf_ct(CLI::App& bpf, Context& context) {
  CLI::App* command = bpf.add_subcommand("ct", "tracked connections");
  command->require_subcommand(1);
  add_list(*command, context);
  add_flush(*command, context);
}

}  // namespace policyc::cli
