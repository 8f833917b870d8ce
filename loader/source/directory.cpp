#include "loader/source/directory.h"

#include <array>
#include <cerrno>
#include <ctime>
#include <system_error>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace policyc::watch {
namespace {

using std::chrono::milliseconds;

// A file that is being written is asked for again: soon at first, because the kernel tells that a
// writer has closed it a moment before it is closed.
constexpr milliseconds kFirstRetry{2};
constexpr milliseconds kLastRetry{250};
constexpr int kFilesUntilRead = 64;

Result<bpf::Fd> opened(int fd, const char* what) {
  if (fd < 0)
    return fail(std::string("cannot make ") + what + ": " + std::system_category().message(errno));
  return bpf::Fd(fd);
}

}  // namespace

bool is_manifest_name(std::string_view name) {
  return !name.starts_with('.') &&
         (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json"));
}

std::string join(const std::string& directory, std::string_view name) {
  return directory.empty() ? std::string(name) : directory + "/" + std::string(name);
}

DirectorySource::DirectorySource(DirectoryOptions options)
    : options_(std::move(options)), before_key_((options_.directory / "").string()) {}

Result<bool> DirectorySource::start(const std::optional<Cursor>& /*after*/) {
  auto poll = opened(::epoll_create1(EPOLL_CLOEXEC), "an epoll instance");
  if (!poll) return std::unexpected(poll.error());
  auto timer = opened(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "a timer");
  if (!timer) return std::unexpected(timer.error());
  auto work = opened(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC), "an eventfd");
  if (!work) return std::unexpected(work.error());
  auto watches = Watches::open();
  if (!watches) return std::unexpected(watches.error());
  for (const int fd : {timer->get(), work->get(), watches->fd()}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(poll->get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      return fail("cannot poll: " + std::system_category().message(errno));
    }
  }
  // Who asked for fd() before goes on with the same one.
  if (poll_.valid()) {
    if (::dup3(poll->get(), poll_.get(), O_CLOEXEC) < 0)
      return fail("cannot poll: " + std::system_category().message(errno));
  } else {
    poll_ = std::move(*poll);
  }
  timer_ = std::move(*timer);
  work_ = std::move(*work);
  armed_ = {};
  has_work_ = false;
  watches_ = std::move(*watches);
  entries_.clear();
  look_again_.clear();
  total_bytes_ = troubles_ = 0;
  queue_.clear();
  files_todo_.clear();
  links_todo_.clear();
  directories_todo_ = {std::string()};
  schedule_.clear();
  attempts_.clear();
  root_.reset();
  look_around_at_ = Clock::now();
  sync_due_ = true;
  synced_ = false;
  started_ = true;
  return false;
}

Result<std::optional<Event>> DirectorySource::next() {
  if (!started_) return fail("the watch has not begun");
  while (true) {
    if (!queue_.empty()) {
      Event event = std::move(queue_.front());
      queue_.pop_front();
      return event;
    }
    // What is to be done is done first, but for the kernel's queue, which must not overflow.
    bool has_read = false;
    if (files_todo_.empty() || --files_until_read_ == 0) {
      files_until_read_ = kFilesUntilRead;
      const auto read = watches_.read([this](const Watches::Event& event) { take_event(event); },
                                      [this] { everything_again(); });
      if (!read) return std::unexpected(read.error());
      has_read = *read;
      take_due();
    }
    if (do_one_task() || has_read || !queue_.empty()) continue;
    set_timer();
    return std::nullopt;
  }
}

Cursor DirectorySource::cursor() const { return {std::to_string(version_)}; }

bool DirectorySource::do_one_task() {
  look_at_links();
  // Directories first: a directory that is gone decides about its files.
  if (!directories_todo_.empty()) {
    look_at_directory(directories_todo_.extract(directories_todo_.begin()).value());
  } else if (!files_todo_.empty()) {
    look_at_file(files_todo_.extract(files_todo_.begin()).value());
  } else if (sync_due_ && root_) {
    sync_due_ = false;
    synced_ = true;
    tell(EventKind::Synced, {});
  } else {
    return false;
  }
  return true;
}

void DirectorySource::set_timer() {
  // Nothing is left to do now: only a change or the clock makes fd() readable.
  if (std::exchange(has_work_, false)) {
    std::uint64_t value = 0;
    static_cast<void>(::read(work_.get(), &value, sizeof value));
  }
  const Clock::time_point when =
      std::min(look_around_at_, schedule_.next().value_or(look_around_at_));
  if (armed_ > Clock::now() && armed_ <= when) return;
  armed_ = when;
  const auto wait =
      std::max<std::chrono::nanoseconds>(when - Clock::now(), std::chrono::nanoseconds(1));
  itimerspec setting{};
  setting.it_value.tv_sec = wait.count() / 1'000'000'000;
  setting.it_value.tv_nsec = wait.count() % 1'000'000'000;
  ::timerfd_settime(timer_.get(), 0, &setting, nullptr);
}

std::uint64_t DirectorySource::next_version() {
  if (shared_version_) return *shared_version_;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto time = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                    static_cast<std::uint64_t>(now.tv_nsec);
  version_ = std::max(version_ + 1, time);
  return version_;
}

