#include "loader/agent/notify.h"

#include <ctime>

#include <systemd/sd-daemon.h>

namespace policyc::agent {
namespace {

// One line: a newline would begin another assignment.
std::string one_line(std::string text) {
  for (char& letter : text) {
    if (letter == '\n') letter = ' ';
  }
  return text;
}

void notify(const std::string& text) { static_cast<void>(::sd_notify(0, text.c_str()) > 0); }

}  // namespace

void notify_ready(const std::string& status) { notify("READY=1\nSTATUS=" + one_line(status)); }
void notify_reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  notify("RELOADING=1\nMONOTONIC_USEC=" +
         std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}
void notify_status(const std::string& status) { notify("STATUS=" + one_line(status)); }
void notify_stopping() { notify("STOPPING=1"); }
void notify_alive() { notify("WATCHDOG=1"); }

std::chrono::microseconds watchdog_interval() {
  std::uint64_t interval = 0;
  if (::sd_watchdog_enabled(0, &interval) <= 0) return std::chrono::microseconds(0);
  return std::chrono::microseconds(interval);
}

}  // namespace policyc::agent
