#include "loader/agent/last_good.h"

#include <stdexcept>

#include <nlohmann/json.hpp>

#include "compiler/support/sha256.h"
#include "loader/bpf/bpffs.h"
#include "loader/endpoint/files.h"

namespace policyc::agent {
namespace {

using Json = nlohmann::ordered_json;

std::string to_text(const std::string& key, const LastGood::File& file) {
  return Json{{"key", key}, {"name", file.name}, {"content", file.content}}.dump();
}

}  // namespace

std::filesystem::path LastGood::path_of(const std::string& key) const {
  return folder_ / (sha256_hex(key) + ".json");
}

Result<LastGood> LastGood::open(std::filesystem::path folder) {
  if (auto made = endpoint::make_directory(folder); !made) return std::unexpected(made.error());
  LastGood store(std::move(folder));
  for (const std::string& name : bpf::list(store.folder_)) {
    const auto path = store.folder_ / name;
    if (path.extension() != ".json") continue;  // half written when a process died
    const auto text = endpoint::read_file(path);
    if (!text) return std::unexpected(text.error());
    try {
      const Json json = Json::parse(text->value_or(""));
      const auto key = json.at("key").get<std::string>();
      File file{json.at("name").get<std::string>(), json.at("content").get<std::string>()};
      if (store.path_of(key) != path) throw std::runtime_error("it is not its name's");
      store.digests_[key] = sha256_hex(**text);
      store.files_.emplace(key, std::move(file));
    } catch (const std::exception&) {
      store.damaged_.push_back(path.string());
    }
  }
  return store;
}

void LastGood::forget_contents() { files_.clear(); }

Result<void> LastGood::put(const std::string& key, const File& file) {
  std::string text;
  try {
    text = to_text(key, file);
  } catch (const std::exception& error) {  // not UTF-8: no reader of manifests takes that
    return fail(file.name + ": " + error.what());
  }
  std::string digest = sha256_hex(text);
  const auto known = digests_.find(key);
  if (known != digests_.end() && known->second == digest) return {};
  if (auto written = endpoint::write_file(path_of(key), text, endpoint::Flush::No); !written)
    return written;
  digests_[key] = std::move(digest);
  return {};
}

Result<void> LastGood::erase(const std::string& key) {
  if (digests_.erase(key) == 0) return {};
  files_.erase(key);
  return endpoint::remove_file(path_of(key));
}

}  // namespace policyc::agent
