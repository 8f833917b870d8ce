#include "compiler/backend/cache.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/backend/build_identity.h"

namespace policyc::backend {
namespace {

constexpr std::size_t kHexDigits = 64;
constexpr std::size_t kShardDigits = 2;
constexpr int kNameTries = 100;

// An entry: this header, then the object. Numbers are little-endian.
constexpr std::array<std::uint8_t, 8> kMagic{'p', 'o', 'l', 'i', 'c', 'y', 'c', 0};
constexpr std::uint64_t kFormatVersion = 1;
constexpr std::size_t kVersionOffset = kMagic.size();
constexpr std::size_t kLengthOffset = kVersionOffset + 8;
constexpr std::size_t kKeyOffset = kLengthOffset + 8;
constexpr std::size_t kChecksumOffset = kKeyOffset + kHexDigits;
constexpr std::size_t kHeaderBytes = kChecksumOffset + kHexDigits;

using Header = std::array<std::uint8_t, kHeaderBytes>;

void store_number(Header& header, std::size_t offset, std::uint64_t number) {
  for (std::size_t i = 0; i < sizeof(number); ++i) {
    header[offset + i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
}

// Everything in a header follows from key and content, so a good one is equal to a new one.
Header make_header(const CacheKey& key, std::span<const std::uint8_t> content) {
  Header header{};
  std::ranges::copy(kMagic, header.begin());
  store_number(header, kVersionOffset, kFormatVersion);
  store_number(header, kLengthOffset, content.size());
  std::ranges::copy(key.hex(), header.begin() + kKeyOffset);
  std::ranges::copy(sha256_hex(content), header.begin() + kChecksumOffset);
  return header;
}

bool write_all(int fd, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

// False on an error of the disk and at an early end.
bool read_all(int fd, std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = read(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

std::string shard_of(const CacheKey& key) { return key.hex().substr(0, kShardDigits); }
std::string name_of(const CacheKey& key) { return key.hex().substr(kShardDigits); }

FileDescriptor open_shard(int folder, const std::string& shard) {
  return FileDescriptor(
      openat(folder, shard.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// A temporary file; goes away with its owner unless it was renamed.
class Temporary {
 public:
  explicit Temporary(int shard) : shard_(shard) {
    static std::atomic<std::uint64_t> counter{0};
    for (int i = 0; i < kNameTries && !file_.valid(); ++i) {
      name_ = std::string(kTemporaryPrefix) + std::to_string(getpid()) + "-" +
              std::to_string(counter.fetch_add(1));
      file_ = FileDescriptor(openat(shard, name_.c_str(),
                                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                    S_IRUSR | S_IWUSR));
      if (!file_.valid() && errno != EEXIST) {
        return;
      }
    }
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (file_.valid() && !renamed_) {
      unlinkat(shard_, name_.c_str(), 0);
    }
  }

  [[nodiscard]] const FileDescriptor& file() const { return file_; }
  bool rename_to(const std::string& name) {
    renamed_ = renameat(shard_, name_.c_str(), shard_, name.c_str()) == 0;
    return renamed_;
  }

 private:
  int shard_;
  std::string name_;
  FileDescriptor file_;
  bool renamed_ = false;
};

}  // namespace

Result<CacheKeyBuilder> CacheKeyBuilder::start() {
  const auto identity = build_identity();
  if (!identity) {
    return std::unexpected(identity.error());
  }
  CacheKeyBuilder builder;
  builder.add(*identity);
  return builder;
}

CacheKeyBuilder& CacheKeyBuilder::add(std::string_view part) {
  add(part.size());
  hash_.update(part);
  return *this;
}

CacheKeyBuilder& CacheKeyBuilder::add(std::uint64_t number) {
  std::array<std::uint8_t, sizeof(number)> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  hash_.update(bytes);
  return *this;
}

struct ObjectCache::State {
  std::string path;
  FileDescriptor folder;
  CacheLimits limits;
  std::mutex mutex;  // of what follows
  CacheStats stats;

  void count(std::uint64_t CacheStats::* counter, std::uint64_t by = 1) {
    const std::scoped_lock lock(mutex);
    stats.*counter += by;
  }
  void note(const Error& error) {
    const std::scoped_lock lock(mutex);
    if (stats.problem.empty()) {
      stats.problem = path + ": " + error.message;
    }
  }

  // Nothing when there is no good entry; one that is not as it was written is removed.
  std::optional<Bytes> read(const CacheKey& key) {
    const FileDescriptor shard = open_shard(folder.get(), shard_of(key));
    if (!shard.valid()) {
      if (errno != ENOENT) {
        note(system_error(shard_of(key)));
      }
      return std::nullopt;
    }
    const std::string name = name_of(key);
    // Not blocking: somebody may have put a pipe there.
    const FileDescriptor file(
        openat(shard.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.valid() && errno != ELOOP) {
      if (errno != ENOENT) {
        note(system_error(shard_of(key) + "/" + name));
      }
      return std::nullopt;
    }
    struct stat status{};
    Header header{};
    if (file.valid() && fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
        static_cast<std::uint64_t>(status.st_size) >= kHeaderBytes &&
        static_cast<std::uint64_t>(status.st_size) <= limits.max_bytes) {
      Bytes content(static_cast<std::size_t>(status.st_size) - kHeaderBytes);
      if (read_all(file.get(), header) && read_all(file.get(), content) &&
          header == make_header(key, content)) {
        futimens(file.get(), nullptr);  // used now; may fail in a folder that is read-only
        return content;
      }
    }
    count(&CacheStats::damaged);
    unlinkat(shard.get(), name.c_str(), 0);
    return std::nullopt;
  }

  Result<void> write(const CacheKey& key, std::span<const std::uint8_t> bytes) {
    const std::uint64_t size = kHeaderBytes + bytes.size();
    if (size > limits.max_bytes || limits.max_entries == 0) {
      return {};
    }
    const std::string shard_name = shard_of(key);
    if (mkdirat(folder.get(), shard_name.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
      return std::unexpected(system_error(shard_name));
    }
    const FileDescriptor shard = open_shard(folder.get(), shard_name);
    if (!shard.valid()) {
      return std::unexpected(system_error(shard_name));
    }
    Temporary temporary(shard.get());
    if (!temporary.file().valid() || !write_all(temporary.file().get(), make_header(key, bytes)) ||
        !write_all(temporary.file().get(), bytes)) {
      return std::unexpected(system_error(shard_name));
    }
    auto lock = FolderLock::take(folder.get());
    if (!lock) {
      return std::unexpected(lock.error());
    }
    const std::string name = name_of(key);
    struct stat status{};
    const bool replaces = fstatat(shard.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    const auto evicted =
        lock->make_room(size, replaces ? static_cast<std::uint64_t>(status.st_size) : 0, limits);
    if (!evicted) {
      return std::unexpected(evicted.error());
    }
    count(&CacheStats::evicted, *evicted);
    if (!temporary.rename_to(name)) {
      return std::unexpected(system_error(shard_name + "/" + name));
    }
    count(&CacheStats::stored);
    return {};
  }
};

ObjectCache::ObjectCache(std::unique_ptr<State> state) : state_(std::move(state)) {}
ObjectCache::ObjectCache(ObjectCache&& other) noexcept = default;
ObjectCache& ObjectCache::operator=(ObjectCache&& other) noexcept = default;
ObjectCache::~ObjectCache() = default;

Result<ObjectCache> ObjectCache::open(const std::string& path, CacheLimits limits) {
  auto folder = open_cache_folder(path);
  if (!folder) {
    return std::unexpected(folder.error());
  }
  auto state = std::make_unique<State>();
  state->path = path;
  state->folder = std::move(*folder);
  state->limits = limits;
  return ObjectCache(std::move(state));
}

std::optional<Bytes> ObjectCache::get(const CacheKey& key) {
  auto bytes = state_->read(key);
  state_->count(bytes ? &CacheStats::hits : &CacheStats::misses);
  return bytes;
}

Result<void> ObjectCache::put(const CacheKey& key, std::span<const std::uint8_t> bytes) {
  auto written = state_->write(key, bytes);
  if (!written) {
    state_->note(written.error());
  }
  return written;
}

CacheStats ObjectCache::stats() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->stats;
}

const std::string& ObjectCache::path() const { return state_->path; }

Result<CacheUsage> ObjectCache::usage() const { return folder_usage(state_->folder.get()); }

Result<CacheUsage> ObjectCache::clear() {
  auto lock = FolderLock::take(state_->folder.get());
  if (!lock) {
    return std::unexpected(lock.error());
  }
  return lock->clear();
}

}  // namespace policyc::backend
