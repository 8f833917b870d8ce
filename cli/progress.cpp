#include "cli/progress.h"

#include <cstdio>

#include <unistd.h>

namespace policyc::cli {
namespace {

constexpr auto kPatience = std::chrono::seconds(1);
constexpr auto kStep = std::chrono::milliseconds(100);
constexpr std::size_t kWidth = 30;

}  // namespace

Progress::Progress() {
  if (::isatty(STDERR_FILENO) == 0) return;
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    const auto stopping = [this] { return stopping_; };
    if (stop_.wait_for(lock, kPatience, stopping)) return;
    do {
      show();
    } while (!stop_.wait_for(lock, kStep, stopping));
    if (shown_) std::fputs("\r\033[K", stderr);
  });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void Progress::stage(std::string name) {
  const std::scoped_lock lock(mutex_);
  stage_ = std::move(name);
  done_ = 0;
  total_ = 0;
}

void Progress::clear() {
  const std::scoped_lock lock(mutex_);
  stage_.clear();
  if (!shown_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

void Progress::show() {
  if (stage_.empty()) return;
  std::string line = "\r\033[K" + stage_;
  if (const std::size_t total = total_; total != 0) {
    const std::size_t done = std::min<std::size_t>(done_, total);
    const std::size_t filled = kWidth * done / total;
    line += " [" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "] " +
            std::to_string(100 * done / total) + "%";
  }
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  shown_ = true;
}

}  // namespace policyc::cli
