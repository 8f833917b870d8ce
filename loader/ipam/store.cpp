#include "loader/ipam/store.h"

#include <algorithm>

#include <sys/file.h>
#include <sys/stat.h>

#include "loader/ipam/files.h"

namespace policyc::ipam {
namespace fs = std::filesystem;
namespace {

// So many addresses are asked for one by one; then the used ones are listed.
constexpr int kProbes = 64;
constexpr std::size_t kCursorSize = 48;

std::string cursor_name(const IpPrefix& subnet) {
  std::string name = "last-" + subnet.to_string();
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  std::error_code error;
  for (auto at = fs::directory_iterator(directory, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    names.insert(at->path().filename());
  }
  return names;
}

bool is_there(const fs::path& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<void> unlink_if_there(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail_errno("remove " + path.string(), errno);
  return {};
}

// The address that was given last; nothing when that is not known.
std::optional<IpAddress> read_cursor(const fs::path& path) {
  const auto text = read_file(path);
  if (!text || !*text) return std::nullopt;
  return parse_ip_address(std::string_view(**text).substr(0, (*text)->find(' ')));
}

// In place, always of one length: a rename over a file makes some file systems write it to disk,
// and a cursor that is lost costs nothing but the order.
Result<void> write_cursor(const fs::path& path, const IpAddress& address) {
  const bpf::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  std::string text = address.to_string();
  text.resize(kCursorSize, ' ');
  text.back() = '\n';
  if (!file.valid() ||
      ::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return fail_errno("write " + path.string(), errno);
  return {};
}

// The range of a set that an address is from.
std::optional<Given> as_given(const IpAddress& address, const RangeSet& set) {
  for (const Range& range : set) {
    if (may_give(range, address)) return Given{address, range.subnet, range.gateway};
  }
  return std::nullopt;
}

std::optional<std::vector<Given>> as_given(const std::vector<IpAddress>& addresses,
                                           const std::vector<RangeSet>& sets) {
  if (addresses.size() != sets.size()) return std::nullopt;
  std::vector<Given> result;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const auto given = as_given(addresses[i], sets[i]);
    if (!given) return std::nullopt;
    result.push_back(*given);
  }
  return result;
}

}  // namespace

Result<Store> Store::open(fs::path directory, Progress progress) {
  std::error_code error;
  for (const char* below : {"attachments", "used"}) {
    fs::create_directories(directory / below, error);
    if (error)
      return fail("cannot make directory " + (directory / below).string() + ": " + error.message());
  }
  return Store(std::move(directory), std::move(progress));
}

Result<bpf::Fd> Store::lock() const {
  const fs::path path = directory_ / "lock";
  bpf::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_errno("open " + path.string(), errno);
  while (::flock(file.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail_errno("lock " + path.string(), errno);
  }
  if (auto undone = undo_pending(); !undone) return std::unexpected(undone.error());
  return file;
}

Result<void> Store::undo_pending() const {
  const fs::path pending = directory_ / "pending";
  struct stat own{};
  if (::stat(pending.c_str(), &own) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno("look at " + pending.string(), errno);
  }
  auto text = read_file(pending);
  if (!text) return std::unexpected(text.error());
  const auto attachment = parse_attachment(text->value_or(std::string()));
  std::vector<fs::path> links;
  if (attachment) {
    for (const IpAddress& address : attachment->addresses)
      links.push_back(directory_ / "used" / address.to_string());
  } else {
    for (const std::string& name : names_in(directory_ / "used"))
      links.push_back(directory_ / "used" / name);
  }
  for (const fs::path& link : links) {
    struct stat status{};
    // Another one's address stays: an allocation dies before it has linked all of its own.
    if (::stat(link.c_str(), &status) != 0 || status.st_ino != own.st_ino ||
        status.st_dev != own.st_dev)
      continue;
    if (auto removed = unlink_if_there(link); !removed) return removed;
    step("address unlinked");
  }
  if (auto removed = unlink_if_there(pending); !removed) return removed;
  step("pending removed");
  return {};
}

Result<std::optional<Attachment>> Store::find_locked(const Owner& owner) const {
  const fs::path path = directory_ / "attachments" / file_name_of(owner);
  auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::nullopt;
  auto attachment = parse_attachment(**text);
  if (!attachment) return fail(path.string() + " " + attachment.error().message);
  return std::move(*attachment);
}

Result<std::vector<Given>> Store::allocate(const Owner& owner, const std::vector<RangeSet>& sets) {
  if (auto valid = validate(sets); !valid) return std::unexpected(valid.error());
  const auto locked = lock();
  if (!locked) return std::unexpected(locked.error());
  step("locked");
  const auto known = find_locked(owner);
  if (!known) return std::unexpected(known.error());
  if (*known) {
    if (auto given = as_given((*known)->addresses, sets)) return std::move(*given);
    if (auto released = release_file(directory_ / "attachments" / file_name_of(owner)); !released)
      return std::unexpected(released.error());
  }
  std::vector<Given> result;
  Attachment attachment{owner, {}};
  for (const RangeSet& set : sets) {
    auto given = choose(set);
    if (!given) return std::unexpected(given.error());
    attachment.addresses.push_back(given->address);
    result.push_back(std::move(*given));
  }
  if (auto kept = keep(attachment); !kept) return std::unexpected(kept.error());
  return result;
}

Result<void> Store::check_room(const std::vector<RangeSet>& sets) {
  if (auto valid = validate(sets); !valid) return valid;
  const auto locked = lock();
  if (!locked) return std::unexpected(locked.error());
  for (const RangeSet& set : sets) {
    if (const auto found = look_for(set); !found) return std::unexpected(found.error());
  }
  return {};
}

Result<Given> Store::look_for(const RangeSet& set) const {
  const fs::path used = directory_ / "used";
  std::string exhausted;
  for (const Range& range : set) {
    const fs::path cursor = directory_ / cursor_name(range.subnet);
    int probes = 0;
    std::set<std::string> taken;
    const auto found = next_free(range, read_cursor(cursor), [&](const IpAddress& address) {
      const std::string name = address.to_string();
      if (++probes <= kProbes) return !is_there(used / name);
      if (taken.empty()) taken = names_in(used);
      return !taken.contains(name);
    });
    if (found) return Given{*found, range.subnet, range.gateway};
    exhausted += (exhausted.empty() ? "" : ", ") + range.subnet.to_string();
  }
  return fail("no free address is left in " + exhausted);
}

Result<Given> Store::choose(const RangeSet& set) const {
  auto given = look_for(set);
  if (!given) return given;
  // Before the address is taken: one that is never taken has its turn again after all others.
  if (auto written = write_cursor(directory_ / cursor_name(given->subnet), given->address);
      !written)
    return std::unexpected(written.error());
  step("cursor written");
  return given;
}

Result<void> Store::keep(const Attachment& attachment) const {
  const fs::path pending = directory_ / "pending";
  if (auto written = write_file(pending, to_json(attachment)); !written) return written;
  step("pending written");
  for (const IpAddress& address : attachment.addresses) {
    const fs::path link = directory_ / "used" / address.to_string();
    if (::link(pending.c_str(), link.c_str()) != 0) {
      const int number = errno;
      static_cast<void>(undo_pending().has_value());
      return fail_errno("take " + link.string(), number);
    }
    step("address linked");
  }
  const fs::path path = directory_ / "attachments" / file_name_of(attachment.owner);
  if (::rename(pending.c_str(), path.c_str()) != 0) {
    const int number = errno;
    static_cast<void>(undo_pending().has_value());
    return fail_errno("write " + path.string(), number);
  }
  step("attachment kept");
  return {};
}

Result<void> Store::release_file(const fs::path& file) const {
  const fs::path pending = directory_ / "pending";
  if (::rename(file.c_str(), pending.c_str()) != 0)
    return fail_errno("move " + file.string(), errno);
  step("moved to pending");
  return undo_pending();
}

Result<bool> Store::release(const Owner& owner) {
  const auto locked = lock();
  if (!locked) return std::unexpected(locked.error());
  step("locked");
  const fs::path path = directory_ / "attachments" / file_name_of(owner);
  if (!is_there(path)) return false;
  if (auto released = release_file(path); !released) return std::unexpected(released.error());
  return true;
}

Result<std::optional<Attachment>> Store::find(const Owner& owner) {
  const auto locked = lock();
  if (!locked) return std::unexpected(locked.error());
  return find_locked(owner);
}

Result<std::vector<Attachment>> Store::list() {
  const auto locked = lock();
  if (!locked) return std::unexpected(locked.error());
  std::vector<Attachment> result;
  for (const std::string& name : names_in(directory_ / "attachments")) {
    const auto text = read_file(directory_ / "attachments" / name);
    if (!text) return std::unexpected(text.error());
    auto attachment = parse_attachment(text->value_or(""));
    if (!attachment)
      return fail((directory_ / "attachments" / name).string() + " " + attachment.error().message);
    result.push_back(std::move(*attachment));
  }
  return result;
}

Result<std::vector<Attachment>> Store::collect(const std::set<Owner>& valid) {
  const auto locked = lock();
  if (!locked) return std::unexpected(locked.error());
  std::vector<Attachment> removed;
  for (const std::string& name : names_in(directory_ / "attachments")) {
    const fs::path path = directory_ / "attachments" / name;
    const auto text = read_file(path);
    if (!text) return std::unexpected(text.error());
    auto attachment = parse_attachment(text->value_or(""));
    if (attachment && valid.contains(attachment->owner)) continue;
    if (auto released = release_file(path); !released) return std::unexpected(released.error());
    if (attachment) removed.push_back(std::move(*attachment));
  }
  return removed;
}

}  // namespace policyc::ipam
