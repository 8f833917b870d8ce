#pragma once
// A bar on standard error, for a person who has waited for more than a second.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace policyc::cli {

// Shows nothing when standard error is no terminal. The line is erased at the end.
class Progress {
 public:
  Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  // What is being done: "reading". Without a total the bar only says that.
  void stage(std::string name);
  // Erases the line, so that others can be written; the next stage brings it back.
  void clear();
  // From any thread.
  void advance(std::size_t done, std::size_t total) {
    done_ = done;
    total_ = total;
  }

 private:
  void show();

  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  bool shown_ = false;
  std::string stage_;
  std::atomic<std::size_t> done_ = 0;
  std::atomic<std::size_t> total_ = 0;
  std::thread thread_;
};

}  // namespace policyc::cli
