// Own layout, the same on every machine: a column for each namespace, nodes below each other, edges
// as curves from the right side of the source to the left side of the destination.

#include <algorithm>

#include "compiler/graph/outputs.h"
#include "compiler/graph/view.h"

namespace policyc::graph {
namespace {

constexpr int kNodeHeight = 26;
constexpr int kRowStep = 38;
constexpr int kMargin = 20;
constexpr int kHeader = 34;
constexpr int kColumnGap = 120;
constexpr int kCharacter = 7;  // width of one, generously
constexpr int kMinimalWidth = 120;
constexpr std::size_t kLongestLabel = 44;
constexpr std::size_t kRows = 40;  // in a column; more begin another one

struct Box {
  int x = 0, y = 0, width = 0;
};

// Cut between characters of UTF-8.
std::string cut(const std::string& text) {
  std::size_t at = 0;
  std::size_t characters = 0;
  while (at < text.size()) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80U && characters++ == kLongestLabel)
      return text.substr(0, at) + "\xe2\x80\xa6";
    ++at;
  }
  return text;
}

std::string label_of(const ViewNode& node) {
  return cut(node.short_label()) +
         (node.endpoints > 1 ? " (" + std::to_string(node.endpoints) + ")" : std::string());
}

std::string attribute(const char* name, int value) {
  return std::string(" ") + name + "=\"" + std::to_string(value) + "\"";
}

class Drawing {
 public:
  explicit Drawing(const View& view) : view_(view) { place(); }

  std::string run() const {
    std::string text =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"" + attribute("width", width_) +
        attribute("height", height_) + " viewBox=\"0 0 " + std::to_string(width_) + " " +
        std::to_string(height_) +
        "\" font-family=\"sans-serif\" font-size=\"12\">\n<title>Who can talk to whom"
        "</title>\n";
    text +=
        "<style>.n{fill:#fff;stroke:#444}.e{fill:none;stroke:#2166ac}.l7{stroke:#b35806;"
        "stroke-dasharray:6 3}.auth{stroke:#7b3294;stroke-dasharray:2 3}.h{font-weight:bold}"
        "</style>\n<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" "
        "markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" "
        "fill=\"#333\"/></marker></defs>\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#fafafa\"/>\n";
    if (!view_.note.empty())
      text += "<text x=\"20\" y=\"16\">" + escape_xml(view_.note) + "</text>\n";
    text += headers_;
    for (const ViewEdge& edge : view_.edges) text += draw(edge);
    for (std::size_t i = 0; i < boxes_.size(); ++i) text += draw(view_.nodes[i], boxes_[i]);
    return text + "</svg>\n";
  }

 private:
  // Nodes and the world stand on the left, the namespaces follow.
  void place() {
    boxes_.resize(view_.nodes.size());
    int x = kMargin;
    int bottom = 0;
    for (const bool outside : {true, false}) {
      std::size_t begin = 0;
      while (begin < view_.nodes.size()) {
        std::size_t end = begin + 1;
        const ViewNode& first = view_.nodes[begin];
        while (end < view_.nodes.size() && end - begin < kRows &&
               same_column(first, view_.nodes[end]))
          ++end;
        if (is_outside(first) == outside) x += column(begin, end, x, bottom) + kColumnGap;
        begin = end;
      }
    }
    width_ = std::max(x - kColumnGap, kMinimalWidth) + kMargin;
    height_ = bottom + kMargin;
  }

  static bool is_outside(const ViewNode& node) {
    return node.namespace_.empty() && node.endpoints == 0;
  }
  static bool same_column(const ViewNode& a, const ViewNode& b) {
    if (is_outside(a) != is_outside(b)) return false;
    return a.whole_namespace || a.namespace_ == b.namespace_;
  }

  int column(std::size_t begin, std::size_t end, int x, int& bottom) {
    std::size_t longest = 0;
    for (std::size_t i = begin; i < end; ++i)
      longest = std::max(longest, label_of(view_.nodes[i]).size());
    const int width =
        std::max(kMinimalWidth, static_cast<int>(longest) * kCharacter + 2 * kCharacter);
    std::string title = view_.nodes[begin].namespace_;
    if (view_.nodes[begin].whole_namespace) title = "namespaces";
    if (is_outside(view_.nodes[begin])) title = "outside";
    headers_ += "<text class=\"h\"" + attribute("x", x) + attribute("y", kHeader) + ">" +
                escape_xml(cut(title)) + "</text>\n";
    for (std::size_t i = begin; i < end; ++i) {
      const int y = kHeader + kMargin + static_cast<int>(i - begin) * kRowStep;
      boxes_[i] = {x, y, width};
      bottom = std::max(bottom, y + kNodeHeight);
    }
    return width;
  }

  static std::string draw(const ViewNode& node, const Box& box) {
    return "<g><title>" + escape_xml(node.label) + "</title><rect class=\"n\" rx=\"4\"" +
           attribute("x", box.x) + attribute("y", box.y) + attribute("width", box.width) +
           attribute("height", kNodeHeight) + "/><text" + attribute("x", box.x + kCharacter) +
           attribute("y", box.y + 17) + ">" + escape_xml(label_of(node)) + "</text></g>\n";
  }

  std::string draw(const ViewEdge& edge) const {
    const Box& from = boxes_[edge.from];
    const Box& to = boxes_[edge.to];
    const PortFlags flags = edge.ports.all_flags();
    const char* style = (flags & kAuthenticated) != 0  ? " auth"
                        : !parser_names(flags).empty() ? " l7"
                                                       : "";
    const int x1 = from.x + from.width;
    const int y1 = from.y + kNodeHeight / 2;
    int x2 = to.x;
    const int y2 = to.y + kNodeHeight / 2;
    int bend = kColumnGap / 2;
    if (x2 < x1) {  // backwards or in the same column: around the right side
      x2 = to.x + to.width;
      bend = 40 + std::abs(y2 - y1) / 6;
    }
    const int second = x2 == to.x ? x2 - bend : x2 + bend;
    const auto at = [](int x, int y) { return std::to_string(x) + " " + std::to_string(y); };
    return "<path class=\"e" + std::string(style) + "\" marker-end=\"url(#arrow)\" d=\"M" +
           at(x1, y1) + "C" + at(x1 + bend, y1) + " " + at(second, y2) + " " + at(x2, y2) +
           "\"><title>" +
           escape_xml(view_.nodes[edge.from].label + " \xe2\x86\x92 " + view_.nodes[edge.to].label +
                      ": " + edge.ports.to_string()) +
           "</title></path>\n";
  }

  const View& view_;
  std::vector<Box> boxes_;  // by node
  std::string headers_;
  int width_ = 0;
  int height_ = 0;
};

}  // namespace

std::string to_svg(const Graph& graph, const Selection& selection, std::size_t max_edges) {
  const View view = make_view(graph, selection, max_edges);
  return Drawing(view).run();
}

}  // namespace policyc::graph
