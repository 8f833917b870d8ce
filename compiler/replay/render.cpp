#include <nlohmann/json.hpp>

#include "compiler/explain/rule_text.h"
#include "compiler/replay/replay.h"

namespace policyc::replay {
namespace {

using Json = nlohmann::ordered_json;

std::string change_name(Change change) {
  return change == Change::NewlyDenied ? "newly denied" : "newly allowed";
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

std::string to_text(const Report& report, explain::Printer printer) {
  std::string out;
  std::size_t denied = 0;
  std::size_t allowed = 0;
  for (const Group& group : report.groups) {
    (group.change == Change::NewlyDenied ? denied : allowed) += group.count;
    const auto tint = group.change == Change::NewlyDenied ? diag::Tint::Red : diag::Tint::Magenta;
    out += printer.paint(change_name(group.change) + ":", tint) + " " + group.source + " -> " +
           group.destination + " : " + explain::port_text(group.protocol, group.port);
    if (!group.request.empty()) out += " " + group.request;
    out += " (" + group.direction + ", " + counted(group.count, "flow") + ", first in line " +
           std::to_string(group.first_line) + ")\n  " + group.summary + "\n";
    printer.append_origins(out, 4, group.origins, tint);
  }
  out += counted(report.flows, "flow") + " decided again: " + std::to_string(denied) +
         " newly denied, " + std::to_string(allowed) + " newly allowed, " +
         std::to_string(report.same) + " the same, " + std::to_string(report.undecided) +
         " for a proxy to decide; " + std::to_string(report.skipped) + " skipped\n";
  return out;
}

std::string to_json(const Report& report) {
  Json out = {{"schemaVersion", 1},        {"flows", report.flows},
              {"same", report.same},       {"undecided", report.undecided},
              {"skipped", report.skipped}, {"groups", Json::array()}};
  for (const Group& group : report.groups) {
    Json one = {{"change", group.change == Change::NewlyDenied ? "newlyDenied" : "newlyAllowed"},
                {"source", group.source},
                {"destination", group.destination},
                {"direction", group.direction},
                {"protocol", ir::ir_protocol_name(static_cast<std::uint8_t>(group.protocol))},
                {"port", group.port},
                {"summary", group.summary},
                {"count", group.count},
                {"firstLine", group.first_line},
                {"origins", Json::array()}};
    if (!group.request.empty()) one["request"] = group.request;
    for (const ir::Origin& origin : group.origins) {
      one["origins"].push_back({{"object", origin.object},
                                {"path", origin.path},
                                {"file", origin.file},
                                {"line", origin.line}});
    }
    out["groups"].push_back(std::move(one));
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace policyc::replay
