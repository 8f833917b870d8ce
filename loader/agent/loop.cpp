#include "loader/agent/loop.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loader/bpf/log.h"

namespace policyc::agent {

Result<std::unique_ptr<Loop>> Loop::make() {
  std::unique_ptr<Loop> loop(new Loop);
  loop->epoll_ = bpf::Fd(::epoll_create1(EPOLL_CLOEXEC));
  loop->wake_ = bpf::Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!loop->epoll_.valid() || !loop->wake_.valid())
    return bpf::fail_errno("make an event loop", errno);
  Loop* self = loop.get();
  auto watched = loop->watch(loop->wake_.get(), [self] {
    std::uint64_t count = 0;
    static_cast<void>(::read(self->wake_.get(), &count, sizeof count) == sizeof count);
  });
  if (!watched) return std::unexpected(watched.error());
  return loop;
}

Result<void> Loop::watch(int fd, Action readable) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return bpf::fail_errno("watch a descriptor", errno);
  watched_[fd] = std::make_shared<Action>(std::move(readable));
  return {};
}

void Loop::unwatch(int fd) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  watched_.erase(fd);
}

void Loop::listen(int fd, bool on) {
  epoll_event event{};
  if (on) event.events = EPOLLIN;
  event.data.fd = fd;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

Loop::Timer Loop::at(TimePoint time, Action action) {
  const Timer timer{time, next_timer_++};
  timers_.emplace(timer, std::move(action));
  return timer;
}

void Loop::cancel(const Timer& timer) { timers_.erase(timer); }

void Loop::post(Action action) {
  {
    const std::scoped_lock lock(mutex_);
    posted_.push_back(std::move(action));
    if (std::this_thread::get_id() == thread_) return;  // it looks before it waits
  }
  const std::uint64_t one = 1;
  static_cast<void>(::write(wake_.get(), &one, sizeof one) == sizeof one);
}

void Loop::stop() {
  post([this] { stopped_ = true; });
}

void Loop::run() {
  while (!stopped_) turn(std::chrono::hours(1));
}

bool Loop::is_anything_posted() {
  const std::scoped_lock lock(mutex_);
  thread_ = std::this_thread::get_id();
  return !posted_.empty();
}

void Loop::run_posted() {
  std::vector<Action> actions;
  {
    const std::scoped_lock lock(mutex_);
    actions.swap(posted_);
  }
  for (const Action& action : actions) action();
}

void Loop::run_timers() {
  const TimePoint now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const Action action = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    action();
  }
}

void Loop::turn(Clock::duration longest) {
  if (is_anything_posted()) longest = {};
  if (!timers_.empty()) longest = std::min(longest, timers_.begin()->first.first - Clock::now());
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(longest).count();
  std::array<epoll_event, 32> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(std::max<std::int64_t>(0, wait)));
  for (int i = 0; i < count; ++i) {
    const auto found = watched_.find(events[static_cast<std::size_t>(i)].data.fd);
    if (found == watched_.end()) continue;  // unwatched by what ran before
    const auto action = found->second;
    (*action)();
  }
  run_posted();
  run_timers();
}

}  // namespace policyc::agent
