// Any line is a flow, nothing, or an error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "compiler/flows/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace policyc;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const auto flow = flows::read_flow(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!flow && flow.error().message.empty()) std::abort();
    if (!flow || !*flow) continue;
    const flows::FlowRecord& record = **flow;
    if (record.reply && record.begins) std::abort();
    if (record.source.to_string().empty() && record.source.pod.empty() &&
        record.source.names.empty())
      std::abort();
    (void)record.destination.to_string();
  }
  return 0;
}
