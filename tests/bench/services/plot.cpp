#include "tests/bench/services/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "tests/bench/report.h"

namespace policyc::bench {
namespace {

constexpr double kWidth = 760, kHeight = 420;
constexpr double kLeft = 70, kRight = 230, kTop = 40, kBottom = 50;
constexpr std::array kColours = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf"};
constexpr double kLabelHeight = 14;

struct Point {
  double services, microseconds;
};
using Lines = std::vector<std::pair<std::string, std::vector<Point>>>;

// A logarithmic axis from whole decades or halves of them.
class Axis {
 public:
  Axis(double least, double most, double from, double to)
      : low_(std::floor(std::log10(least) * 2) / 2),
        high_(std::max(std::ceil(std::log10(most) * 2) / 2, low_ + 0.5)),
        from_(from),
        to_(to) {}

  [[nodiscard]] double at(double value) const {
    return from_ + (std::log10(value) - low_) / (high_ - low_) * (to_ - from_);
  }
  // 1, 2 and 5 of each decade.
  [[nodiscard]] std::vector<double> marks() const {
    std::vector<double> result;
    for (double decade = std::floor(low_); decade <= high_; ++decade) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        const double value = digit * std::pow(10, decade);
        if (std::log10(value) >= low_ - 1e-9 && std::log10(value) <= high_ + 1e-9)
          result.push_back(value);
      }
    }
    return result;
  }

 private:
  double low_, high_, from_, to_;
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string text_at(double x, double y, const std::string& attributes, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + attributes + ">" + text +
         "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, const std::string& colour) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\" stroke=\"" + colour + "\"/>\n";
}

Lines lines_of(const std::vector<Measured>& results) {
  Lines lines;
  for (const Measured& one : results) {
    auto found = std::find_if(lines.begin(), lines.end(),
                              [&](const auto& it) { return it.first == one.implementation; });
    if (found == lines.end()) found = lines.insert(lines.end(), {one.implementation, {}});
    found->second.push_back({static_cast<double>(one.services), quantile(one.connect_p50_us, 0.5)});
  }
  for (auto& [name, points] : lines) {
    std::sort(points.begin(), points.end(),
              [](const Point& a, const Point& b) { return a.services < b.services; });
  }
  return lines;
}

std::string axes(const Axis& x, const Axis& y) {
  const double bottom = kHeight - kBottom, right = kWidth - kRight;
  std::string svg;
  for (const double mark : y.marks()) {
    svg += line(kLeft, y.at(mark), right, y.at(mark), "#e0e0e0");
    svg += text_at(kLeft - 8, y.at(mark) + 4, "text-anchor=\"end\"", number(mark));
  }
  for (const double mark : x.marks()) {
    svg += line(x.at(mark), bottom, x.at(mark), bottom + 5, "#404040");
    svg += text_at(x.at(mark), bottom + 20, "text-anchor=\"middle\"", number(mark));
  }
  svg += line(kLeft, kTop, kLeft, bottom, "#404040");
  svg += line(kLeft, bottom, right, bottom, "#404040");
  svg += text_at((kLeft + right) / 2, kHeight - 10, "text-anchor=\"middle\"", "Services");
  const double middle = (kTop + bottom) / 2;
  svg += text_at(18, middle,
                 "text-anchor=\"middle\" transform=\"rotate(-90 18 " + number(middle) + ")\"",
                 "connect(2), median, microseconds");
  return svg;
}

// The label of a line stands at its end; labels that would cover each other move down.
std::string labels(const Lines& lines, const Axis& y) {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < lines.size(); ++i)
    order.emplace_back(y.at(lines[i].second.back().microseconds), i);
  std::sort(order.begin(), order.end());
  std::string svg;
  double free = 0;
  for (const auto& [height, i] : order) {
    const double at = std::max(height + 4, free);
    free = at + kLabelHeight;
    svg += text_at(
        kWidth - kRight + 10, at, "fill=\"" + std::string(kColours[i % kColours.size()]) + "\"",
        lines[i].first + " " + number(std::round(lines[i].second.back().microseconds * 10) / 10));
  }
  return svg;
}

}  // namespace

std::string plot_connect(const std::vector<Measured>& results) {
  const Lines lines = lines_of(results);
  double least_x = 1e9, most_x = 1, least_y = 1e9, most_y = 0;
  for (const auto& [name, points] : lines) {
    for (const Point& point : points) {
      least_x = std::min(least_x, point.services);
      most_x = std::max(most_x, point.services);
      least_y = std::min(least_y, point.microseconds);
      most_y = std::max(most_y, point.microseconds);
    }
  }
  const Axis x(least_x, most_x, kLeft, kWidth - kRight),
      y(least_y, most_y, kHeight - kBottom, kTop);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(kWidth) +
                    " " + number(kHeight) +
                    "\" font-family=\"sans-serif\" font-size=\"12\">\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  svg += text_at(kLeft, 22, "font-size=\"14\"", "Time to connect to the last of N services");
  svg += axes(x, y);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string colour = kColours[i % kColours.size()];
    std::string path, dots;
    for (const Point& point : lines[i].second) {
      const std::string px = number(x.at(point.services)), py = number(y.at(point.microseconds));
      path += px + "," + py + " ";
      dots += "<circle cx=\"" + px + "\" cy=\"" + py + "\" r=\"3.5\" fill=\"" + colour + "\"/>\n";
    }
    svg += "<polyline points=\"" + path + "\" fill=\"none\" stroke-width=\"2\" stroke=\"" + colour +
           "\"/>\n" + dots;
  }
  return svg + labels(lines, y) + "</svg>\n";
}

}  // namespace policyc::bench
