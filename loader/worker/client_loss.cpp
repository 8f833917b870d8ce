// The compiler process is lost: what is to blame, who has to ask again, and when the next one
// starts.
#include <algorithm>

#include "loader/worker/client_state.h"
#include "loader/worker/frame.h"

namespace policyc::worker {

std::chrono::milliseconds Client::State::limit_of(const Task& task) const {
  const Limits& limits = settings_.limits;
  if (std::holds_alternative<Introduction>(task)) return limits.start;
  return std::holds_alternative<Resolution>(task) ? limits.resolve : limits.file;
}

void Client::State::check_deadlines() {
  const auto now = Clock::now();
  if (!underway_.empty()) {
    const Underway& first = underway_.front();
    if (now >= since_ + limit_of(first.task)) {
      const bool starting = std::holds_alternative<Introduction>(first.task);
      return lose(starting ? "it was not ready in time" : "it took too long over a request",
                  first.wire_id);
    }
  }
  for (const auto& [id, compilation] : compiling_) {
    if (now >= compilation.sent + settings_.limits.compile)
      return lose("it took too long over a shape", id);
  }
}

void Client::State::blame_task(const Task& task, unsigned weight, const std::string& how) {
  std::vector<FileResult> results;
  if (const auto* told = std::get_if<TellFile>(&task)) {
    files_.blame(*told, weight, how, results);
  } else if (const auto* resolution = std::get_if<Resolution>(&task)) {
    if (resolution->suspect) {
      // Without it the process lived.
      files_.blame(*resolution->suspect, weight == kKilled ? weight : kMaxBlame, how, results);
    } else {
      resolve_blame_ += weight;
      careful_ = careful_ || resolve_blame_ >= kMaxBlame;
    }
  }
  add_results(std::move(results));
}

// The process may have been at a later file, with answers to the first ones held back: each of
// them is told alone to the next process, so that the second death is of the right one.
void Client::State::doubt_files() {
  const std::size_t count = std::min<std::size_t>(underway_.size(), kMaxHeld + 1);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* told = std::get_if<TellFile>(&underway_[i].task);
    if (told == nullptr) return;
    told->version->doubted = true;
  }
}

void Client::State::blame_shape(const std::string& shape, unsigned weight) {
  shape_blame_[shape] += weight;
}

// `late` was killed for what it was asked, the others by the way.
void Client::State::fail_requests(std::optional<std::uint64_t> late) {
  const auto fail_one = [this](std::uint64_t id, bool is_late) {
    if (id == 0) return;
    --counts_.requests;
    answers_.push_back(
        is_late ? Failed{id, FailureReason::TimedOut, "it took too long"}
                : Failed{id, FailureReason::Restarted, "the compiler process was lost meanwhile"});
  };
  for (const Underway& one : underway_) {
    if (const auto* resolution = std::get_if<Resolution>(&one.task))
      fail_one(resolution->id, late == one.wire_id);
  }
  for (const Task& task : tasks_) {
    if (const auto* resolution = std::get_if<Resolution>(&task)) fail_one(resolution->id, false);
  }
  for (const auto& [wire_id, one] : compiling_) fail_one(one.id, late == wire_id);
  for (const auto& [key, one] : waiting_) fail_one(one.id, false);
  underway_.clear();
  tasks_.clear();
  compiling_.clear();
  waiting_.clear();
}

void Client::State::lose(std::string why, std::optional<std::uint64_t> late) {
  ++counts_.losses;
  const bool had_process = link_.up();
  const Ending ending = link_.stop();
  // Killed by us for what it did, or of itself.
  const bool own = late || !ending.killed || why != "it ended";
  const std::string how = late ? why : own && ending.killed ? why : ending.how;
  const unsigned weight = own ? kOwnDeath : kKilled;
  std::string message = "the compiler process is lost: " + why;
  if (had_process && !late && !ending.how.empty()) message += " (" + ending.how + ")";
  if (!link_.errors().empty()) message += ": " + link_.errors();
  answers_.push_back(Lost{std::move(message)});

  if (!underway_.empty() && (!late || *late == underway_.front().wire_id)) {
    doubt_files();
    blame_task(underway_.front().task, weight, how);
  }
  for (const auto& [wire_id, one] : compiling_) {
    if (!late || *late == wire_id) blame_shape(one.shape, weight);
  }
  fail_requests(late);
  phase_ = Phase::Down;
  alone_ = false;
  shapes_.clear();
  tell_everything_ = true;
  const Limits& limits = settings_.limits;
  backoff_ =
      backoff_.count() == 0 ? limits.first_backoff : std::min(backoff_ * 2, limits.last_backoff);
  restart_at_ = Clock::now() + backoff_;
}

}  // namespace policyc::worker
