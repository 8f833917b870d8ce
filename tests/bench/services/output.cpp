#include "tests/bench/services/output.h"

#include <algorithm>
#include <iomanip>
#include <ostream>

#include "tests/bench/report.h"

namespace policyc::bench {
namespace {

using Values = std::vector<double>;

constexpr int kNameWidth = 26, kWidth = 15;

const Measured* direct_beside(const std::vector<Measured>& results, const Measured& one) {
  const auto found = std::find_if(results.begin(), results.end(), [&](const Measured& other) {
    return other.implementation == "direct" && other.services == one.services;
  });
  return found == results.end() ? nullptr : &*found;
}

double median(const Measured& one) { return quantile(one.connect_p50_us, 0.5); }

void print_value(const Values& values, int decimals, std::ostream& out) {
  out << std::setw(kWidth);
  if (values.empty()) {
    out << "-";
  } else {
    out << std::fixed << std::setprecision(decimals) << quantile(values, 0.5);
  }
}

}  // namespace

void print_table(const std::vector<Measured>& results, std::ostream& out) {
  out << std::setw(10) << "services" << "  " << std::left << std::setw(kNameWidth)
      << "implementation" << std::right;
  for (const char* title : {"connect p50 us", "p99 us", "x direct", "CRR/s", "RR/s", "load ms",
                            "CPU ms", "add one ms", "CPU ms", "kernel MiB"})
    out << std::setw(kWidth) << title;
  out << "\n";
  for (const Measured& one : results) {
    const Measured* direct = direct_beside(results, one);
    out << std::setw(10) << one.services << "  " << std::left << std::setw(kNameWidth)
        << one.implementation << std::right;
    print_value(one.connect_p50_us, 1, out);
    print_value(one.connect_p99_us, 1, out);
    print_value(direct == nullptr ? Values{} : Values{median(one) / median(*direct)}, 2, out);
    print_value(one.exchanges, 0, out);
    print_value(one.requests, 0, out);
    print_value(one.load_ms, 1, out);
    print_value(one.load_cpu_ms, 1, out);
    print_value(one.add_backend_ms, 1, out);
    print_value(one.add_backend_cpu_ms, 1, out);
    print_value(one.memory_mib, 1, out);
    out << "\n";
  }
}

void print_json(const std::vector<Measured>& results, std::ostream& out) {
  for (const Measured& one : results) {
    const std::string name =
        std::to_string(one.services) + " services, " + one.implementation + ", ";
    const Measured* beside = direct_beside(results, one);
    const Measured* direct = beside == &one ? nullptr : beside;
    const auto traffic = [&](const std::string& what, Values Measured::* values,
                             const std::string& unit) {
      if (direct != nullptr) {
        report(out, name + what, one.*values, unit, quantile(direct->*values, 0.5));
      } else {
        report(out, name + what, one.*values, unit);
      }
    };
    const auto alone = [&](const std::string& what, const Values& values, const std::string& unit) {
      if (!values.empty()) report(out, name + what, values, unit);
    };
    traffic("connect p50", &Measured::connect_p50_us, "us");
    traffic("connect p99", &Measured::connect_p99_us, "us");
    traffic("connect, request, response, close", &Measured::exchanges, "per second");
    traffic("request/response, 64 bytes", &Measured::requests, "per second");
    alone("load all", one.load_ms, "ms");
    alone("load all, CPU time", one.load_cpu_ms, "ms");
    alone("add one backend", one.add_backend_ms, "ms");
    alone("add one backend, CPU time", one.add_backend_cpu_ms, "ms");
    alone("kernel memory", one.memory_mib, "MiB");
  }
}

}  // namespace policyc::bench
