#pragma once

namespace policyc::bench {

// A client outside, a NodePort of the node between, backends behind it that come and go every 10
// ms, for so many seconds. Ends the program with 1 when a connection to a backend that lives
// breaks, when a packet has a wrong address, or when a translation is left in the end.
void soak_node_port(int seconds);

}  // namespace policyc::bench
