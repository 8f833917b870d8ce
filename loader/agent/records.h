#pragma once
// What agents before this one attached or filled, in <state>/agent/<name>: the same again would
// replace it for nothing, and what is not configured any more is theirs to take away.

#include <optional>
#include <string>

#include "compiler/support/result.h"
#include "loader/agent/config.h"

namespace policyc::agent {

inline constexpr const char* kDevicesRecord = "devices.json";
inline constexpr const char* kServicesRecord = "services.json";
inline constexpr const char* kSocketsRecord = "sockets.json";

// Nothing when there is none.
[[nodiscard]] std::optional<std::string> read_record(const Config& config, const char* name);
[[nodiscard]] Result<void> write_record(const Config& config, const char* name,
                                        const std::string& text);
// Fine when there is none.
[[nodiscard]] Result<void> remove_record(const Config& config, const char* name);

}  // namespace policyc::agent
