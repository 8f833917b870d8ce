#include "loader/source/replay.h"

#include <cerrno>
#include <fstream>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

#include "compiler/support/sha256.h"
#include "loader/source/recording.h"

namespace policyc::watch {

Result<bool> ReplaySource::start(const std::optional<Cursor>& after) {
  std::ifstream in(file_, std::ios::binary);
  if (!in) return fail("cannot read " + file_.string());
  std::vector<Line> lines;
  Sha256 hash;
  std::string text;
  for (std::size_t number = 1; std::getline(in, text); ++number) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto event = parse_json_line(text);
    if (!event)
      return fail(file_.string() + ":" + std::to_string(number) + ": " + event.error().message);
    hash.update(text);
    lines.push_back({std::move(*event), hash.hex()});
  }
  if (!ready_.valid()) {
    bpf::Fd ready(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!ready.valid())
      return fail("cannot make an eventfd: " + std::system_category().message(errno));
    ready_ = std::move(ready);
  }
  lines_ = std::move(lines);
  position_ = 0;
  bool resumed = false;
  if (after) {
    for (position_ = 0; position_ <= lines_.size() && cursor() != *after;) ++position_;
    resumed = position_ <= lines_.size();
    if (!resumed) position_ = 0;
  }
  const std::uint64_t one = 1;
  static_cast<void>(::write(ready_.get(), &one, sizeof one));
  return resumed;
}

Result<std::optional<Event>> ReplaySource::next() {
  if (!ready_.valid()) return fail("the watch has not begun");
  if (position_ < lines_.size()) return lines_[position_++].event;
  std::uint64_t value = 0;
  static_cast<void>(::read(ready_.get(), &value, sizeof value));
  return std::nullopt;
}

Cursor ReplaySource::cursor() const {
  if (position_ == 0 || position_ > lines_.size()) return {std::to_string(position_)};
  return {std::to_string(position_) + ":" + lines_[position_ - 1].hash};
}

}  // namespace policyc::watch
