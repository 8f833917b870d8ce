#include "loader/agent/conntrack.h"

#include "loader/bpf/bpffs.h"
#include "loader/conntrack/schedule.h"
#include "loader/endpoint/datapath.h"
#include "loader/nat/collector.h"

namespace policyc::agent {

ConnectionCollector::ConnectionCollector(endpoint::Paths paths, std::chrono::milliseconds interval,
                                         Done done)
    : paths_(std::move(paths)), interval_(interval), done_(std::move(done)) {
  thread_ = std::thread([this] { run(); });
}

ConnectionCollector::~ConnectionCollector() {
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

// Opened anew for each pass: a change may have taken the program away. Nothing: there are no maps.
std::optional<Result<conntrack::PassReport>> ConnectionCollector::pass() const {
  if (!bpf::exists(paths_.programs()) || bpf::list(paths_.programs()).empty()) return std::nullopt;
  const auto collector = conntrack::Collector::open(paths_);
  if (!collector) return std::unexpected(collector.error());
  auto report = collector->pass();
  if (!report || !bpf::exists(paths_.maps() / "nat4")) return report;
  const auto translated = nat::Collector::open(paths_);
  if (!translated) return std::unexpected(translated.error());
  if (const auto done = translated->pass(); !done) return std::unexpected(done.error());
  return report;
}

void ConnectionCollector::run() {
  std::chrono::milliseconds wait = interval_.count() != 0 ? interval_ : conntrack::kFirstInterval;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, wait, [this] { return stopped_; })) {
    lock.unlock();
    const auto report = pass();
    if (report) done_(*report);
    lock.lock();
    if (interval_.count() != 0) continue;
    wait = report && *report
               ? conntrack::next_interval(wait, (*report)->fill(), (*report)->removed_share())
               : std::chrono::milliseconds(conntrack::kFirstInterval);
  }
}

}  // namespace policyc::agent
