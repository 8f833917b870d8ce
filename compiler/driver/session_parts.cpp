// A file that says what exists, read without places, a large one by several threads
// (session_file.h).

#include <algorithm>
#include <future>
#include <system_error>

#include "compiler/driver/session_file.h"
#include "compiler/manifest/document.h"
#include "compiler/service/reader.h"

namespace policyc::driver {
namespace {

constexpr std::size_t kLeastPart = std::size_t{64} << 10;

// Where the first document after `from` begins, most likely: one that is wrong cuts a document in
// two, and the part before does not end well then.
std::size_t next_document(std::string_view text, std::size_t from, bool is_json) {
  std::size_t at = text.find("\n---", from);
  if (at == std::string_view::npos && is_json) at = text.find("\n{", from);
  return at == std::string_view::npos ? text.size() : at + 1;
}

std::vector<std::string_view> split(std::string_view text, unsigned workers) {
  const std::size_t wanted =
      std::clamp<std::size_t>(text.size() / kLeastPart, 1, std::max(workers, 1U));
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_json = first != std::string_view::npos && text[first] == '{';
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t i = 1; i <= wanted && begin < text.size(); ++i) {
    const std::size_t target = std::max(begin, text.size() / wanted * i);
    const std::size_t end = i == wanted ? text.size() : next_document(text, target, is_json);
    parts.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return parts;
}

// One part, with places of its own that nobody asks for.
struct Part {
  std::unique_ptr<SessionFile> file = std::make_unique<SessionFile>();
  service::Reader services{file->reports};
  bool has_policies = false;

  void read(const std::string& name, std::string_view text, const policy::ReadOptions& options,
            const manifest::Limits& limits) {
    source::SourceMap scratch;
    const source::FileId id = scratch.add_file(name, std::string(text));
    file->inventory = std::make_unique<policy::Inventory>(options.agent, file->reports);
    manifest::visit_documents(scratch, id, file->reports, limits,
                              [this](const manifest::Document& document) {
                                has_policies = has_policies || policy::is_policy(document);
                                file->inventory->add(document);
                                services.add(document);
                              });
  }
  [[nodiscard]] bool is_plain() const { return !has_policies && file->reports.all().empty(); }
};

}  // namespace

std::unique_ptr<SessionFile> read_in_parts(const std::string& name, std::string_view text,
                                           const policy::ReadOptions& options, unsigned workers) {
  manifest::Limits limits;
  if (text.size() > limits.max_file_bytes) return nullptr;
  const auto texts = split(text, workers);
  if (texts.empty()) return nullptr;
  limits.places = false;
  limits.max_nodes /= texts.size();  // no more together than a file may have
  std::vector<Part> parts(texts.size());
  try {
    std::vector<std::future<void>> others;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      others.push_back(std::async(std::launch::async,
                                  [&, i] { parts[i].read(name, texts[i], options, limits); }));
    }
    parts[0].read(name, texts[0], options, limits);
    for (auto& other : others) other.get();
  } catch (const std::system_error&) {
    return nullptr;  // no thread is to be had
  }
  if (!std::ranges::all_of(parts, &Part::is_plain)) return nullptr;
  std::unique_ptr<SessionFile> file = std::move(parts[0].file);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    file->inventory->add(*parts[i].file->inventory);
    parts[0].services.add(std::move(parts[i].services));
  }
  file->name = name;
  file->text_bytes = text.size();
  if (auto objects = parts[0].services.take(); !objects.empty())
    file->services = std::move(objects);
  return file;
}

}  // namespace policyc::driver
