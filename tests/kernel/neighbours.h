#pragma once
// Two endpoints of one node, each behind the matrix policy of its own slot, for BPF_PROG_TEST_RUN.
// What the policy of one says depends on the class of the other's addresses. While it lives, the
// thread is in a network namespace of its own, whose two interfaces the endpoints are on. Needs
// root.

#include <cstdint>
#include <optional>
#include <string>

#include "tests/kernel/datapath.h"
#include "tests/kernel/flow.h"

namespace policyc::kernel_test {

enum class Who : std::uint8_t { Alice, Bob };
inline constexpr Who kAlice = Who::Alice, kBob = Who::Bob;
[[nodiscard]] constexpr Who other(Who who) { return who == kAlice ? kBob : kAlice; }

// A network namespace for the calling thread, until it is destroyed on the same thread.
class OwnNetwork {
 public:
  OwnNetwork();
  ~OwnNetwork();
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;

 private:
  int outside_ = -1;
};

class Neighbours {
 public:
  static constexpr std::uint32_t kMtu = 1500;

  // Everything ready, as after reset().
  Neighbours();

  [[nodiscard]] Datapath& datapath() { return datapath_; }
  [[nodiscard]] const Datapath& datapath() const { return datapath_; }
  [[nodiscard]] static std::string address(Who who, int family);
  [[nodiscard]] std::uint32_t interface(Who who) const { return interfaces_[number(who)]; }
  [[nodiscard]] static std::uint32_t identity(Who who) { return 5001 + number(who); }
  [[nodiscard]] static std::uint16_t id(Who who) {
    return static_cast<std::uint16_t>(42 + number(who));
  }
  [[nodiscard]] static std::uint32_t slot(Who who) { return kSlot + number(who); }
  [[nodiscard]] static std::uint32_t tag(Who who) { return kShapeTag + slot(who); }
  // Of the endpoint's side of its veth, then of the host's.
  [[nodiscard]] static Bytes mac(Who who);
  [[nodiscard]] static Bytes host_mac(Who who);

  // No connections; local delivery, verdict events, epoch 1; both endpoints enforced, both in
  // kAllowedClass.
  void reset();
  // Writes the node's configuration again, with an epoch that is one more.
  void change(std::uint32_t flags);
  void raise_epoch() { change(flags_); }
  [[nodiscard]] std::uint32_t epoch() const { return epoch_; }
  [[nodiscard]] endpoint_value endpoint(Who who) const;
  void set_endpoint(Who who, const endpoint_value& value);
  // The class of the endpoint's addresses; without `local` the node does not know where it is.
  void set_class(Who who, std::uint32_t peer_class, bool local = true);

  struct Ran {
    std::uint32_t action = 0;
    Bytes frame;  // as the program left it
  };
  struct Gso {
    std::uint32_t segments;
    std::uint32_t size;
  };
  // What comes out of `who` (from_endpoint), or is on its way into it by the stack (to_endpoint).
  [[nodiscard]] Ran run(Hook hook, Who who, const Bytes& frame, Gso gso = {0, 0}) const;

  // What `who` knows of the connection between its port and the other's; ICMP echo: identifier and
  // direction of the request.
  [[nodiscard]] std::optional<ct_value> entry(Who who, int family, std::uint8_t protocol,
                                              std::uint16_t own_port,
                                              std::uint16_t other_port) const;
  // Puts it there; `value` as entry() gave it, changed.
  void set_entry(Who who, int family, std::uint8_t protocol, std::uint16_t own_port,
                 std::uint16_t other_port, const ct_value& value);
  void erase_entry(Who who, int family, std::uint8_t protocol, std::uint16_t own_port,
                   std::uint16_t other_port) const;

 private:
  static std::uint32_t number(Who who) { return static_cast<std::uint32_t>(who); }

  OwnNetwork network_;
  std::uint32_t interfaces_[2] = {};
  Datapath datapath_;
  std::uint32_t epoch_ = 0;
  std::uint32_t flags_ = 0;
};

}  // namespace policyc::kernel_test
