#include "cli/agent_status.h"

#include <chrono>
#include <ostream>

#include "cli/table.h"

namespace policyc::cli {
namespace {

std::string age_of(std::int64_t since_ns) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const std::int64_t seconds = std::max<std::int64_t>(0, now.count() - since_ns / 1'000'000'000);
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds / 3600) + " h";
}

void print(const v1::Status& status, std::ostream& out) {
  out << "policyd " << status.version() << ": "
      << (status.healthy() ? (status.synced() ? "healthy" : "waiting for the source")
                           : "NOT HEALTHY")
      << ", running for " << age_of(status.started()) << "\n";
  for (const v1::Component& component : status.components()) {
    if (component.healthy() && component.message().empty()) continue;
    out << "  " << component.name() << ": " << (component.healthy() ? "" : "FAILED: ")
        << component.message() << " (for " << age_of(component.since()) << ")\n";
  }
  out << "  policies " << status.policies() << ", revision " << status.revision()
      << (status.revision() == status.realized_revision()
              ? ", in force everywhere"
              : ", in force everywhere: " + std::to_string(status.realized_revision()))
      << "\n  endpoints";
  if (status.endpoints().empty()) out << " none";
  for (const auto& [state, count] : status.endpoints()) out << " " << count << " " << state;
  out << "\n  identities " << status.identities() << ", services " << status.services() << "\n";
  for (const v1::Map& map : status.maps()) {
    // What is nearly full is worth a line.
    if (map.capacity() == 0 || map.entries() * 4 < map.capacity() * 3) continue;
    out << "  map " << map.name() << " " << map.entries() << " of " << map.capacity() << "\n";
  }
  for (const v1::Refused& refused : status.refused()) {
    out << "  refused: " << refused.name()
        << (refused.last_good() ? " (an earlier version is in force)" : "") << "\n";
    out << refused.diagnostics();
    if (!refused.diagnostics().ends_with('\n')) out << "\n";
  }
}

}  // namespace

int print_agent_status(const std::filesystem::path& socket, const std::string& output,
                       Context& context) {
  api::Client client(socket);
  const auto status = client.status();
  if (!status) {
    context.err << "policyc: the node agent does not answer (" << to_string(status.error())
                << "); what is loaded is enforced all the same, see `policyc status --loaded`\n";
    return kUnreadable;
  }
  if (output == "json") {
    context.out << api::to_json(*status);
  } else {
    print(*status, context.out);
  }
  return status->healthy() ? kSuccess : kFindings;
}

}  // namespace policyc::cli
