#pragma once
// Waiting for packets that are on their way.

namespace policyc::endpoint {

// Until no CPU runs a program with what it read from maps before this call: one that does could
// store an old decision under a new epoch, or use a class number that is given again.
void wait_for_running_programs();

}  // namespace policyc::endpoint
