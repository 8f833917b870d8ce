#include "loader/source/recording.h"

#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>
#include <poll.h>

namespace policyc::watch {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<EventKind, const char*>, 4> kKinds{
    {{EventKind::Put, "put"},
     {EventKind::Deleted, "deleted"},
     {EventKind::Synced, "synced"},
     {EventKind::Unusable, "unusable"}}};
constexpr std::string_view kDigits = "0123456789abcdef";

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

std::string to_hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += kDigits[value >> 4U];
    text += kDigits[value & 15U];
  }
  return text;
}

Result<std::string> from_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const std::size_t high = kDigits.find(text[i]), low = kDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos)
      return fail("is not hexadecimal");
    bytes += static_cast<char>(high << 4U | low);
  }
  if (text.size() % 2 != 0) return fail("is not hexadecimal");
  return bytes;
}

// Names and messages are for people.
std::string readable(const std::string& text) {
  return is_utf8(text) ? text : Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json_line(const Event& event) {
  Json json;
  for (const auto& [kind, name] : kKinds) {
    if (kind == event.kind) json["kind"] = name;
  }
  const bool has_object = event.kind == EventKind::Put || event.kind == EventKind::Unusable;
  if (event.kind != EventKind::Synced) json["key"] = readable(event.object.key);
  json["version"] = event.object.version;
  if (has_object && !event.object.name.empty()) json["name"] = readable(event.object.name);
  if (event.kind == EventKind::Unusable) json["error"] = readable(event.error);
  if (event.kind == EventKind::Put) {
    if (is_utf8(event.object.content)) {
      json["content"] = event.object.content;
    } else {
      json["content_hex"] = to_hex(event.object.content);
    }
  }
  return json.dump();
}

Result<Event> parse_json_line(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return fail("is not a JSON object");
  Event event;
  try {
    const std::string kind_name = json.at("kind").get<std::string>();
    bool known = false;
    for (const auto& [kind, name] : kKinds) {
      if (kind_name != name) continue;
      event.kind = kind;
      known = true;
    }
    if (!known) return fail("has the unknown kind \"" + kind_name + "\"");
    event.object.version = json.value("version", std::uint64_t{0});
    if (event.kind != EventKind::Synced) event.object.key = json.at("key").get<std::string>();
    event.object.name = json.value("name", std::string());
    if (event.kind == EventKind::Unusable) event.error = json.at("error").get<std::string>();
    if (event.kind == EventKind::Put && json.contains("content_hex")) {
      auto content = from_hex(json.at("content_hex").get<std::string>());
      if (!content) return fail("content_hex " + content.error().message);
      event.object.content = std::move(*content);
    } else if (event.kind == EventKind::Put) {
      event.object.content = json.at("content").get<std::string>();
    }
  } catch (const Json::exception& error) {
    return fail(std::string("is not an event: ") + error.what());
  }
  return event;
}

Result<std::size_t> record(Source& source, const std::filesystem::path& file,
                           const std::function<bool(const Event&)>& is_last) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  if (!out) return fail("cannot write " + file.string());
  if (auto started = source.start(std::nullopt); !started) return std::unexpected(started.error());
  std::size_t count = 0;
  while (true) {
    auto event = source.next();
    if (!event) return std::unexpected(event.error());
    if (!*event) {
      pollfd waiting{source.fd(), POLLIN, 0};
      if (::poll(&waiting, 1, -1) < 0 && errno != EINTR)
        return fail("cannot wait: " + std::system_category().message(errno));
      continue;
    }
    out << to_json_line(**event) << '\n' << std::flush;
    if (!out) return fail("cannot write " + file.string());
    ++count;
    if (is_last(**event)) return count;
  }
}

}  // namespace policyc::watch
