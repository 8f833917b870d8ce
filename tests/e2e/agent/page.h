#pragma once
// The pages of an agent that AgentNode started.

#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

#include "loader/bpf/fd.h"

namespace policyc::testing {

// The answer to GET, of the agent's pages: this network namespace is the test's own.
inline std::string page(const std::string& path) {
  const bpf::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(9962);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
    return "no connection";
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  static_cast<void>(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) > 0);
  std::string answer;
  char buffer[4096];
  for (ssize_t size = 0; (size = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(size));
  return answer;
}

}  // namespace policyc::testing
