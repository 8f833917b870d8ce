#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <ostream>

#include "cli/command.h"
#include "cli/loader_options.h"
#include "loader/maps/node_maps.h"
#include "loader/observe/format.h"
#include "loader/observe/reader.h"

namespace policyc::cli {
namespace {

using Clock = std::chrono::steady_clock;

// The programs do not wake the reader for each event: this is how old one may get.
constexpr int kPollMilliseconds = 100;

volatile std::sig_atomic_t interrupted = 0;

struct Arguments {
  std::uint64_t count = 0;  // 0: no limit
  double timeout = 0;       // seconds; 0: no limit
  std::string output = "compact";
  endpoint::Paths paths;
};

int run(const Arguments& arguments, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto maps = maps::NodeMaps::open(arguments.paths.maps());
  if (!maps) return kernel_error(context.err, maps.error());
  auto reader = observe::Reader::open(*maps, events::From::Now);
  if (!reader) return kernel_error(context.err, reader.error());
  observe::Names names(arguments.paths);
  const auto form = arguments.output == "json" ? observe::Format::Json : observe::Format::Compact;
  const std::uint64_t clock_offset = observe::wall_clock_offset_ns();
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(arguments.timeout));
  std::uint64_t seen = 0;
  const auto wants_more = [&] {
    return interrupted == 0 && context.out.good() &&
           (arguments.count == 0 || seen < arguments.count) &&
           (arguments.timeout <= 0 || Clock::now() < end);
  };
  interrupted = 0;
  const auto old_interrupt = std::signal(SIGINT, [](int) { interrupted = 1; });
  const auto old_terminate = std::signal(SIGTERM, [](int) { interrupted = 1; });
  while (wants_more()) {
    reader->poll(kPollMilliseconds, [&](const observe::Event& event) {
      context.out << observe::format(event, names, form, clock_offset) << "\n";
      ++seen;
      return wants_more();
    });
    context.out.flush();
  }
  std::signal(SIGINT, old_interrupt);
  std::signal(SIGTERM, old_terminate);
  if (reader->lost() != 0)
    context.err << "policyc: " << reader->lost() << " events came faster than they were printed\n";
  return kSuccess;
}

}  // namespace

void add_observe(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "observe", "print drops and verdicts as they happen, with the rule behind each");
  command->add_option("--count,-n", arguments->count, "stop after N events")->type_name("N");
  command->add_option("--timeout", arguments->timeout, "stop after this time")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber);
  command->add_option("-o,--output", arguments->output, "form of a line")
      ->check(CLI::IsMember({"compact", "json"}))
      ->capture_default_str();
  add_loader_paths(*command, arguments->paths);
  command->callback([arguments, &context] { context.exit_code = run(*arguments, context); });
}

}  // namespace policyc::cli
