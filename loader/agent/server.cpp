#include "loader/agent/server.h"

#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "loader/agent/service.h"
#include "loader/bpf/fd.h"
#include "loader/bpf/log.h"

namespace policyc::agent {
namespace {

constexpr int kMostMessage = 64 << 20;  // of a reply; requests are small
// For replies on their way. A connection of somebody who is not looking takes all of it.
constexpr std::chrono::milliseconds kLastAnswers{100};

// Who may write to the socket's folder can put another one in its place. A folder that was there is
// not ours to change: it may be one that others need as it is. Reading it does no harm.
Result<void> make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  const mode_t before = ::umask(0077);
  std::filesystem::create_directories(folder, error);
  ::umask(before);
  if (error) return fail("cannot make " + folder.string() + ": " + error.message());
  struct stat info{};
  if (::stat(folder.c_str(), &info) != 0)
    return bpf::fail_errno("look at " + folder.string(), errno);
  if (info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail("others than root may write to " + folder.string() +
                ": they could replace the socket there; chown root and chmod go-w it, or set "
                "socket-path");
  }
  return {};
}

// A socket that only root can connect to, from its first moment on.
Result<bpf::Fd> listen_at(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) return fail(text + " is too long for a socket");
  text.copy(address.sun_path, text.size());
  if (auto made = make_folder(path.parent_path()); !made) return std::unexpected(made.error());
  bpf::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return bpf::fail_errno("make a socket", errno);
  if (::unlink(text.c_str()) != 0 && errno != ENOENT)
    return bpf::fail_errno("remove the old " + text, errno);
  const mode_t before = ::umask(0177);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int bind_error = errno;
  ::umask(before);
  if (bound != 0) return bpf::fail_errno("bind " + text, bind_error);
  if (::listen(socket.get(), 128) != 0) return bpf::fail_errno("listen at " + text, errno);
  return socket;
}

bool is_root(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

}  // namespace

struct ApiServer::State {
  Loop* loop = nullptr;
  Agent* agent = nullptr;
  std::filesystem::path path;
  bpf::Fd socket;
  std::unique_ptr<Service> service;
  std::unique_ptr<grpc::Server> server;
};

ApiServer::ApiServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<ApiServer>> ApiServer::start(Loop& loop, Agent& agent, Metrics& metrics,
                                                    std::string version, std::int64_t started) {
  auto state = std::make_unique<State>();
  state->loop = &loop;
  state->agent = &agent;
  state->path = agent.config().socket;
  auto socket = listen_at(state->path);
  if (!socket) return std::unexpected(socket.error());
  state->socket = std::move(*socket);
  state->service = std::make_unique<Service>(loop, agent, metrics, std::move(version), started);
  grpc::ServerBuilder builder;
  builder.RegisterService(state->service.get());
  builder.SetMaxSendMessageSize(kMostMessage);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  state->server = builder.BuildAndStart();
  if (!state->server) return fail("the gRPC server does not start");
  std::unique_ptr<ApiServer> server(new ApiServer(std::move(state)));
  ApiServer* self = server.get();
  if (auto watched = loop.watch(server->state_->socket.get(), [self] { self->accept(); }); !watched)
    return std::unexpected(watched.error());
  return server;
}

void ApiServer::accept() {
  bpf::Fd connection(
      ::accept4(state_->socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.valid() || !is_root(connection.get())) return;
  // gRPC takes the descriptor and closes it.
  const int fd = ::fcntl(connection.get(), F_DUPFD_CLOEXEC, 3);
  if (fd >= 0) grpc::AddInsecureChannelFromFd(state_->server.get(), fd);
}

ApiServer::~ApiServer() {
  state_->loop->unwatch(state_->socket.get());
  ::unlink(state_->path.c_str());
  state_->service->close();
  // What was posted before is answered too: it refuses once more.
  state_->loop->turn({});
  state_->agent->endpoints().cancel("the agent is stopping");
  state_->server->Shutdown(std::chrono::system_clock::now() + kLastAnswers);
  state_->server->Wait();
}

}  // namespace policyc::agent
