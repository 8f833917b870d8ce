// Real frames through a real hook: what BPF_PROG_TEST_RUN cannot make. A packet socket sends on the
// loopback interface of a network namespace of its own, where to_endpoint is attached (tcx egress)
// and the interface is the endpoint's.
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);  // newer than libbpf 1.1's header

// struct virtio_net_hdr, whose header is not C++. hdr_len: bytes of the frame to put into the
// linear part.
struct VirtioHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t hdr_len = 0;
  std::uint16_t gso_size = 0;
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VirtioHeader) == 10);

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  Descriptor(int fd, const char* what) : fd_(fd) {
    if (fd_ < 0) fail(what);
  }
  ~Descriptor() { close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

// Puts this thread into a new network namespace for as long as it lives.
class Namespace {
 public:
  Namespace() : before_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "ns/net") {
    if (unshare(CLONE_NEWNET) != 0) fail("unshare");
    const Descriptor control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    if (ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) fail("SIOCSIFFLAGS");
  }
  ~Namespace() { setns(before_.get(), CLONE_NEWNET); }
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

 private:
  Descriptor before_;
};

class Live : public testing::TestWithParam<int> {
 protected:
  void start(Policy policy) {
    datapath_ = Datapath::ready(policy);
    attach(datapath_->program(Hook::ToEndpoint));
    socket_ =
        std::make_unique<Descriptor>(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "AF_PACKET");
    const int on = 1;
    if (setsockopt(socket_->get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) != 0)
      fail("PACKET_VNET_HDR");
    drain();
  }

  // By tcx; where the kernel has none, by clsact, which goes with the namespace.
  void attach(int program) {
    const int link = bpf_link_create(program, static_cast<int>(kLoopback), kTcxEgress, nullptr);
    if (link >= 0) {
      link_ = std::make_unique<Descriptor>(link, "bpf_link_create");
      return;
    }
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(kLoopback),
                .attach_point = BPF_TC_EGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program);
    errno = -bpf_tc_hook_create(&hook);
    if (errno != 0) fail("bpf_tc_hook_create");
    errno = -bpf_tc_attach(&hook, &options);
    if (errno != 0) fail("bpf_tc_attach");
  }

  // Sends a frame of which only the first `linear` bytes lie in the linear part (if it is larger
  // than a page). False: dropped on the way.
  bool passes(const Bytes& frame, std::uint16_t linear) {
    VirtioHeader meta{.hdr_len = linear};
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(kLoopback);
    std::array<iovec, 2> parts{iovec{&meta, sizeof(meta)},
                               iovec{const_cast<std::uint8_t*>(frame.data()), frame.size()}};
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = sizeof(to);
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const std::uint64_t before = datapath_->forwarded(POLICYC_INGRESS).packets;
    if (sendmsg(socket_->get(), &message, 0) < 0 && errno != ENOBUFS) fail("sendmsg");
    events_ = datapath_->drain_events();
    return datapath_->forwarded(POLICYC_INGRESS).packets > before;
  }
  void drain() { events_ = datapath_->drain_events(); }

  Namespace namespace_;
  std::unique_ptr<Datapath> datapath_;
  std::unique_ptr<Descriptor> link_;
  std::unique_ptr<Descriptor> socket_;
  std::vector<event> events_;
};
INSTANTIATE_TEST_SUITE_P(Families, Live, testing::Values(4, 6), testing::PrintToStringParamName());

TEST_P(Live, HeadersOutsideTheLinearPart) {
  start(Policy::Matrix);
  const Way way{Hook::ToEndpoint, GetParam()};
  const auto big = [&](const Layer& transport) { return packet(way, transport, 6000); };
  for (const std::uint16_t linear :
       std::initializer_list<std::uint16_t>{14, 20, 34, 40, 54, 64, 1000}) {
    EXPECT_TRUE(passes(big(Tcp{.source_port = linear, .destination_port = 80}), linear)) << linear;
    EXPECT_FALSE(passes(big(Tcp{.source_port = linear, .destination_port = 81}), linear)) << linear;
    ASSERT_EQ(events_.size(), 1U);
    EXPECT_EQ(events_[0].reason, DROP_POLICY_DEFAULT_DENY) << linear;
    EXPECT_EQ(events_[0].destination_port, __builtin_bswap16(81)) << linear;
  }
}

TEST_P(Live, FramesShorterThanAnIpHeader) {
  start(Policy::AllowAll);
  const Bytes whole = tcp({Hook::ToEndpoint, GetParam()}, kSyn);
  const std::size_t ip_header = GetParam() == 4 ? 20 : 40;
  for (std::size_t size = 15; size < 14 + ip_header; ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(passes(cut, 0)) << size;
    ASSERT_EQ(events_.size(), 1U) << size;
    EXPECT_EQ(events_[0].reason, DROP_TRUNCATED) << size;
  }
}

}  // namespace
}  // namespace policyc::kernel_test
