#pragma once
// Replies that are well formed and say what cannot be.

#include <functional>
#include <vector>

#include <loader/worker/worker.pb.h>

namespace policyc::worker {

// The resolution is of one endpoint, with a service that has a set, a backend and a frontend.
inline const std::vector<std::function<void(wire::Resolved&)>>& wrong_resolutions() {
  using wire::Resolved;
  static const std::vector<std::function<void(Resolved&)>> kWrong = {
      [](Resolved& r) { r.mutable_endpoints(0)->set_key("another"); },
      [](Resolved& r) { r.set_same_subjects(true); },
      [](Resolved& r) {  // it was not asked with the list of before
        const std::string inventory = r.inventory();
        r.Clear();
        r.set_inventory(inventory);
        r.set_same_subjects(true);
      },
      [](Resolved& r) { r.clear_endpoints(); },
      [](Resolved& r) { *r.add_endpoints() = r.endpoints(0); },
      [](Resolved& r) { r.mutable_endpoints(0)->set_shape("../../etc/passwd"); },
      [](Resolved& r) { r.mutable_endpoints(0)->set_shape(""); },
      [](Resolved& r) { r.mutable_endpoints(0)->set_error("and a shape"); },
      [](Resolved& r) { r.mutable_endpoints(0)->clear_labels(); },
      [](Resolved& r) { r.mutable_endpoints(0)->mutable_labels(0)->set_source(""); },
      [](Resolved& r) { *r.mutable_endpoints(0)->add_labels() = r.endpoints(0).labels(0); },
      [](Resolved& r) { r.mutable_policies(0)->set_kind("Pod"); },
      [](Resolved& r) { r.set_inventory("{"); },
      [](Resolved& r) { r.set_inventory("{\"version\":1}"); },
      [](Resolved& r) { *r.add_services() = r.services(0); },
      [](Resolved& r) { r.mutable_services(0)->set_name(""); },
      [](Resolved& r) { r.add_removed_services(r.services(0).name()); },
      [](Resolved& r) { r.add_removed_services(""); },
      [](Resolved& r) { r.mutable_services(0)->mutable_frontends(0)->set_address("12345"); },
      [](Resolved& r) { r.mutable_services(0)->mutable_frontends(0)->set_address(""); },
      [](Resolved& r) { r.mutable_services(0)->mutable_frontends(0)->set_port(65536); },
      [](Resolved& r) { r.mutable_services(0)->mutable_frontends(0)->set_protocol(1); },
      [](Resolved& r) { r.mutable_services(0)->mutable_frontends(0)->set_protocol(256 + 6); },
      [](Resolved& r) { r.mutable_services(0)->mutable_frontends(0)->set_flags(1U << 31); },
      [](Resolved& r) { r.mutable_services(0)->mutable_frontends(0)->set_internal(1); },
      [](Resolved& r) { r.mutable_services(0)->mutable_frontends(0)->set_external(0xffffffff); },
      [](Resolved& r) {
        r.mutable_services(0)->mutable_frontends(0)->add_source_ranges("10.0.0.0");
      },
      [](Resolved& r) {
        r.mutable_services(0)->mutable_frontends(0)->add_source_ranges("2001:db8::/32");
      },
      [](Resolved& r) { *r.mutable_services(0)->add_frontends() = r.services(0).frontends(0); },
      [](Resolved& r) {
        r.mutable_services(0)->mutable_frontends(0)->set_address(std::string(16, '\1'));
      },
      [](Resolved& r) { r.mutable_services(0)->mutable_sets(0)->set_protocol(17); },
      [](Resolved& r) { r.mutable_services(0)->mutable_sets(0)->set_v6(true); },
      [](Resolved& r) {
        r.mutable_services(0)->mutable_sets(0)->mutable_backends(0)->set_address("123");
      },
      [](Resolved& r) {
        r.mutable_services(0)->mutable_sets(0)->mutable_backends(0)->set_port(70000);
      },
      [](Resolved& r) {
        r.mutable_services(0)->mutable_sets(0)->mutable_backends(0)->set_state(0);
      },
      [](Resolved& r) {
        r.mutable_services(0)->mutable_sets(0)->mutable_backends(0)->set_state(5);
      },
      [](Resolved& r) {
        r.mutable_services(0)->mutable_sets(0)->mutable_backends(0)->set_zone(65536);
      },
  };
  return kWrong;
}

// The replies that are no such resolution come first.
inline constexpr unsigned kOtherReplies = 4;
inline void make_wrong(unsigned number, wire::Reply& reply) {
  switch (number) {
    case 0:
      reply.set_id(reply.id() + 1000);
      return;
    case 1:
      return reply.set_error("with an answer");
    case 2:
      reply.mutable_compiled()->set_object("not asked for");
      return;
    case 3:
      reply.clear_resolved();
      return;
    default:
      wrong_resolutions().at(number - kOtherReplies)(*reply.mutable_resolved());
  }
}

}  // namespace policyc::worker
