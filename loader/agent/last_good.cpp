#include "loader/agent/last_good.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "compiler/support/sha256.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/log.h"
#include "loader/endpoint/files.h"

namespace policyc::agent {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kDigest = 15;                    // hexadecimal digits
constexpr std::size_t kSpare = std::size_t{1} << 20U;  // bytes of no use, beside as many as of use

constexpr std::size_t kPiece = std::size_t{256} << 10U;  // written at once

constexpr char kContent = '\t';  // begins it; JSON has none unless escaped

std::string digest_of(std::string_view text) { return sha256_hex(text).substr(0, kDigest); }

// Adds a line to some: `add_text` adds what it says. Returns its digest.
template <class AddText>
std::string add_line(std::string& lines, const AddText& add_text) {
  const std::size_t begin = lines.size();
  lines.append(kDigest, '0');
  lines += ' ';
  add_text(lines);
  std::string digest = digest_of(std::string_view(lines).substr(begin + kDigest + 1));
  lines.replace(begin, kDigest, digest);
  lines += '\n';
  return digest;
}

// A text as a part of a line.
void add_on_one_line(std::string& line, std::string_view text) {
  std::size_t at = 0;
  std::size_t slash = text.find('\\');
  std::size_t end = text.find('\n');
  while (slash != end) {  // both nowhere
    const std::size_t next = std::min(slash, end);
    line += text.substr(at, next - at);
    line += next == end ? "\\n" : "\\\\";
    at = next + 1;
    if (next == end) {
      end = text.find('\n', at);
    } else {
      slash = text.find('\\', at);
    }
  }
  line += text.substr(at);
}

std::string from_one_line(std::string_view line) {
  std::string text;
  text.reserve(line.size());
  while (true) {
    const std::size_t end = line.find('\\');
    text += line.substr(0, end);
    if (end == std::string_view::npos) return text;
    if (end + 1 == line.size()) throw std::runtime_error("it ends too early");
    text += line[end + 1] == 'n' ? '\n' : line[end + 1];
    line.remove_prefix(end + 2);
  }
}

// As JSON. Most names need nothing done to them.
void add_string(std::string& line, const std::string& text) {
  const bool is_plain = std::ranges::all_of(
      text, [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  if (is_plain) {
    line += '"';
    line += text;
    line += '"';
  } else {
    line += Json(text).dump();
  }
}

void add_file(std::string& line, const std::string& key, const LastGood::File& file) {
  const std::size_t content = file.content.size() + file.content.size() / 16;
  line.reserve(line.size() + key.size() + file.name.size() + content + 32);
  line += R"({"key":)";
  add_string(line, key);
  line += R"(,"name":)";
  add_string(line, file.name);
  line += '}';
  line += kContent;
  add_on_one_line(line, file.content);
}

std::pair<std::string, LastGood::File> from_json(const Json& json) {
  return {json.at("key").get<std::string>(),
          {json.at("name").get<std::string>(), json.at("content").get<std::string>()}};
}

}  // namespace

void LastGood::know(const std::string& key, Known now) {
  Known& known = known_[key];
  live_ += now.bytes - known.bytes;
  known = std::move(now);
}

void LastGood::forget(const std::string& key) {
  const auto found = known_.find(key);
  if (found == known_.end()) return;
  live_ -= found->second.bytes;
  known_.erase(found);
  files_.erase(key);
}

void LastGood::read_line(std::string_view line, std::size_t number) {
  try {
    if (line.size() <= kDigest || line[kDigest] != ' ')
      throw std::runtime_error("there is no digest");
    const std::string_view text = line.substr(kDigest + 1);
    std::string digest = digest_of(text);
    if (line.substr(0, kDigest) != digest) throw std::runtime_error("it was changed");
    const std::size_t content = text.find(kContent);
    Json json = Json::parse(text.substr(0, content));
    if (json.contains("gone")) return forget(json.at("key").get<std::string>());
    if (content != std::string_view::npos)
      json["content"] = from_one_line(text.substr(content + 1));
    auto [key, file] = from_json(json);
    know(key, {std::move(digest), line.size() + 1});
    files_.insert_or_assign(std::move(key), std::move(file));
  } catch (const std::exception&) {
    damaged_.push_back(journal().string() + ":" + std::to_string(number));
  }
}

Result<void> LastGood::read_journal() {
  const auto text = endpoint::read_file(journal());
  if (!text) return std::unexpected(text.error());
  std::string_view rest = text->has_value() ? std::string_view(**text) : std::string_view();
  for (std::size_t number = 1;; ++number) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    read_line(rest.substr(0, end), number);
    bytes_ += end + 1;
    rest.remove_prefix(end + 1);
  }
  return {};
}

Result<void> LastGood::open_journal() {
  file_ = bpf::Fd(::open(journal().c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!file_.valid()) return bpf::fail_errno("open " + journal().string(), errno);
  // Without the half of a line that a process died of writing.
  if (::ftruncate(file_.get(), static_cast<off_t>(bytes_)) != 0)
    return bpf::fail_errno("write " + journal().string(), errno);
  return {};
}

Result<void> LastGood::take_over_files() {
  for (const std::string& name : bpf::list(folder_)) {
    const auto path = folder_ / name;
    if (path.extension() != ".json") continue;
    const auto text = endpoint::read_file(path);
    if (!text) return std::unexpected(text.error());
    try {
      auto [key, file] = from_json(Json::parse(text->value_or("")));
      if (sha256_hex(key) + ".json" != name) throw std::runtime_error("it is not its name's");
      if (!contains(key)) {
        if (auto kept = put(key, file); !kept) return kept;
        files_.emplace(std::move(key), std::move(file));
      }
    } catch (const std::exception&) {
      damaged_.push_back(path.string());
      continue;
    }
    if (auto removed = endpoint::remove_file(path); !removed) return removed;
  }
  return {};
}

Result<LastGood> LastGood::open(std::filesystem::path folder) {
  if (auto made = endpoint::make_directory(folder); !made) return std::unexpected(made.error());
  LastGood store(std::move(folder));
  if (auto read = store.read_journal(); !read) return std::unexpected(read.error());
  if (auto opened = store.open_journal(); !opened) return std::unexpected(opened.error());
  if (auto taken = store.take_over_files(); !taken) return std::unexpected(taken.error());
  return store;
}

void LastGood::forget_contents() { files_.clear(); }

Result<void> LastGood::append(const std::string& lines) {
  for (std::size_t done = 0; done < lines.size();) {
    const ssize_t count = ::write(file_.get(), lines.data() + done, lines.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int error = errno;
      // What comes after must not go on with half of a line.
      if (::ftruncate(file_.get(), static_cast<off_t>(bytes_)) != 0)
        return bpf::fail_errno("mend " + journal().string(), errno);
      return bpf::fail_errno("write " + journal().string(), error);
    }
    done += static_cast<std::size_t>(count);
  }
  bytes_ += lines.size();
  return {};
}

// From the journal itself: contents are not kept in memory.
Result<void> LastGood::write_anew() {
  const auto whole_text = endpoint::read_file(journal());
  if (!whole_text) return std::unexpected(whole_text.error());
  std::map<std::string, std::string_view> lines;  // the last one of each key
  std::string_view rest = *whole_text ? std::string_view(**whole_text) : std::string_view();
  for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end + 1);
    rest.remove_prefix(end + 1);
    const std::string_view text = line.substr(std::min(kDigest, line.size()));
    const Json json = Json::parse(text.substr(0, text.find(kContent)), nullptr, false);
    if (!json.is_object() || !json.contains("key")) continue;
    auto key = json["key"].get<std::string>();
    const auto known = known_.find(key);
    if (known != known_.end() && line.starts_with(known->second.digest))
      lines.insert_or_assign(std::move(key), line);
  }
  std::string whole;
  whole.reserve(live_);
  for (const auto& [key, line] : lines) whole += line;
  auto written = endpoint::write_file(journal(), whole, endpoint::Flush::No);
  if (!written) return written;
  bytes_ = whole.size();
  return open_journal();
}

