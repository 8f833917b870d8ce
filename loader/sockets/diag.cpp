#include "loader/sockets/diag.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "loader/bpf/fd.h"
#include "loader/bpf/log.h"

namespace policyc::sockets {
namespace {

constexpr std::size_t kBuffer = 32768;
// Not those that listen, wait for their end, or are closed. Connected UDP counts as established.
constexpr std::uint32_t kConnected =
    1U << TCP_ESTABLISHED | 1U << TCP_SYN_SENT | 1U << TCP_SYN_RECV | 1U << TCP_FIN_WAIT1 |
    1U << TCP_FIN_WAIT2 | 1U << TCP_CLOSE_WAIT | 1U << TCP_LAST_ACK | 1U << TCP_CLOSING;

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

class Diag {
 public:
  [[nodiscard]] static Result<Diag> open() {
    bpf::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!fd.valid()) return bpf::fail_errno("open a netlink socket", errno);
    return Diag(std::move(fd));
  }

  [[nodiscard]] Result<void> send(std::uint16_t type, std::uint16_t flags,
                                  const inet_diag_req_v2& body) const {
    Request request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = type;
    request.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    request.body = body;
    if (::send(fd_.get(), &request, sizeof request, 0) < 0)
      return bpf::fail_errno("ask for sockets", errno);
    return {};
  }

  // Messages until the end of the answer; the errno that the kernel closes with, 0 when all is
  // well.
  [[nodiscard]] Result<int> receive(
      const std::function<void(const inet_diag_msg&)>& message) const {
    alignas(nlmsghdr) std::array<char, kBuffer> buffer;
    while (true) {
      const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return bpf::fail_errno("receive the list of sockets", errno);
      auto left = static_cast<std::size_t>(got);
      const char* at = buffer.data();
      while (left >= sizeof(nlmsghdr)) {
        nlmsghdr header;
        std::memcpy(&header, at, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > left)
          return fail("the kernel's list of sockets is cut short");
        const char* payload = at + NLMSG_HDRLEN;
        const std::size_t length = header.nlmsg_len - NLMSG_HDRLEN;
        if (header.nlmsg_type == NLMSG_DONE) return 0;
        if (header.nlmsg_type == NLMSG_ERROR && length >= sizeof(nlmsgerr)) {
          nlmsgerr error;
          std::memcpy(&error, payload, sizeof error);
          return -error.error;
        }
        if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY && length >= sizeof(inet_diag_msg)) {
          inet_diag_msg body;
          std::memcpy(&body, payload, sizeof body);
          message(body);
        }
        const std::size_t step = std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), left);
        at += step;
        left -= step;
      }
    }
  }

 private:
  explicit Diag(bpf::Fd fd) : fd_(std::move(fd)) {}
  bpf::Fd fd_;
};

// As the programs write it: IPv4, also of an IPv6 socket, in the first four bytes.
socket_reverse_key key_of(const inet_diag_msg& message, std::uint8_t protocol) {
  socket_reverse_key key{};
  key.cookie = std::uint64_t{message.id.idiag_cookie[1]} << 32U | message.id.idiag_cookie[0];
  key.port = message.id.idiag_dport;
  key.protocol = protocol;
  const auto* words = message.id.idiag_dst;
  const bool mapped = words[0] == 0 && words[1] == 0 && words[2] == htonl(0xffff);
  if (message.idiag_family == AF_INET6 && !mapped) {
    key.family = 6;
    std::memcpy(key.address, words, sizeof key.address);
  } else {
    key.family = 4;
    std::memcpy(key.address, message.idiag_family == AF_INET ? words : words + 3, sizeof *words);
  }
  return key;
}

// False when it was closed meanwhile.
Result<bool> destroy(const Diag& diag, const inet_diag_msg& message, std::uint8_t protocol) {
  inet_diag_req_v2 request{};
  request.sdiag_family = message.idiag_family;
  request.sdiag_protocol = protocol;
  request.idiag_states = kConnected;
  request.id = message.id;
  if (auto sent = diag.send(SOCK_DESTROY, NLM_F_ACK, request); !sent)
    return std::unexpected(sent.error());
  const auto status = diag.receive([](const inet_diag_msg&) {});
  if (!status) return std::unexpected(status.error());
  if (*status != 0 && *status != ENOENT) return bpf::fail_errno("destroy a socket", *status);
  return *status == 0;
}

}  // namespace

Result<Keys> destroy_by_netlink(std::uint8_t protocol, const Keys& wanted) {
  const auto diag = Diag::open();
  if (!diag) return std::unexpected(diag.error());
  Keys cut;
  for (const int family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 request{};
    request.sdiag_family = static_cast<std::uint8_t>(family);
    request.sdiag_protocol = protocol;
    request.idiag_states = kConnected;
    if (auto sent = diag->send(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, request); !sent)
      return std::unexpected(sent.error());
    std::vector<inet_diag_msg> found;
    const auto status = diag->receive([&](const inet_diag_msg& message) {
      if (wanted.contains(key_of(message, protocol))) found.push_back(message);
    });
    if (!status) return std::unexpected(status.error());
    if (*status != 0) return bpf::fail_errno("list sockets", *status);
    for (const inet_diag_msg& message : found) {
      const auto destroyed = destroy(*diag, message, protocol);
      if (!destroyed) return std::unexpected(destroyed.error());
      if (*destroyed) cut.insert(key_of(message, protocol));
    }
  }
  return cut;
}

}  // namespace policyc::sockets
