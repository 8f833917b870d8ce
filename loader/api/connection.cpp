#include "loader/api/connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace policyc::api {
namespace {

constexpr int kMostMessage = 64 << 20;

std::unexpected<Error> no_connection(const std::filesystem::path& path, int error) {
  return fail("cannot connect to " + path.string() + ": " + std::strerror(error));
}

Result<bpf::Fd> connect_to(const std::filesystem::path& path, std::chrono::milliseconds timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) return fail(text + " is too long for a socket");
  text.copy(address.sun_path, text.size());
  bpf::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return no_connection(path, errno);
  // Of connect(): zero would be for ever.
  const auto wait = std::max<std::int64_t>(timeout.count(), 1);
  const timeval limit{wait / 1000, wait % 1000 * 1000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return no_connection(path, errno);
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) return no_connection(path, errno);
  return socket;
}

}  // namespace

bool Connection::is_closed() const {
  pollfd end{watched_.get(), POLLRDHUP, 0};
  return ::poll(&end, 1, 0) == 1 && (end.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

Result<Connection::Stub> Connection::stub(std::chrono::milliseconds timeout) {
  const std::scoped_lock lock(mutex_);
  if (stub_ && !is_closed()) return stub_;
  stub_.reset();
  auto socket = connect_to(path_, timeout);
  if (!socket) return std::unexpected(socket.error());
  // gRPC takes a descriptor and closes it.
  const int taken = ::fcntl(socket->get(), F_DUPFD_CLOEXEC, 3);
  if (taken < 0) return no_connection(path_, errno);
  watched_ = std::move(*socket);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMostMessage);
  stub_ = v1::Agent::NewStub(
      grpc::CreateCustomInsecureChannelFromFd("unix:" + path_.string(), taken, arguments));
  return stub_;
}

void Connection::drop(const Stub& stub) {
  const std::scoped_lock lock(mutex_);
  if (stub_ == stub) stub_.reset();
}

}  // namespace policyc::api
