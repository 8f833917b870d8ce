#pragma once
// What systemd is told (sd_notify(3)). Without NOTIFY_SOCKET nothing happens.

#include <chrono>
#include <string>

namespace policyc::agent {

void notify_ready(const std::string& status);
void notify_reloading();
void notify_status(const std::string& status);
void notify_stopping();
void notify_alive();
// How often systemd wants to hear of us; 0: not at all.
[[nodiscard]] std::chrono::microseconds watchdog_interval();

}  // namespace policyc::agent
