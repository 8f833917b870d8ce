#pragma once
// A network namespace of the test's own, and sockets in it.

#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace policyc::health::test {

class NetworkTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(::geteuid(), 0U) << "these tests need root";
    static const bool entered = ::unshare(CLONE_NEWNET) == 0;
    ASSERT_TRUE(entered);
    ASSERT_EQ(std::system("ip link set lo up"), 0);
  }

  // The answer, or none after a generous time.
  static httplib::Result get(std::uint16_t port, const char* address = "127.0.0.1",
                             const char* path = "/") {
    httplib::Client client(address, port);
    client.set_connection_timeout(20);
    client.set_read_timeout(20);
    return client.Get(path);
  }
};

// A TCP socket of the namespace; closed at the end.
class TcpSocket {
 public:
  TcpSocket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~TcpSocket() { ::close(fd_); }
  TcpSocket(const TcpSocket&) = delete;
  TcpSocket& operator=(const TcpSocket&) = delete;

  void listen(std::uint16_t port) const {
    const sockaddr_in address = loopback(port);
    const int on = 1;  // connections of the test before may linger
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd_, 1) != 0)
      throw std::runtime_error("cannot listen");
  }
  [[nodiscard]] bool connect(std::uint16_t port) const {
    const sockaddr_in address = loopback(port);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  int fd_;
};

}  // namespace policyc::health::test
