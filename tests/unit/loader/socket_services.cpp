#include "tests/unit/loader/socket_services.h"

#include <poll.h>
#include <sys/socket.h>

namespace policyc::testing {
namespace {

constexpr int kArrivalMilliseconds = 1000;

}  // namespace

Server::Server(const SocketKind& kind, const Peer& peer) : kind_(kind), socket_(kind) {
  const int on = 1;  // connections of the test before may linger
  static_cast<void>(::setsockopt(socket_.fd().get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  if (socket_.bind(peer) != 0) throw std::runtime_error("cannot bind " + peer.address);
  if (kind.type == SOCK_STREAM && socket_.listen() != 0) throw std::runtime_error("cannot listen");
}

std::string Server::receive() const {
  if (kind_.type == SOCK_DGRAM) return socket_.receive().text;
  pollfd waiting{socket_.fd().get(), POLLIN, 0};
  if (::poll(&waiting, 1, kArrivalMilliseconds) != 1) return {};
  const bpf::Fd client(::accept4(socket_.fd().get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::array<char, 256> text{};
  const auto got = ::recv(client.get(), text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

void ServicesTest::SetUp() {
  SocketTest::SetUp();
  for (const char* address : {"10.96.0.1", "10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.4"})
    shell(std::string("ip addr replace ") + address + "/32 dev lo");
  for (const char* address : {"fd96::1", "fd77::1", "fd77::2", "fd77::3", "fd77::4"})
    add_loopback6(address);
}

void ServicesTest::make_service(const std::vector<std::uint32_t>& indices, std::uint32_t flags,
                                std::uint32_t affinity_seconds) const {
  list_backends(indices);
  frontend_value value{};
  value.service[SCOPE_INTERNAL] = kService;
  value.flags = flags;
  value.affinity_seconds = affinity_seconds;
  table_->set_frontend(kFrontend, frontend(), GetParam().protocol(), value);
}

void ServicesTest::list_backends(const std::vector<std::uint32_t>& indices) const {
  std::vector<std::uint32_t> numbers;
  for (const std::uint32_t index : indices) {
    table_->set_backend(number(index), kService, backend(index), GetParam().protocol());
    numbers.push_back(number(index));
  }
  table_->set_service(kService, numbers);
}

}  // namespace policyc::testing
