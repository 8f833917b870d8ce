#pragma once
// What loader/network says, as tests ask for it.

#include <string>

#include <gmock/gmock.h>

#include "loader/network/findings.h"

namespace policyc::testing {

inline auto network_finding(network::Severity severity, const std::string& topic,
                            const std::string& text) {
  using network::Finding;
  using ::testing::Field;
  return ::testing::AllOf(Field(&Finding::severity, severity), Field(&Finding::topic, topic),
                          Field(&Finding::message, ::testing::HasSubstr(text)),
                          Field(&Finding::fix, ::testing::Not(::testing::IsEmpty())));
}
inline auto problem(const std::string& topic, const std::string& text) {
  return network_finding(network::Severity::Problem, topic, text);
}
inline auto note(const std::string& topic, const std::string& text) {
  return network_finding(network::Severity::Note, topic, text);
}

}  // namespace policyc::testing
