#pragma once
// A node that remembers what was done to it.

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "loader/endpoint/shapes.h"
#include "loader/reconcile/node_actions.h"

namespace policyc::testing {

class FakeNode : public reconcile::NodeActions {
 public:
  [[nodiscard]] Result<reconcile::Actual> read() override { return actual; }
  [[nodiscard]] Result<reconcile::InventoryRef> read_inventory() override { return inventory; }

  [[nodiscard]] Result<std::vector<endpoint::LoadReport>> load(
      std::span<endpoint::LoadRequest> requests, const reconcile::InventoryRef& with) override {
    std::string line = "load";
    for (const auto& request : requests) line += " " + request.interface;
    if (with) line += " +inventory";
    log.push_back(line);
    for (const auto& request : requests) {
      if (bad.contains(request.interface)) return fail(request.interface + " is bad");
    }
    std::vector<endpoint::LoadReport> reports;
    for (const auto& request : requests) {
      std::erase_if(actual.endpoints, [&request](const auto& endpoint) {
        return endpoint.second.record.interface == request.interface;
      });
      endpoint::LoadReport report;
      report.endpoint_id = next_id++;
      report.interface_index = indices[request.interface];
      report.identity = 300;
      const auto shape = endpoint::read_shape(request.object);
      report.shape = shape ? endpoint::shape_key(*shape, request.object) : "";
      endpoint::EndpointRecord record;
      record.id = report.endpoint_id;
      record.interface = request.interface;
      record.interface_index = report.interface_index;
      record.addresses = request.addresses;
      record.labels = request.labels;
      record.shape = report.shape;
      record.audit = request.audit;
      record.mac = request.mac;
      actual.endpoints[record.id] = {record, true};
      reports.push_back(report);
    }
    actual.loaded = true;
    actual.dirty = actual.outdated = false;
    if (with) inventory = with;
    return reports;
  }

  [[nodiscard]] Result<endpoint::UpdateReport> update(
      endpoint::UpdateRequest request, const reconcile::InventoryRef& with) override {
    std::string line = "update";
    for (const std::uint16_t id : request.removed)
      line += " -" + actual.endpoints.at(id).record.interface;
    if (with) line += " +inventory";
    log.push_back(line);
    if (bad.contains("update")) return fail("no update");
    for (const std::uint16_t id : request.removed) actual.endpoints.erase(id);
    actual.dirty = actual.outdated = false;
    if (with) inventory = with;
    return endpoint::UpdateReport{};
  }

  [[nodiscard]] Result<reconcile::PeersReport> change_peers(
      const reconcile::InventoryRef&, const reconcile::InventoryRef& after) override {
    log.emplace_back("peers");
    if (bad.contains("peers")) return fail("no peers");
    inventory = after;
    reconcile::PeersReport report;
    if (bad.contains("room")) report.starved = {"shape"};
    return report;
  }
  [[nodiscard]] Result<std::string> check(const endpoint::EndpointRecord&) override {
    return missing;
  }

  // What was done since the last call.
  std::vector<std::string> take_log() { return std::exchange(log, {}); }

  reconcile::Actual actual;
  reconcile::InventoryRef inventory;
  std::set<std::string> bad;                     // interfaces, "update", "peers", "room"
  std::map<std::string, std::uint32_t> indices;  // of interfaces
  std::string missing;                           // what check() says
  std::vector<std::string> log;
  std::uint16_t next_id = 1;
};

}  // namespace policyc::testing
