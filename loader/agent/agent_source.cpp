// From the source to the compiler (agent.h).

#include <algorithm>

#include "loader/agent/agent.h"

namespace policyc::agent {

namespace {
// A source that never stops must not keep the loop from everything else.
constexpr int kMostEvents = 256;
// While more and more comes: between two readings, at first and once it goes on and on.
constexpr std::chrono::milliseconds kFirstRest{5};
constexpr std::chrono::milliseconds kLongestRest{200};
}  // namespace

// While more and more comes it is taken in pieces, and so are the answers: to wake up costs either
// process more than a file does.
void Agent::source_readable() {
  if (files_->synced() && source_changes_.due() && !more_waits_) return rest();
  read_source();
}

// What waits belongs to the swarm, which is not over before it was read.
void Agent::rest() {
  loop_.listen(parts_.source->fd(), false);
  compiler_waits_ = resolving_ == 0 && compiling_.empty();
  if (compiler_waits_) loop_.listen(compiler_->fd(), false);
  stop_timer(source_timer_);
  const TimePoint end = std::min(Clock::now() + rest_, *source_changes_.latest());
  rest_timer_ = loop_.at(end, [this] { rest_over(); });
}

void Agent::rest_over() {
  end_rest();
  read_compiler();
}

void Agent::end_rest() {
  stop_timer(rest_timer_);
  loop_.listen(parts_.source->fd(), true);
  listen_to_compiler();
  read_source();
  // What waits fills the kernel's queue, which is not without end.
  rest_ = more_waits_ ? kFirstRest : std::min(2 * rest_, kLongestRest);
  if (!source_timer_ && source_changes_.due()) await_quiet();
}

// Somebody waits for what was asked.
void Agent::listen_to_compiler() {
  if (std::exchange(compiler_waits_, false)) loop_.listen(compiler_->fd(), true);
}

void Agent::read_source() {
  bool changed = false;
  more_waits_ = true;
  for (int count = 0; count < kMostEvents; ++count) {
    auto event = parts_.source->next();
    if (!event) {
      source_failed(event.error().message);
      break;
    }
    if (!*event) {
      more_waits_ = false;
      break;
    }
    const bool was_synced = files_->synced();
    if ((*event)->kind == watch::EventKind::Synced) source_failures_ = 0;
    changed = files_->take(std::move(**event), *compiler_) || changed;
    if (!was_synced && files_->synced()) {
      parts_.log("the source has told all it has: " + std::to_string(files_->count()) + " files");
    }
  }
  report_files();
  if (changed) source_changed();
}

// A file that is refused means that what somebody wrote is not in force.
void Agent::report_files() {
  const std::string unreadable = files_->unreadable();
  if (!unreadable.empty()) {
    report("source", false, unreadable);
  } else if (source_failures_ == 0) {
    report("source", true, {});
  }
  const std::string bad = files_->bad_files();
  report("policies", bad.empty(), bad);
}

// Before everything was told nobody acts: what is not told yet would look as if it were gone.
void Agent::source_changed() {
  const bool alone = source_changes_.note(Clock::now());
  if (alone) rest_ = kFirstRest;
  swarm_asked_ = false;
  if (!files_->synced()) return;
  // What was there before the agent came has no time at which it was told.
  if (resolved_once_) delays_.told(Clock::now());
  await_quiet();
  if (alone && !more_waits_) ask_for_pods();
}

void Agent::await_quiet() {
  stop_timer(source_timer_);
  source_timer_ = loop_.at(*source_changes_.due(), [this] {
    source_timer_.reset();
    if (source_changes_.take(Clock::now())) {
      swarm_over(false);
      resolve_soon();
    }
  });
}

// A change that comes alone does not wait for more, if it is about pods: whatever belongs to it,
// what is said of each pod is right for what is known. Of policies an intermediate state may be of
// other shapes, which take long.
void Agent::ask_for_pods() {
  if (resolving_ != 0 || resolve_timer_ || resolve_everything_ || !resolved_once_) return;
  swarm_asked_ = true;
  resolve_again_ = false;
  resolving_ = compiler_->resolve_pods(endpoints_->local());
}

void Agent::swarm_over(bool pods_alone) {
  swarm_asked_ = false;
  ++revision_;
  delays_.swarm_over(revision_, pods_alone);
  parts_.metrics->policy_changed();
}

// The watch ended; what it told stays until it tells otherwise.
void Agent::source_failed(const std::string& error) {
  report("source", false, error);
  loop_.unwatch(parts_.source->fd());
  ++source_failures_;
  loop_.at(Clock::now() + backoff_.after(source_failures_), [this, alive = alive_] {
    if (!*alive) return;
    const auto resumed = parts_.source->start(parts_.source->cursor());
    if (!resumed) return source_failed(resumed.error().message);
    if (!*resumed) files_->begin_watch();
    if (const auto watched = loop_.watch(parts_.source->fd(), [this] { source_readable(); });
        !watched)
      return source_failed(watched.error().message);
    // Else it is well when it has told all.
    if (*resumed) source_failures_ = 0;
    report_files();
  });
}

}  // namespace policyc::agent
