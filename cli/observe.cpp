#include <chrono>
#include <csignal>
#include <limits>
#include <memory>
#include <optional>
#include <ostream>
#include <vector>

#include <unistd.h>

#include "cli/command.h"
#include "cli/loader_options.h"
#include "cli/observe_filters.h"
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
  std::optional<std::uint64_t> last;
  std::optional<std::uint64_t> first;
  std::string since;
  std::string until;
  bool all = false;
  bool follow = false;
  std::string output = "compact";
  std::string time_format = "StampMilli";
  bool print_node_name = false;
  endpoint::Paths paths;
  ObserveFilters filters;
};

std::string node_name() {
  std::array<char, 256> name{};
  // The last byte stays zero.
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

// What of the rings is asked for.
struct Span {
  bool history = false;
  bool follow = true;
  std::optional<std::uint64_t> last;
  std::optional<std::uint64_t> first;
  std::uint64_t since_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t until_ns = std::numeric_limits<std::uint64_t>::max();
};

// CLOCK_MONOTONIC of a point in time; nothing given is `otherwise`.
Result<std::uint64_t> point_of(const char* flag, const std::string& text, std::uint64_t otherwise) {
  if (text.empty()) return otherwise;
  const std::uint64_t offset = observe::wall_clock_offset_ns();
  const auto time = observe::parse_time(text, observe::monotonic_ns() + offset);
  if (time) return *time > offset ? *time - offset : 0;
  return fail(std::string(flag) + ": `" + text +
              "` is neither a duration such as 90s or 1h30m nor a time such as "
              "2026-01-02T15:04:05Z");
}

Result<Span> span_of(const Arguments& arguments) {
  Span span;
  span.last = arguments.last;
  span.first = arguments.first;
  if (span.first && (span.last || arguments.follow))
    return fail("--first: not together with --last or --follow");
  const auto since = point_of("--since", arguments.since, span.since_ns);
  if (!since) return std::unexpected(since.error());
  span.since_ns = *since;
  const auto until = point_of("--until", arguments.until, span.until_ns);
  if (!until) return std::unexpected(until.error());
  span.until_ns = *until;
  span.history = arguments.all || arguments.last || arguments.first || !arguments.since.empty() ||
                 !arguments.until.empty();
  span.follow = arguments.follow || !span.history;
  return span;
}

class Observer {
 public:
  Observer(const Arguments& arguments, Context& context, observe::Reader reader,
           observe::Filter filter, Span span)
      : arguments_(arguments),
        context_(context),
        reader_(std::move(reader)),
        filter_(std::move(filter)),
        span_(span),
        node_(node_name()),
        maker_(arguments.paths, node_),
        formatter_({*observe::parse_format(arguments.output),
                    *observe::parse_time_format(arguments.time_format), arguments.print_node_name,
                    observe::boot_id()}),
        limited_(reader_.limited()) {}

  void run() {
    end_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                              std::chrono::duration<double>(arguments_.timeout));
    if (span_.history) print(keep(read(0)));
    while (span_.follow && wants_more()) print(read(kPollMilliseconds));
    report_losses();
  }

 private:
  bool wants_more() const {
    return interrupted == 0 && context_.out.good() &&
           (arguments_.count == 0 || printed_ < arguments_.count) &&
           (arguments_.timeout <= 0 || Clock::now() < end_) &&
           observe::monotonic_ns() <= span_.until_ns;
  }

  // What passes the filter of what is there, or comes in that time.
  std::vector<observe::Flow> read(int timeout_ms) {
    const std::uint64_t clock_offset = observe::wall_clock_offset_ns();
    std::vector<observe::Flow> flows;
    reader_.poll(timeout_ms, [&](const observe::Event& event) {
      if (event.time_ns < span_.since_ns || event.time_ns > span_.until_ns) return interrupted == 0;
      observe::Flow flow = maker_.make(event, clock_offset);
      if (filter_.matches(flow)) flows.push_back(std::move(flow));
      return interrupted == 0;
    });
    report_lost(false);
    return flows;
  }

  std::vector<observe::Flow> keep(std::vector<observe::Flow> flows) const {
    if (span_.last && flows.size() > *span_.last)
      flows.erase(flows.begin(), flows.end() - static_cast<std::ptrdiff_t>(*span_.last));
    if (span_.first && flows.size() > *span_.first)
      flows.erase(flows.begin() + static_cast<std::ptrdiff_t>(*span_.first), flows.end());
    return flows;
  }

  void print(const std::vector<observe::Flow>& flows) {
    std::span<const observe::Flow> some = flows;
    if (arguments_.count != 0 && some.size() > arguments_.count - printed_)
      some = some.first(arguments_.count - printed_);
    context_.out << formatter_.flows(some);
    context_.out.flush();
    printed_ += some.size();
  }

  // In Json among the flows, at once; else for people, once a second and at the end.
  void report_lost(bool at_end) {
    const bool json = *observe::parse_format(arguments_.output) == observe::Format::Json;
    const std::uint64_t lost = reader_.lost() - lost_;
    const auto now = Clock::now();
    if (lost == 0 || (!json && !at_end && now < next_report_)) return;
    (json ? context_.out : context_.err)
        << formatter_.lost(lost, node_, observe::monotonic_ns() + observe::wall_clock_offset_ns());
    lost_ += lost;
    next_report_ = now + std::chrono::seconds(1);
  }

  void report_losses() {
    report_lost(true);
    if (const std::uint64_t limited = reader_.limited() - limited_; limited != 0)
      context_.err << "policyc: " << limited << " events were not written: rate limit\n";
  }

  const Arguments& arguments_;
  Context& context_;
  observe::Reader reader_;
  observe::Filter filter_;
  Span span_;
  std::string node_;
  observe::FlowMaker maker_;
  observe::Formatter formatter_;
  std::uint64_t limited_;
  std::uint64_t lost_ = 0;
  std::uint64_t printed_ = 0;
  Clock::time_point end_{};
  Clock::time_point next_report_{};
};

