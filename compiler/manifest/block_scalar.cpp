#include "compiler/manifest/block_scalar.h"

#include <algorithm>
#include <string_view>

namespace policyc::manifest {
namespace {

enum class Chomp { Strip, Clip, Keep };

struct Header {
  bool folded = false;
  Chomp chomp = Chomp::Clip;
  int indicator = 0;  // 0: detect the indentation
  std::size_t end = 0;
};

Header read_header(const SourceScan& scan, std::size_t offset) {
  Header header;
  header.folded = scan.at(offset) == '>';
  header.end = offset + 1;
  for (;; ++header.end) {
    const char c = scan.at(header.end);
    if (c == '-') {
      header.chomp = Chomp::Strip;
    } else if (c == '+') {
      header.chomp = Chomp::Keep;
    } else if (c >= '1' && c <= '9') {
      header.indicator = c - '0';
    } else {
      return header;
    }
  }
}

struct Line {
  std::size_t begin = 0;
  std::size_t end = 0;   // without the line break
  std::size_t next = 0;  // the start of the next line
  int indent = 0;
  [[nodiscard]] bool blank() const { return begin + static_cast<std::size_t>(indent) == end; }
  [[nodiscard]] bool has_break() const { return next > end; }
};

Line line_at(const SourceScan& scan, std::size_t begin) {
  Line line;
  line.begin = begin;
  line.end = scan.line_end(begin);
  line.next = line.end;
  if (scan.at(line.next) == '\r') ++line.next;
  if (scan.at(line.next) == '\n') ++line.next;
  for (std::size_t i = begin; i < line.end && scan.at(i) == ' '; ++i) ++line.indent;
  return line;
}

// Collects lines as they come, keeping back the line breaks until it is known what they become.
class Folder {
 public:
  explicit Folder(const Header& header) : header_(header) {}

  void add_text(std::string_view text, bool has_break) {
    const bool starts_blank = text.starts_with(' ') || text.starts_with('\t');
    if (pending_break_) {
      const bool fold = header_.folded && !previous_starts_blank_ && !starts_blank;
      if (!fold) {
        value_ += '\n';
      } else if (empty_lines_ == 0) {
        value_ += ' ';
      }
    }
    value_.append(empty_lines_, '\n');
    empty_lines_ = 0;
    value_ += text;
    previous_starts_blank_ = starts_blank;
    pending_break_ = has_break;
  }

  void add_empty_line() { ++empty_lines_; }

  std::string finish() {
    if (header_.chomp != Chomp::Strip && pending_break_) value_ += '\n';
    if (header_.chomp == Chomp::Keep) value_.append(empty_lines_, '\n');
    return std::move(value_);
  }

 private:
  const Header& header_;
  std::string value_;
  std::size_t empty_lines_ = 0;
  bool pending_break_ = false;
  bool previous_starts_blank_ = false;
};

}  // namespace

BlockScalar read_block_scalar(const SourceScan& scan, std::size_t offset, int parent_indent) {
  const Header header = read_header(scan, offset);
  BlockScalar result;
  result.end = header.end;
  int indent = header.indicator == 0 ? -1 : std::max(parent_indent, 0) + header.indicator;
  Folder folder(header);
  std::size_t begin = line_at(scan, offset).next;
  while (begin < scan.end()) {
    const Line line = line_at(scan, begin);
    const bool detecting = indent < 0;
    if (!line.blank() && detecting && line.indent > parent_indent) indent = line.indent;
    if (line.blank() && (detecting || line.indent <= indent)) {
      if (line.has_break()) folder.add_empty_line();
    } else if (indent < 0 || line.indent < indent) {
      break;
    } else {
      const std::size_t text = line.begin + static_cast<std::size_t>(indent);
      folder.add_text(scan.text(text, line.end), line.has_break());
      result.end = line.end;
    }
    begin = line.next;
  }
  result.value = folder.finish();
  return result;
}

}  // namespace policyc::manifest
