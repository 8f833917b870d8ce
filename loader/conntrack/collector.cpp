#include "loader/conntrack/collector.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>

#include "loader/bpf/log.h"
#include "loader/endpoint/grace.h"
#include "loader/kernel/datapath.h"

namespace policyc::conntrack {
namespace {

using std::chrono::nanoseconds;

// A CPU that looked an entry up just before it expired has long written to it by then.
constexpr std::uint32_t kGraceSeconds = 1;
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

// One pass at a time on a node, whoever makes it; ends with the descriptor.
Result<bpf::Fd> lock(const endpoint::Paths& paths) {
  bpf::Fd fd(::open(paths.maps().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::flock(fd.get(), LOCK_EX) != 0)
    return bpf::fail_errno("lock " + paths.maps().string(), errno);
  return fd;
}

// One table after the other; `now` gets younger on the way.
class Scan {
 public:
  Scan(const CollectProgram& program, std::uint64_t now) : program_(program), now_(now) {}

  template <class Key>
  Result<TableReport> collect(const bpf::Map<Key, ct_value>& table) {
    std::vector<Key> expired;
    return walk(table, &expired);
  }
  template <class Key>
  Result<TableReport> count(const bpf::Map<Key, ct_value>& table) {
    return walk<Key>(table, nullptr);
  }
  Stretches& stretches() { return stretches_; }

 private:
  // Removes nothing when `expired` is null.
  template <class Key>
  Result<TableReport> walk(const bpf::Map<Key, ct_value>& table, std::vector<Key>* expired) {
    const auto info = table.handle().info();
    if (!info) return std::unexpected(info.error());
    TableReport report{.name = table.handle().name(), .capacity = info->max_entries};
    std::optional<Error> failed;
    const auto see = [&](const void* keys, const void* values, std::size_t count) {
      look_at<Key>(static_cast<const Key*>(keys), static_cast<const ct_value*>(values), count,
                   report, expired);
      if (expired != nullptr && !expired->empty()) {
        const auto removed = program_.remove(std::span<const Key>(*expired), grace_);
        if (!removed) {
          failed = removed.error();
          return false;
        }
        report.removed += removed->removed;
        now_ = removed->now;
        expired->clear();
      }
      stretches_.rest();
      return true;
    };
    if (auto done = table.handle().each_batch_raw(see); !done) return std::unexpected(done.error());
    if (failed) return std::unexpected(*failed);
    return report;
  }

  template <class Key>
  void look_at(const Key* keys, const ct_value* values, std::size_t count, TableReport& report,
               std::vector<Key>* expired) const {
    report.scanned += count;
    for (std::size_t i = 0; i < count; ++i) {
      if (values[i].expires > now_) {
        ++report.live;
        continue;
      }
      ++report.expired;
      if (expired != nullptr && values[i].expires + grace_ <= now_) expired->push_back(keys[i]);
    }
  }

  const CollectProgram& program_;
  std::uint64_t now_;  // ticks
  std::uint32_t grace_ = kGraceSeconds * kernel::ticks_per_second();
  Stretches stretches_;
};

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
  return Collector(paths, std::move(*maps), std::move(*program));
}

Result<PassReport> Collector::pass() const {
  const auto locked = lock(paths_);
  if (!locked) return std::unexpected(locked.error());
  const auto start = std::chrono::steady_clock::now();
  const auto now = program_.now();
  if (!now) return std::unexpected(now.error());
  const auto pressure = read_pressure(maps_);
  if (!pressure) return std::unexpected(pressure.error());
  PassReport report;
  report.overflowed = pressure->overflowed != 0;
  Scan scan(program_, *now);
  auto table4 = scan.collect(maps_.conntrack4);
  if (!table4) return std::unexpected(table4.error());
  auto table6 = scan.collect(maps_.conntrack6);
  if (!table6) return std::unexpected(table6.error());
  report.tables = {std::move(*table4), std::move(*table6)};
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
