#pragma once
// The compiler process' messages, to and from the values of a session.

#include <string>
#include <vector>

#include "compiler/driver/session.h"
#include "compiler/support/result.h"

namespace policyc::worker {

namespace wire {
class Configure;
class Resolve;
class Resolved;
}  // namespace wire

// Options of another range are an Error.
[[nodiscard]] Result<driver::SessionOptions> session_options(const wire::Configure& configure);
[[nodiscard]] std::vector<driver::SessionEndpoint> session_endpoints(const wire::Resolve& resolve);
// All but the inventory.
void write_resolution(const driver::Resolution& resolution, wire::Resolved& resolved);

// Text for people: what is longer than 64 KiB ends with "...".
[[nodiscard]] std::string bounded_text(std::string text);

}  // namespace policyc::worker
