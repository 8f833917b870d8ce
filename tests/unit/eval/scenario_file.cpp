#include "tests/unit/eval/scenario_file.h"

#include <array>
#include <fstream>
#include <sstream>

#include <zlib.h>

namespace policyc::test {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string read_gzip(const std::string& path) {
  std::string out;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    return out;
  }
  std::array<char, 1U << 16U> buffer{};
  for (int count = 0; (count = gzread(file, buffer.data(), buffer.size())) > 0;) {
    out.append(buffer.data(), static_cast<std::size_t>(count));
  }
  gzclose(file);
  return out;
}

std::vector<std::string> failures_of(const scenario::Case& source) {
  std::vector<std::string> out;
  const scenario::Prepared prepared(source, source.id);
  for (const std::string& difference : scenario::case_differences(source, prepared)) {
    out.push_back(source.id + ": " + difference);
  }
  const auto results = scenario::reference_engine()(source, prepared);
  if (!results) {
    out.push_back(source.id + ": " + results.error().message);
    return out;
  }
  for (std::size_t i = 0; i < source.flows.size(); ++i) {
    if (!source.flows[i].expect) {
      continue;
    }
    for (const std::string& difference :
         scenario::differences(*source.flows[i].expect, (*results)[i])) {
      out.push_back(source.id + " flow " + std::to_string(i) + " (" +
                    scenario::describe(source.flows[i].flow) + "): " + difference);
    }
  }
  return out;
}

}  // namespace policyc::test
