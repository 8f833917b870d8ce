#pragma once
// A graph of policies and pods, with everything that it points into.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/ir/builder.h"
#include "compiler/passes/pass.h"
#include "compiler/policy/address_book.h"
#include "compiler/scenario/scenario.h"

namespace policyc::graph::testing {

class Built {
 public:
  // Endpoints whose policy cannot be computed are left out of the cluster.
  explicit Built(scenario::Case source) : source_(std::move(source)) {
    prepared_ = std::make_unique<scenario::Prepared>(source_, "");
    make_shapes();
    Input input{{}, source_.cluster, prepared_->resolved(), source_.options};
    for (const auto& [shape, users] : shapes_) input.shapes.push_back({&*shape, users});
    graph_ = build(input);
  }
  Built(const Built&) = delete;
  Built& operator=(const Built&) = delete;

  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] const policy::Cluster& cluster() const { return source_.cluster; }
  [[nodiscard]] const scenario::Case& source() const { return source_; }
  [[nodiscard]] const policy::Resolved& resolved() const { return prepared_->resolved(); }

  // The unit of an endpoint by its full name, or of a node or prefix by one of its members.
  [[nodiscard]] UnitId unit(const std::string& name) const {
    for (std::size_t i = 0; i < source_.cluster.endpoints.size(); ++i) {
      if (source_.cluster.endpoints[i].full_name() == name) return *graph_.unit_of_endpoint(i);
    }
    for (UnitId id = graph_.first_node; id < graph_.units.size(); ++id) {
      for (const std::string& member : graph_.units[id].members) {
        if (member == name) return id;
      }
    }
    throw std::out_of_range("no unit has " + name);
  }
  [[nodiscard]] std::string ports(const std::string& from, const std::string& to) const {
    return graph_.ports[graph_.connection(unit(from), unit(to))].to_string();
  }

 private:
  void make_shapes() {
    std::vector<policy::Endpoint> kept;
    std::map<std::string, std::size_t> by_hash;
    const policy::AddressBook book(source_.cluster, prepared_->resolved(), source_.options);
    for (const policy::Endpoint& endpoint : source_.cluster.endpoints) {
      const policy::LabelSet labels = book.subject_labels(endpoint);
      ir::Subject subject{endpoint.full_name(), &labels,       nullptr,
                          endpoint.namespace_,  endpoint.kind, &endpoint.ports};
      diag::Engine diagnostics;
      auto policy = ir::build({prepared_->resolved(), source_.cluster, true, prepared_->sources()},
                              subject, {source_.options, false}, diagnostics);
      passes::Report report;
      if (diagnostics.has_errors() || passes::run(policy, report) != passes::Outcome::Done)
        continue;
      policy.subject.clear();
      auto shape = ir::make_shape(policy);
      const auto [found, is_new] = by_hash.try_emplace(shape.hash, shapes_.size());
      if (is_new)
        shapes_.emplace_back(std::make_unique<ir::Shape>(std::move(shape)),
                             std::vector<std::size_t>());
      shapes_[found->second].second.push_back(kept.size());
      kept.push_back(endpoint);
    }
    source_.cluster.endpoints = std::move(kept);
  }

  scenario::Case source_;
  std::unique_ptr<scenario::Prepared> prepared_;
  std::vector<std::pair<std::unique_ptr<ir::Shape>, std::vector<std::size_t>>> shapes_;
  Graph graph_;
};

}  // namespace policyc::graph::testing