int usage_error(std::ostream& err, const Error& error) {
  err << "policyc: " << error.message << "\n";
  return kUsage;
}

int run(const Arguments& arguments, const CLI::App& command, Context& context) {
  auto filter = arguments.filters.filter(command);
  if (!filter) return usage_error(context.err, filter.error());
  const auto span = span_of(arguments);
  if (!span) return usage_error(context.err, span.error());
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto maps = maps::NodeMaps::open(arguments.paths.maps());
  if (!maps) return kernel_error(context.err, maps.error());
  auto reader =
      observe::Reader::open(*maps, span->history ? events::From::Oldest : events::From::Now);
  if (!reader) return kernel_error(context.err, reader.error());
  interrupted = 0;
  const auto old_interrupt = std::signal(SIGINT, [](int) { interrupted = 1; });
  const auto old_terminate = std::signal(SIGTERM, [](int) { interrupted = 1; });
  Observer(arguments, context, std::move(*reader), std::move(*filter), *span).run();
  std::signal(SIGINT, old_interrupt);
  std::signal(SIGTERM, old_terminate);
  return kSuccess;
}

}  // namespace

void add_observe(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "observe", "print drops and verdicts as they happen, with the rule behind each");
  command->add_option("--last", arguments->last, "the newest N that are kept and pass the filters")
      ->type_name("N");
  command
      ->add_option("--first", arguments->first, "the oldest N that are kept and pass the filters")
      ->type_name("N");
  command
      ->add_option("--since", arguments->since,
                   "those that are kept and not older than this: a duration ago, or a time")
      ->type_name("TIME");
  command->add_option("--until", arguments->until, "none that is newer than this")
      ->type_name("TIME");
  command->add_flag("--all", arguments->all, "all that are kept");
  command->add_flag("-f,--follow", arguments->follow,
                    "go on with what happens from now on; the default without --last, --first, "
                    "--since, --until and --all");
  command->add_option("--count", arguments->count, "stop after N events")->type_name("N");
  command->add_option("--timeout", arguments->timeout, "stop after this time")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber);
  command->add_option("-o,--output", arguments->output, "format")
      ->check(CLI::IsMember({"compact", "json", "jsonpb", "dict", "tab", "table"}))
      ->capture_default_str();
  command->add_option("--time-format", arguments->time_format, "of all formats but json")
      ->check(
          CLI::IsMember({"StampMilli", "RFC3339", "RFC3339Milli", "RFC3339Micro", "RFC3339Nano"}))
      ->capture_default_str();
  command->add_flag("--print-node-name", arguments->print_node_name, "in all formats");
  arguments->filters.add_to(*command);
  add_loader_paths(*command, arguments->paths);
  command->callback(
      [arguments, command, &context] { context.exit_code = run(*arguments, *command, context); });
}

}  // namespace policyc::cli
