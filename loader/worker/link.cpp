#include "loader/worker/link.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace policyc::worker {
namespace {

constexpr std::size_t kReadBudget = std::size_t{4} << 20;
constexpr std::size_t kMaxErrorText = 1024;

Error last_error(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

bool watch(int epoll, int operation, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

Result<Link> Link::open() {
  Link link;
  link.epoll_ = bpf::Fd(::epoll_create1(EPOLL_CLOEXEC));
  link.timer_ = bpf::Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!link.epoll_.valid() || !link.timer_.valid() ||
      !watch(link.epoll_.get(), EPOLL_CTL_ADD, link.timer_.get(), EPOLLIN))
    return std::unexpected(last_error("event queue"));
  return link;
}

Link::~Link() { (void)stop(); }

Result<void> Link::wake_at(std::optional<Clock::time_point> when) {
  // Once too early is cheaper than setting the timer anew for each message.
  const bool comes_first = armed_ && *armed_ > Clock::now() && (!when || *armed_ <= *when);
  if (comes_first || (!when && !armed_)) return {};
  itimerspec time{};
  if (when) {
    using std::chrono::nanoseconds;
    constexpr std::int64_t kSecond = 1'000'000'000;
    // Zero would mean never.
    const std::int64_t stamp = std::max<std::int64_t>(
        std::chrono::duration_cast<nanoseconds>(when->time_since_epoch()).count(), 1);
    time.it_value.tv_sec = stamp / kSecond;
    time.it_value.tv_nsec = stamp % kSecond;
  }
  if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &time, nullptr) != 0)
    return std::unexpected(last_error("timer"));
  armed_ = when;
  return {};
}

Result<void> Link::start(const std::filesystem::path& program,
                         const std::vector<std::string>& arguments) {
  errors_.clear();
  auto child = spawn(program, arguments);
  if (!child) return std::unexpected(child.error());
  child_ = std::move(*child);
  in_ = FrameReader(kMaxReplyBytes);
  watching_output_ = false;
  if (!watch(epoll_.get(), EPOLL_CTL_ADD, child_->socket.get(), EPOLLIN) ||
      !watch(epoll_.get(), EPOLL_CTL_ADD, child_->errors.get(), EPOLLIN)) {
    const Error error = last_error("event queue");
    (void)stop();
    return std::unexpected(error);
  }
  return {};
}

Ending Link::stop() {
  if (!child_) return {};
  Ending ending = end_child(child_->pid);
  read_errors();
  child_.reset();
  out_ = {};
  sent_ = 0;
  in_ = FrameReader(kMaxReplyBytes);
  return ending;
}

void Link::send(std::string frame) {
  if (sent_ == out_.size()) {
    out_ = std::move(frame);
    sent_ = 0;
  } else {
    constexpr std::size_t kKeep = std::size_t{1} << 20;
    if (sent_ > kKeep) out_.erase(0, std::exchange(sent_, 0));
    out_ += frame;
  }
  watch_output();
}

void Link::watch_output() {
  const bool wanted = unsent() != 0;
  if (!child_ || wanted == watching_output_) return;
  watch(epoll_.get(), EPOLL_CTL_MOD, child_->socket.get(), wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
  watching_output_ = wanted;
}

Link::Exchange Link::exchange() {
  Exchange exchange;
  if (!child_) return exchange;
  read_errors();
  write_output(exchange);
  read_input(exchange);
  watch_output();
  return exchange;
}

void Link::read_errors() {
  char bytes[4096];
  while (child_->errors.valid()) {
    const ssize_t count = ::read(child_->errors.get(), bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;
    if (count == 0) {
      child_->errors.reset();  // leaves the event queue too
      return;
    }
    for (const char c : std::string_view(bytes, static_cast<std::size_t>(count)))
      errors_ += c >= ' ' && c < '\x7f' ? c : ' ';
    if (errors_.size() > kMaxErrorText) errors_.erase(0, errors_.size() - kMaxErrorText);
  }
}

void Link::flush() {
  if (!child_ || unsent() == 0) return;
  Exchange ignored;
  write_output(ignored);
  watch_output();
}

void Link::write_output(Exchange& exchange) {
  while (unsent() != 0) {
    const ssize_t count = ::send(child_->socket.get(), out_.data() + sent_, unsent(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) {
      // What it still said is read first.
      exchange.broken = "it does not listen any more";
      return;
    }
    sent_ += static_cast<std::size_t>(count);
  }
  out_ = {};
  sent_ = 0;
}

void Link::read_input(Exchange& exchange) {
  char bytes[std::size_t{64} << 10];  // NOLINT: not worth clearing
  for (std::size_t total = 0; total < kReadBudget;) {
    const ssize_t count = ::recv(child_->socket.get(), bytes, sizeof bytes, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count <= 0) {
      exchange.broken = "it ended";
      break;
    }
    in_.append({bytes, static_cast<std::size_t>(count)});
    total += static_cast<std::size_t>(count);
    if (static_cast<std::size_t>(count) < sizeof bytes) break;
  }
  while (true) {
    auto message = in_.next();
    if (!message) {
      exchange.broken = "it sent " + message.error().message;
      return;
    }
    if (!*message) return;
    exchange.messages.push_back(std::move(**message));
  }
}

}  // namespace policyc::worker