void DirectorySource::tell(EventKind kind, const std::string& key, std::string content,
                           std::string error) {
  Event event{.kind = kind, .error = std::move(error)};
  event.object.key = key;
  event.object.version = next_version();
  if (kind == EventKind::Put || kind == EventKind::Unusable) event.object.name = path_of(key);
  event.object.content = std::move(content);
  queue_.push_back(std::move(event));
  if (std::exchange(has_work_, true)) return;
  const std::uint64_t one = 1;
  static_cast<void>(::write(work_.get(), &one, sizeof one));
}

void DirectorySource::tell_unusable(const std::string& key, const std::string& error) {
  const auto [found, is_new] = entries_.try_emplace(key);
  if (is_new && is_trouble(key)) ++troubles_;
  Entry& entry = found->second;
  if (entry.error == error) return;
  entry.error = error;
  look_again_.insert(key);
  tell(EventKind::Unusable, key, {}, error);
}

void DirectorySource::tell_deleted(const std::string& key) {
  const bool was_full = !key.empty() && entries_.size() >= options_.max_files;
  if (const auto known = entries_.find(key); known != entries_.end()) {
    total_bytes_ -= known->second.bytes;
    if (is_trouble(key)) --troubles_;
    entries_.erase(known);
    look_again_.erase(key);
  }
  tell(EventKind::Deleted, key);
  if (was_full) directories_todo_.insert(std::string());
}

void DirectorySource::look_at_file(const std::string& key) {
  auto known = entries_.find(key);
  if (known == entries_.end() && entries_.size() >= options_.max_files) {
    tell_unusable({}, "has more than " + std::to_string(options_.max_files) +
                          " files; those beyond are not read");
    return;
  }
  const std::string path = path_of(key);
  struct stat status{};
  if (known != entries_.end() && known->second.settled && known->second.error.empty() &&
      ::stat(path.c_str(), &status) == 0 && identity_of(status) == known->second.identity) {
    known->second.missing_since.reset();
    return;
  }
  const std::size_t room = room_beside(known == entries_.end() ? 0 : known->second.bytes);
  FileRead read = read_complete(path, std::min(options_.max_file_bytes, room), options_.leases,
                                shared_version_ ? Arrival::Whole : Arrival::Unknown);
  // How much is left is not said: it changes with other files, and would be told each time.
  if (read.state == ReadState::Unusable && read.identity.size > room &&
      read.identity.size <= options_.max_file_bytes)
    read.error = "has " + std::to_string(read.identity.size) + " bytes, more than is left of the " +
                 std::to_string(options_.max_total_bytes) + " that all files together may have";
  if (read.state == ReadState::Missing) {
    if (read.is_directory) directories_todo_.insert(key);
    file_is_missing(key);
    return;
  }
  if (known != entries_.end()) known->second.missing_since.reset();
  if (read.state == ReadState::BeingWritten) {
    // It exists, so before Synced it has to be told; later it is not there before it is complete.
    if (!synced_ && known == entries_.end()) tell_unusable(key, "is being written");
    retry(key);
    return;
  }
  attempts_.erase(key);
  if (known == entries_.end()) known = entries_.try_emplace(key).first;
  known->second.link = read.is_link;
  if (read.is_link) look_again_.insert(key);
  if (read.state == ReadState::Unusable) {
    tell_unusable(key, read.error);
  } else {
    take_content(key, known->second, std::move(read));
  }
}

// What a file that had so much may have, with that of the others.
std::size_t DirectorySource::room_beside(std::size_t bytes) const {
  const std::size_t others = total_bytes_ - bytes;
  return options_.max_total_bytes - std::min(others, options_.max_total_bytes);
}

void DirectorySource::take_content(const std::string& key, Entry& entry, FileRead read) {
  if (!entry.link && !look_again_.empty()) look_again_.erase(key);
  entry.identity = read.identity;
  entry.settled =
      file_clock_now() - std::max(read.identity.changed, read.identity.modified) > kQuietTime;
  const Digest hash = sha256({read.content});
  if (hash == entry.hash && entry.error.empty()) return;
  entry.hash = hash;
  entry.error.clear();
  total_bytes_ += read.content.size() - entry.bytes;
  entry.bytes = read.content.size();
  tell(EventKind::Put, key, std::move(read.content));
}

void DirectorySource::file_is_missing(const std::string& key) {
  attempts_.erase(key);
  schedule_.cancel(key);
  const auto known = entries_.find(key);
  if (known == entries_.end()) return;
  const Clock::time_point now = Clock::now();
  if (!known->second.missing_since) known->second.missing_since = now;
  const Clock::time_point over = *known->second.missing_since + options_.deletion_grace;
  if (now < over && !sync_due_ && !shared_version_) {
    schedule_.at(key, over);
    return;
  }
  struct stat status{};
  if (::stat(options_.directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    // All of it is gone, which says nothing of one file.
    known->second.missing_since.reset();
    directories_todo_.insert(std::string());
    return;
  }
  tell_deleted(key);
}

void DirectorySource::retry(const std::string& key) {
  const int attempt = attempts_[key]++;
  schedule_.at(key,
               Clock::now() + std::min(kLastRetry, kFirstRetry * (1 << std::min(attempt, 10))));
}

}  // namespace policyc::watch
