#include "cli/demo/streams.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "cli/demo/socket.h"

namespace policyc::demo {
namespace {

using Message = std::uint64_t;

constexpr auto kInterval = std::chrono::milliseconds(1);
// A stream that was cut keeps no more than these waiting.
constexpr std::uint64_t kMostUnderWay = 64;

struct Stream {
  bpf::Fd fd;
  StreamCounts counts;
  std::array<char, sizeof(Message)> partial{};
  std::size_t partial_size = 0;

  void send_one() {
    if (counts.sent - counts.echoed >= kMostUnderWay) return;
    const Message number = counts.sent;
    // Eight bytes fit whole or not at all: TCP buffers hold far more than kMostUnderWay messages.
    if (::send(fd.get(), &number, sizeof(number), MSG_NOSIGNAL) ==
        static_cast<ssize_t>(sizeof(number)))
      ++counts.sent;
  }

  void receive() {
    std::array<char, 4096> buffer;
    const ssize_t size = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    for (ssize_t i = 0; i < size; ++i) {
      partial[partial_size++] = buffer[static_cast<std::size_t>(i)];
      if (partial_size < partial.size()) continue;
      Message number = 0;
      std::memcpy(&number, partial.data(), sizeof(number));
      partial_size = 0;
      if (number != counts.echoed) ++counts.wrong;
      ++counts.echoed;
    }
  }

  void read_tcp_info() {
    tcp_info info{};
    socklen_t length = sizeof(info);
    if (::getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &length) == 0)
      counts.retransmitted = info.tcpi_total_retrans;
  }
};

Result<Stream> connect_stream(const Exchange& exchange, Interrupt& interrupt) {
  auto fd = open_socket(exchange.namespace_fd, exchange.destination.v6, SOCK_STREAM, 0);
  if (!fd) return std::unexpected(fd.error());
  const int one = 1;
  // Closed by a reset: the peer of a stream that was cut would keep its end for minutes.
  const linger reset{1, 0};
  ::setsockopt(fd->get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  ::setsockopt(fd->get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  const SocketAddress source(exchange.source, 0);
  const SocketAddress peer(exchange.destination, exchange.port);
  if (::bind(fd->get(), source.get(), source.length) != 0)
    return std::unexpected(system_error("bind"));
  if (::connect(fd->get(), peer.get(), peer.length) != 0 && errno != EINPROGRESS)
    return std::unexpected(system_error("connect"));
  std::array<pollfd, 2> wait{{{fd->get(), POLLOUT, 0}, {interrupt.fd(), POLLIN, 0}}};
  static_cast<void>(::poll(wait.data(), wait.size(), static_cast<int>(kPatientTimeout.count())));
  int error = 0;
  socklen_t length = sizeof(error);
  ::getsockopt(fd->get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (wait[0].revents == 0 || error != 0) {
    return fail("the connection to port " + std::to_string(exchange.port) + " was not made");
  }
  Stream stream;
  stream.fd = std::move(*fd);
  return stream;
}

}  // namespace

struct Streams::Loop {
  mutable std::mutex mutex;  // guards the counts
  std::vector<Stream> streams;
  std::atomic<bool> sending = true;
  std::atomic<bool> stop = false;

  void run() {
    std::vector<pollfd> wait;
    for (const Stream& stream : streams) wait.push_back({stream.fd.get(), POLLIN, 0});
    auto next = std::chrono::steady_clock::now();
    while (!stop) {
      const auto now = std::chrono::steady_clock::now();
      const bool due = now >= next;
      if (due) next = now + kInterval;
      {
        const std::lock_guard lock(mutex);
        for (Stream& stream : streams) {
          if (due && sending) stream.send_one();
          stream.receive();
          if (due) stream.read_tcp_info();
        }
      }
      static_cast<void>(::poll(wait.data(), wait.size(), 1));
    }
  }
};

Streams::Streams(std::unique_ptr<Loop> loop)
    : loop_(std::move(loop)), thread_([loop = loop_.get()] { loop->run(); }) {}

Streams::Streams(Streams&&) noexcept = default;

Streams::~Streams() {
  if (!loop_) return;
  loop_->stop = true;
  thread_.join();
}

Result<Streams> Streams::start(const std::vector<Exchange>& exchanges, Interrupt& interrupt) {
  auto loop = std::make_unique<Loop>();
  for (const Exchange& exchange : exchanges) {
    auto stream = connect_stream(exchange, interrupt);
    if (!stream) return std::unexpected(stream.error());
    loop->streams.push_back(std::move(*stream));
  }
  return Streams(std::move(loop));
}

std::vector<StreamCounts> Streams::counts() const {
  const std::lock_guard lock(loop_->mutex);
  std::vector<StreamCounts> counts;
  for (const Stream& stream : loop_->streams) counts.push_back(stream.counts);
  return counts;
}

void Streams::stop_sending() { loop_->sending = false; }

std::uint16_t Streams::source_port(std::size_t stream) const {
  return local_port(loop_->streams[stream].fd.get());
}

}  // namespace policyc::demo
