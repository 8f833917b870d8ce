#include "loader/conntrack/collector.h"

#include <algorithm>
#include <ctime>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "loader/bpf/log.h"
#include "loader/endpoint/grace.h"

namespace policyc::conntrack {
namespace {

using std::chrono::nanoseconds;

// Where the kernel does not say when programs have ended: seconds that a hypervisor may keep a CPU.
constexpr unsigned kLongestStop = 2;
// Slots between two rests.
constexpr std::size_t kStretch = 8192;
// Above this share the overflow tables may be needed again at any moment.
constexpr double kCrowded = 0.75;
constexpr timespec kRest{.tv_sec = 0, .tv_nsec = 100'000};

nanoseconds thread_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

// What the thread takes of its core between two rests.
class Stretches {
 public:
  void rest() {
    stop();
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &kRest, nullptr);
    start_ = thread_time();
  }
  void stop() {
    const nanoseconds taken = thread_time() - start_;
    longest_ = std::max(longest_, taken);
    total_ += taken;
    start_ += taken;
  }
  [[nodiscard]] nanoseconds longest() const { return longest_; }
  [[nodiscard]] nanoseconds total() const { return total_; }

 private:
  nanoseconds start_ = thread_time();
  nanoseconds longest_{};
  nanoseconds total_{};
};

// One table after the other.
class Scan {
 public:
  explicit Scan(std::uint64_t now) : now_(now) {}

  // Ends what has expired in a table of connections; the numbers of those slots go to `ended`.
  template <class Bucket>
  TableReport end_expired(const bpf::MapHandle& map, const maps::ConnectionTable<Bucket>& table,
                          std::vector<std::size_t>& ended) {
    TableReport report{.name = map.name(), .capacity = table.capacity()};
    for (std::size_t slot = 0; slot < table.capacity(); ++slot) {
      if (slot % kStretch == kStretch - 1) stretches_.rest();
      switch (table.end(slot, now_)) {
        case maps::Found::Free:
          continue;
        case maps::Found::Living:
          ++report.live;
          break;
        case maps::Found::Ended:
          ++report.expired;
          ended.push_back(slot);
          break;
      }
      ++report.scanned;
    }
    return report;
  }
  template <class Bucket>
  void release(const maps::ConnectionTable<Bucket>& table, const std::vector<std::size_t>& ended,
               TableReport& report) {
    for (const std::size_t slot : ended) {
      if (++report.removed % kStretch == 0) stretches_.rest();
      table.release(slot);
    }
  }

  // Of an overflow table.
  template <class Key>
  Result<TableReport> count(const bpf::Map<Key, ct_value>& table) {
    const auto info = table.handle().info();
    if (!info) return std::unexpected(info.error());
    TableReport report{.name = table.handle().name(), .capacity = info->max_entries};
    const auto see = [&](const void*, const void* values, std::size_t count) {
      report.scanned += count;
      for (std::size_t i = 0; i < count; ++i)
        ++(static_cast<const ct_value*>(values)[i].expires > now_ ? report.live : report.expired);
      stretches_.rest();
      return true;
    };
    if (auto done = table.handle().each_batch_raw(see); !done) return std::unexpected(done.error());
    return report;
  }
  Stretches& stretches() { return stretches_; }

