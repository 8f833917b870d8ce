// CPUs that begin, end and collect connections of the same few ports at the same time: whatever is
// dropped, no packet is given to somebody else.
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include <bpf/bpf.h>

#include "tests/kernel/nat/devices.h"

namespace policyc::kernel_test {
namespace {

constexpr std::uint16_t kClients = 40;  // of each thread
constexpr auto kTime = std::chrono::seconds(3);

class NatRace : public DeviceTest {
 protected:
  struct Tally {
    std::size_t answered = 0;
    std::size_t refused = 0;
    std::size_t wrong = 0;
  };
  // The first packet of each client in turn, the backend's answer, and a reset that ends it.
  static void talk(std::uint16_t first_port, const std::atomic<bool>& stop, Tally& tally) {
    for (std::uint32_t round = 0; !stop; ++round) {
      const End client = kClient.at(static_cast<std::uint16_t>(first_port + round % kClients));
      const Passed sent = node().in(Device::Front, tcp_of(family(), client, kFrontend, kSyn));
      if (sent.action != kRedirect) {
        ++tally.refused;
        continue;
      }
      const End node_end = kNodeBack.at(ends_of(sent.frame).source.port);
      const std::uint8_t flags = round % 3 == 0 ? kRst : kAck;
      const Passed back = node().in(Device::Back, tcp_of(family(), kBackend, node_end, flags));
      if (back.action != kRedirect) {
        ++tally.refused;
      } else if (ends_of(back.frame).destination == seen(client)) {
        ++tally.answered;
      } else {
        ++tally.wrong;
      }
    }
  }
  template <typename Key>
  static void collect(const char* map, std::uint32_t family_number) {
    std::vector<Key> keys;
    Key key{};
    for (int error = bpf_map_get_next_key(node().map(map), nullptr, &key);
         error == 0 && keys.size() < NAT_COLLECT_KEYS;
         error = bpf_map_get_next_key(node().map(map), &key, &key))
      keys.push_back(key);
    const auto second = static_cast<std::uint32_t>(ticks_per_second());
    const nat_collect_head head{family_number, static_cast<std::uint32_t>(keys.size()), second,
                                second};
    Bytes frame(14 + sizeof head + keys.size() * sizeof(Key) + 64);
    frame[12] = 0x08;
    std::memcpy(frame.data() + 14, &head, sizeof head);
    std::memcpy(frame.data() + 14 + sizeof head, keys.data(), keys.size() * sizeof(Key));
    static_cast<void>(node().run("nat_collect", Device::Front, frame));
  }
};
INSTANTIATE_TEST_SUITE_P(Families, NatRace, testing::Values(4, 6),
                         testing::PrintToStringParamName());

TEST_P(NatRace, NobodyGetsAnothersPackets) {
  node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}});
  device_value device = Devices::device_of(Device::Back, DEVICE_SERVICES);
  device.port_first = 50000;
  device.port_last = 50059;  // fewer than there are clients
  node().set_device(Device::Back, device);
  std::atomic<bool> stop = false;
  Tally tallies[2];
  std::thread first([&] { talk(1000, stop, tallies[0]); });
  std::thread second([&] { talk(2000, stop, tallies[1]); });
  const auto end = std::chrono::steady_clock::now() + kTime;
  while (std::chrono::steady_clock::now() < end) {
    if (family() == 4) collect<nat4_key>("nat4", 4);
    if (family() == 6) collect<nat6_key>("nat6", 6);
  }
  stop = true;
  first.join();
  second.join();
  for (const Tally& tally : tallies) {
    std::printf("%zu answered, %zu refused\n", tally.answered, tally.refused);
    EXPECT_EQ(tally.wrong, 0U);
    EXPECT_GT(tally.answered, 100U);
  }
  EXPECT_GT(tallies[0].refused + tallies[1].refused, 0U) << "they did not compete";
}

}  // namespace
}  // namespace policyc::kernel_test
