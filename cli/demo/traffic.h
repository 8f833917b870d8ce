#pragma once
// The clients of the demo: one real exchange over the kernel's network stack.

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/demo/interrupt.h"
#include "compiler/support/ip.h"

namespace policyc::demo {

enum class Service : std::uint8_t { Tcp, Udp, Http, Ping };

[[nodiscard]] std::string service_name(Service service);  // "TCP", "UDP", "HTTP", "ICMP echo"
[[nodiscard]] std::uint8_t ip_protocol(Service service, bool v6);  // 6, 17, 1 or 58

struct Exchange {
  int namespace_fd = -1;  // of the client
  IpAddress source;
  IpAddress destination;
  Service service = Service::Tcp;
  std::uint16_t port = 0;  // host order; none for Ping
  std::string http_path;   // of Http
};

enum class Ending : std::uint8_t { Answered, NoAnswer, Failed, Interrupted };

struct Outcome {
  Ending ending = Ending::Failed;
  std::string text;  // "connected, 12 bytes echoed in 0.2 ms", "no answer within 350 ms"
  std::uint16_t source_port = 0;  // host order; 0 for Ping
};

// A packet that was dropped never answers, so this wait is what a denied attempt costs; where an
// answer has to come, a busy machine gets more time.
inline constexpr std::chrono::milliseconds kAnswerTimeout{350};
inline constexpr std::chrono::milliseconds kPatientTimeout{3000};

[[nodiscard]] Outcome attempt(const Exchange& exchange, std::chrono::milliseconds timeout,
                              Interrupt& interrupt);

}  // namespace policyc::demo