 private:
  std::uint64_t now_;  // ticks
  Stretches stretches_;
};

// Both tables wait for the programs that run now at once.
std::array<TableReport, 2> collect(Scan& scan, const maps::NodeMaps& maps,
                                   const maps::ConnectionTable4& table4,
                                   const maps::ConnectionTable6& table6) {
  std::array<std::vector<std::size_t>, 2> ended;
  std::array reports{scan.end_expired(maps.conntrack4.handle(), table4, ended[0]),
                     scan.end_expired(maps.conntrack6.handle(), table6, ended[1])};
  if (!ended[0].empty() || !ended[1].empty()) wait_for_writers();
  scan.release(table4, ended[0], reports[0]);
  scan.release(table6, ended[1], reports[1]);
  return reports;
}

Result<std::array<TableReport, 2>> count_overflow(Scan& scan, const maps::NodeMaps& maps) {
  auto first = scan.count(maps.conntrack4_overflow);
  if (!first) return std::unexpected(first.error());
  auto second = scan.count(maps.conntrack6_overflow);
  if (!second) return std::unexpected(second.error());
  return std::array{std::move(*first), std::move(*second)};
}

bool empty(const std::array<TableReport, 2>& overflow) {
  return overflow[0].live == 0 && overflow[1].live == 0;
}

Result<ct_pressure_value> read_pressure(const maps::NodeMaps& maps) {
  const auto value = maps.ct_pressure.lookup(0);
  if (!value) return std::unexpected(value.error());
  return **value;
}

// Packets need not ask empty tables. A connection may move in between the look and the write, so
// the tables are looked at again once every program that could do that has ended.
Result<void> end_overflow(Scan& scan, const maps::NodeMaps& maps, const CollectProgram& program,
                          PassReport& report) {
  auto overflow = count_overflow(scan, maps);
  if (!overflow) return std::unexpected(overflow.error());
  report.overflow = std::move(*overflow);
  if (!empty(report.overflow) || report.fill() >= kCrowded) return {};
  if (auto cleared = program.set_overflowed(false); !cleared) return cleared;
  endpoint::wait_for_running_programs();
  overflow = count_overflow(scan, maps);
  if (!overflow) {
    if (auto set = program.set_overflowed(true); !set) return set;
    return std::unexpected(overflow.error());
  }
  report.overflow_ended = empty(*overflow);
  return report.overflow_ended ? Result<void>{} : program.set_overflowed(true);
}

}  // namespace

Result<bpf::Fd> lock_tables(const endpoint::Paths& paths) {
  bpf::Fd fd(::open(paths.maps().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::flock(fd.get(), LOCK_EX) != 0)
    return bpf::fail_errno("lock " + paths.maps().string(), errno);
  return fd;
}

void wait_for_writers() {
  if (!endpoint::wait_for_running_programs()) ::sleep(kLongestStop);
}

double TableReport::fill() const {
  return capacity == 0 ? 0 : static_cast<double>(scanned - removed) / static_cast<double>(capacity);
}

double PassReport::fill() const { return std::max(tables[0].fill(), tables[1].fill()); }

double PassReport::removed_share() const {
  const std::size_t scanned = tables[0].scanned + tables[1].scanned;
  const std::size_t removed = tables[0].removed + tables[1].removed;
  return scanned == 0 ? 0 : static_cast<double>(removed) / static_cast<double>(scanned);
}

Result<Collector> Collector::open(const endpoint::Paths& paths) {
  auto maps = maps::NodeMaps::open(paths.maps());
  if (!maps) return std::unexpected(maps.error());
  auto program = CollectProgram::open(paths);
  if (!program) return std::unexpected(program.error());
  auto table4 = maps::ConnectionTable4::open(maps->conntrack4.fd());
  if (!table4) return std::unexpected(table4.error());
  auto table6 = maps::ConnectionTable6::open(maps->conntrack6.fd());
  if (!table6) return std::unexpected(table6.error());
  return Collector(paths, std::move(*maps), std::move(*program), std::move(*table4),
                   std::move(*table6));
}

Result<PassReport> Collector::pass() const {
  const auto locked = lock_tables(paths_);
  if (!locked) return std::unexpected(locked.error());
  const auto start = std::chrono::steady_clock::now();
  const auto now = program_.now();
  if (!now) return std::unexpected(now.error());
  const auto pressure = read_pressure(maps_);
  if (!pressure) return std::unexpected(pressure.error());
  PassReport report;
  report.overflowed = pressure->overflowed != 0;
  Scan scan(*now);
  report.tables = collect(scan, maps_, table4_, table6_);
  if (report.overflowed) {
    if (auto ended = end_overflow(scan, maps_, program_, report); !ended)
      return std::unexpected(ended.error());
  }
  const auto after = read_pressure(maps_);
  if (!after) return std::unexpected(after.error());
  report.full = {after->full[0], after->full[1]};
  scan.stretches().stop();
  report.elapsed = std::chrono::steady_clock::now() - start;
  report.cpu = scan.stretches().total();
  report.longest_stretch = scan.stretches().longest();
  return report;
}

}  // namespace policyc::conntrack
