#pragma once
// One line of JSON for each measurement:
// {"name","value","unit","runs","spread","baseline","ratio"}. `value` is the median, `spread` the
// distance between the quartiles; baseline and ratio are null where nothing was measured beside it.

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace policyc::bench {

inline double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

inline void report(std::ostream& out, const std::string& name, const std::vector<double>& values,
                   const std::string& unit, std::optional<double> baseline = std::nullopt) {
  const double median = quantile(values, 0.5);
  out << std::setprecision(5) << "{\"name\":\"" << name << "\",\"value\":" << median
      << ",\"unit\":\"" << unit << "\",\"runs\":" << values.size()
      << ",\"spread\":" << quantile(values, 0.75) - quantile(values, 0.25) << ",\"baseline\":";
  if (baseline) {
    out << *baseline << ",\"ratio\":" << median / *baseline << "}\n";
  } else {
    out << "null,\"ratio\":null}\n";
  }
}

inline void report(const std::string& name, const std::vector<double>& values,
                   const std::string& unit, std::optional<double> baseline = std::nullopt) {
  report(std::cout, name, values, unit, baseline);
}

}  // namespace policyc::bench
