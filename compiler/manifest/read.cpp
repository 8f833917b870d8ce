#include <cstdio>
#include <exception>
#include <functional>
#include <new>
#include <spanstream>
#include <string>

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "compiler/manifest/chunks.h"
#include "compiler/manifest/document.h"
#include "compiler/manifest/kubernetes.h"
#include "compiler/manifest/plain_json.h"
#include "compiler/manifest/plain_yaml.h"
#include "compiler/manifest/read_apart.h"
#include "compiler/manifest/text_check.h"
#include "compiler/manifest/tree_builder.h"

namespace policyc::manifest {
namespace {

std::string unicode_name(std::uint32_t code_point) {
  std::array<char, 16> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "U+%04X", code_point);
  return buffer.data();
}

void report_text_problem(ReadContext& context, const TextProblem& problem) {
  const std::string character = unicode_name(problem.code_point);
  switch (problem.fault) {
    case TextFault::InvalidUtf8: {
      std::array<char, 8> byte{};
      std::snprintf(byte.data(), byte.size(), "0x%02x", problem.code_point);
      context.report(diag::Id::InvalidUtf8, problem.extent,
                     std::string("byte ") + byte.data() + " is not valid UTF-8");
      return;
    }
    case TextFault::ControlCharacter:
      context.report(diag::Id::InvalidCharacter, problem.extent,
                     "character " + character + " is not allowed");
      return;
    case TextFault::LineSeparator:
      context.report(diag::Id::InvalidCharacter, problem.extent, "line separator " + character)
          .help = "kubectl starts a new line here; write it as an escape in a double-quoted string";
      return;
    case TextFault::LoneCarriageReturn:
      context
          .report(diag::Id::InvalidCharacter, problem.extent, "carriage return without a line feed")
          .help = "end lines with LF or CR LF";
      return;
    case TextFault::ByteOrderMark:
      context.report(diag::Id::InvalidCharacter, problem.extent, "byte order mark inside the text");
      return;
  }
}

bool starts_with_brace(std::string_view text, const Extent& part) {
  const std::size_t first = text.find_first_not_of(" \t\r\n", part.begin);
  return first < part.end && text[first] == '{';
}

using TakeRoot = std::function<void(Node)>;

// Runs yaml-cpp over one part of the text. The only place where its exceptions arrive. A YAML
// document counts once nothing but blank text is known to follow; of a sequence of JSON objects
// those before a broken one are kept.
void read_part(ReadContext& context, std::string_view text, const Extent& part,
               const TakeRoot& take) {
  const bool is_json = starts_with_brace(text, part);
  TreeBuilder builder(context, text, part, is_json);
  try {
    const auto read_plain = is_json ? read_plain_json : read_plain_yaml;
    if (context.limits.plain_readers && read_plain(context, text, part, take)) return;
    const std::string_view input = text.substr(part.begin, part.end - part.begin);
    std::ispanstream stream(std::span<const char>(input.data(), input.size()));
    YAML::Parser parser(stream);
    std::optional<Node> last;
    while (parser.HandleNextDocument(builder)) {
      last = builder.take_root();
      if (is_json && last) take(std::move(*last));
    }
    builder.check_rest();
    if (!is_json && last) take(std::move(*last));
  } catch (const StopReading&) {
    return;
  } catch (const YAML::DeepRecursion& error) {
    builder.report_syntax_error(error.mark, error.msg, true);
  } catch (const YAML::Exception& error) {
    builder.report_syntax_error(error.mark, error.msg, false);
  } catch (const std::bad_alloc&) {
    throw;  // says nothing of the text
  } catch (const std::exception& error) {
    builder.report_syntax_error(YAML::Mark::null_mark(), error.what(), false);
  }
}

// `nodes` gets the places; it may be `sources` itself.
void read_roots(const source::SourceMap& sources, source::SourceMap& nodes, source::FileId file,
                diag::Engine& diagnostics, const Limits& limits, const TakeRoot& take) {
  const std::string_view text = sources.text(file);
  if (text.size() > limits.max_file_bytes) {
    diagnostics.report_file(diag::Id::FileTooLarge, file,
                            "file of " + std::to_string(text.size()) +
                                " bytes is over the limit of " +
                                std::to_string(limits.max_file_bytes));
    return;
  }
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    diagnostics.report_file(diag::Id::InvalidUtf8, file, "file is UTF-16; expected UTF-8");
    return;
  }
  Positions positions(limits.places ? text : std::string_view());
  ReadContext context{nodes, file, diagnostics, limits, positions};
  const std::size_t begin = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  for (const Chunk& chunk : split_chunks(text, begin)) {
    if (diagnostics.exhausted()) break;
    if (const auto problem = find_text_problem(text, chunk.text)) {
      report_text_problem(context, *problem);
    } else if (chunk.bad_separator) {
      context
          .report(diag::Id::InvalidSeparator, *chunk.bad_separator,
                  "text after the document separator `---`")
          .help = "put the document on the next line; kubectl allows only a comment here";
    } else {
      read_part(context, text, chunk.text, take);
    }
  }
}

}  // namespace

std::vector<Document> read_documents_apart(const source::SourceMap& sources,
                                           source::SourceMap& nodes, source::FileId file,
                                           diag::Engine& diagnostics, const Limits& limits) {
  std::vector<Document> documents;
  const TakeDocument keep = [&](Document document) { documents.push_back(std::move(document)); };
  read_roots(sources, nodes, file, diagnostics, limits,
             [&](Node root) { take_documents(std::move(root), file, diagnostics, keep); });
  return documents;
}

void visit_documents(source::SourceMap& sources, source::FileId file, diag::Engine& diagnostics,
                     const Limits& limits, const TakeDocument& take) {
  read_roots(sources, sources, file, diagnostics, limits,
             [&](Node root) { take_documents(std::move(root), file, diagnostics, take); });
}

std::vector<Document> read_documents(source::SourceMap& sources, source::FileId file,
                                     diag::Engine& diagnostics, const Limits& limits) {
  return read_documents_apart(sources, sources, file, diagnostics, limits);
}

std::vector<Node> read_trees(source::SourceMap& sources, source::FileId file,
                             diag::Engine& diagnostics, const Limits& limits) {
  std::vector<Node> trees;
  read_roots(sources, sources, file, diagnostics, limits, [&trees](Node root) {
    if (!root.is_null()) trees.push_back(std::move(root));
  });
  return trees;
}

}  // namespace policyc::manifest
