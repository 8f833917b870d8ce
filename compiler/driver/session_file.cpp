#include "compiler/driver/session_file.h"

#include <string_view>

#include "compiler/manifest/document.h"
#include "compiler/service/reader.h"

namespace policyc::driver {
namespace {

// Whether a text is worth reading as one that has policies. Being wrong costs a second reading, or
// some room in the source map.
bool looks_like_policies(std::string_view text) {
  return text.contains("NetworkPolicy") || text.contains("CiliumCIDRGroup");
}

}  // namespace

void read_into(SessionFile& file, source::SourceMap& sources, source::FileId id,
               const policy::ReadOptions& options) {
  std::vector<manifest::Document> policies;
  service::Reader services(file.reports);
  for (manifest::Document& document : manifest::read_documents(sources, id, file.reports)) {
    if (policy::is_policy(document)) {
      policies.push_back(std::move(document));
      continue;
    }
    if (!file.inventory)
      file.inventory = std::make_unique<policy::Inventory>(options.agent, file.reports);
    file.inventory->add(document);
    services.add(document);
  }
  if (!policies.empty())
    file.policies = policy::read_documents(policies, options, file.reports).policies;
  if (auto objects = services.take(); !objects.empty()) file.services = std::move(objects);
}

std::unique_ptr<SessionFile> read_session_file(source::SourceMap& sources, std::string name,
                                               std::string text, const policy::ReadOptions& options,
                                               unsigned workers) {
  if (!looks_like_policies(text)) {
    if (auto file = read_in_parts(name, text, options, workers)) return file;
  }
  auto file = std::make_unique<SessionFile>();
  file->name = name;
  file->text_bytes = text.size();
  if (!looks_like_policies(text)) {
    source::SourceMap scratch;
    const source::FileId id = scratch.add_file(name, text);
    read_into(*file, scratch, id, options);
    file->diagnostics = diag::render_text(scratch, file->reports);
    if (!file->has_policies()) return file;
    // A kind may be written with escapes.
    file = std::make_unique<SessionFile>();
    file->name = name;
    file->text_bytes = text.size();
  }
  file->place = sources.add_file(std::move(name), std::move(text));
  read_into(*file, sources, *file->place, options);
  file->diagnostics = diag::render_text(sources, file->reports);
  return file;
}

}  // namespace policyc::driver