Result<void> LastGood::trim() {
  return bytes_ > 2 * live_ + kSpare ? write_anew() : Result<void>();
}

Result<void> LastGood::write(Lines& lines) {
  if (lines.text.empty()) return {};
  if (auto added = append(lines.text); !added) return added;
  for (auto& [key, known] : lines.known) know(*key, std::move(known));
  lines = {};
  return {};
}

Result<void> LastGood::put(std::span<const std::pair<std::string, File>> files) {
  Result<void> outcome;
  Lines lines;
  for (const auto& [key, file] : files) {
    const std::size_t begin = lines.text.size();
    std::string digest;
    try {
      digest = add_line(lines.text, [&](std::string& line) { add_file(line, key, file); });
    } catch (const std::exception& error) {  // not UTF-8: no reader of manifests takes that
      lines.text.resize(begin);
      outcome = fail(file.name + ": " + error.what());
      continue;
    }
    const auto found = known_.find(key);
    if (found != known_.end() && found->second.digest == digest) {
      lines.text.resize(begin);
      continue;
    }
    lines.known.emplace_back(&key, Known{std::move(digest), lines.text.size() - begin});
    if (lines.text.size() < kPiece) continue;
    if (auto written = write(lines); !written) return written;
  }
  if (auto written = write(lines); !written) return written;
  if (auto written = trim(); !written) return written;
  return outcome;
}

Result<void> LastGood::put(const std::string& key, const File& file) {
  const std::pair<std::string, File> one(key, file);
  return put({&one, 1});
}

Result<void> LastGood::erase(const std::string& key) {
  if (!contains(key)) return {};
  std::string line;
  (void)add_line(line,
                 [&key](std::string& text) { text += Json{{"key", key}, {"gone", true}}.dump(); });
  if (auto added = append(line); !added) return added;
  forget(key);
  return trim();
}

}  // namespace policyc::agent
