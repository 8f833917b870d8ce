#include "tests/kernel/soak/world.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "tests/kernel/ageing.h"
#include "tests/kernel/answers.h"
#include "tests/kernel/fuzz/duel.h"
#include "tests/kernel/fuzz/sequence.h"
#include "tests/kernel/soak/entries.h"

namespace policyc::soak {
namespace {

using kernel_test::kAlice;
using kernel_test::kAllowedClass;
using kernel_test::kBob;
using kernel_test::Neighbours;
using packet_fuzz::reason_name;
using reference::Tuple;

std::uint8_t flags_of(const reference::Connection& connection) {
  return static_cast<std::uint8_t>((connection.reply_seen ? CT_SEEN_REPLY : 0U) |
                                   (connection.closed_by_beginner ? CT_CLOSING_ORIG : 0U) |
                                   (connection.closed_by_other ? CT_CLOSING_REPLY : 0U));
}

std::string name(Who who) { return who == kAlice ? "Alice" : "Bob"; }

// What history says of a packet.
std::string words(const Bytes& frame, std::uint32_t action, const event& drop) {
  const std::uint8_t flags = reference::parse(frame).tcp_flags;
  std::string text;
  for (const auto& [flag, letter] :
       {std::pair{1, 'F'}, {2, 'S'}, {4, 'R'}, {8, 'P'}, {16, '.'}, {32, 'U'}}) {
    if ((flags & flag) != 0) text += letter;
  }
  text = (text.empty() ? "" : " " + text) + ", " + std::to_string(frame.size()) + " bytes: ";
  if (action == POLICYC_DROP)
    return text + reason_name(static_cast<policyc_drop_reason>(drop.reason)) +
           (drop.direction == POLICYC_INGRESS ? " (ingress)" : " (egress)");
  return text + (action == static_cast<std::uint32_t>(POLICYC_PASS) ? "passes" : "delivered");
}

}  // namespace

World::World() {
  for (const Who who : {kAlice, kBob}) {
    reference::Model& own = model(who);
    own.endpoint.ipv4 = reference::Address::of(Neighbours::address(who, 4).c_str());
    own.endpoint.ipv6 = reference::Address::of(Neighbours::address(who, 6).c_str());
    own.node.world4_class = own.node.world6_class = kernel_test::kUnknownClass;
    own.policy = packet_fuzz::policy_of(kernel_test::Policy::Matrix);
  }
  for (const Who who : {kAlice, kBob}) set_class(who, kAllowedClass);
  set_outside_class(kAllowedClass);
  set_local_delivery(true);
  clock_ = node_.datapath().ticks_now();
}

void World::raise_epoch(const std::string& why) {
  history_.note(why);
  node_.change(flags_);
  for (reference::Model& each : models_) each.node.epoch = node_.epoch();
}

void World::set_class(Who who, std::uint32_t peer_class) {
  node_.set_class(who, peer_class);
  for (reference::Model& each : models_) {
    for (const int family : {4, 6})
      each.ip_cache.set(reference::Address::of(Neighbours::address(who, family).c_str()),
                        peer_class);
  }
  raise_epoch("class of " + name(who) + ": " + std::to_string(peer_class));
}

void World::set_outside_class(std::uint32_t peer_class) {
  for (const int family : {4, 6}) {
    node_.datapath().set_peer(outside(family).c_str(), peer_class);
    for (reference::Model& each : models_)
      each.ip_cache.set(reference::Address::of(outside(family).c_str()), peer_class);
  }
  raise_epoch("class outside: " + std::to_string(peer_class));
}

void World::set_audit(Who who, bool audit) {
  endpoint_value value = node_.endpoint(who);
  value.flags = audit ? ENDPOINT_AUDIT : 0;
  node_.set_endpoint(who, value);
  model(who).endpoint.audit = audit;
  raise_epoch("audit of " + name(who) + ": " + std::to_string(audit));
}

void World::set_local_delivery(bool on) {
  flags_ = on ? NODE_LOCAL_DELIVERY : 0;
  raise_epoch("local delivery: " + std::to_string(on));
}

World::Observed World::run(Hook hook, Who who, const Bytes& frame) {
  Observed observed;
  observed.action = node_.run(hook, who, frame).action;
  std::size_t drops = 0;
  for (const event& record : node_.datapath().drain_events()) {
    if (record.type != EVENT_DROP) continue;
    ++drops;
    observed.drop = record;
  }
  const bool dropped = observed.action == POLICYC_DROP;
  if (drops != (dropped ? 1U : 0U))
    throw Wrong("returned " + std::to_string(observed.action) + " with " + std::to_string(drops) +
                " drop events");
  return observed;
}

void World::expect_verdict(const char* whose, policyc_drop_reason must, std::uint8_t is,
                           const Tuple& tuple) const {
  if (must != is)
    throw Wrong(std::string(whose) + ": must be " + reason_name(must) + ", is " +
                reason_name(static_cast<policyc_drop_reason>(is)) + history_.of(tuple));
}

World::Fate World::send(Who from, const Bytes& frame) {
  const Observed seen = run(Hook::FromEndpoint, from, frame);
  const Who to = kernel_test::other(from);
  const Tuple tuple = tuple_in(frame, POLICYC_EGRESS);
  history_.note(tuple, name(from) + " sends" + words(frame, seen.action, seen.drop));
  if (seen.action == POLICYC_DROP && seen.drop.direction == POLICYC_INGRESS) {
    // The sender knows nothing of what the receiver refused.
    ++counts_.refused;
    if (seen.drop.endpoint_id != Neighbours::id(to)) throw Wrong("refused by nobody");
    reference::Model sender = model(from);
    expect_verdict("sender, before its receiver", sender.receive(frame, POLICYC_EGRESS).reason,
                   DROP_NONE, tuple);
    expect_verdict("receiver, asked by its sender",
                   model(to).receive(frame, POLICYC_INGRESS).reason, seen.drop.reason, tuple);
    return Fate::Dropped;
  }
  const policyc_drop_reason sent = model(from).receive(frame, POLICYC_EGRESS).reason;
  switch (seen.action) {
    case POLICYC_DROP:
      ++counts_.dropped;
      if (seen.drop.endpoint_id != Neighbours::id(from)) throw Wrong("dropped by nobody");
      expect_verdict("sender", sent, seen.drop.reason, tuple);
      return Fate::Dropped;
    case static_cast<std::uint32_t>(POLICYC_PASS):
      ++counts_.passed;
      expect_verdict("sender", sent, DROP_NONE, tuple);
      return Fate::OnItsWay;
    case kernel_test::kRedirected:
      ++counts_.delivered;
      expect_verdict("sender of what is delivered", sent, DROP_NONE, tuple);
      expect_verdict("receiver of what is delivered",
                     model(to).receive(frame, POLICYC_INGRESS).reason, DROP_NONE, tuple);
      return Fate::Delivered;
    default:
      throw Wrong("returned " + std::to_string(seen.action));
  }
}

bool World::arrive(Who to, const Bytes& frame) {
  const Observed seen = run(Hook::ToEndpoint, to, frame);
  if (seen.action != static_cast<std::uint32_t>(POLICYC_PASS) && seen.action != POLICYC_DROP)
    throw Wrong("to_endpoint returned " + std::to_string(seen.action));
  const Tuple tuple = tuple_in(frame, POLICYC_INGRESS);
  history_.note(tuple, "arrives at " + name(to) + words(frame, seen.action, seen.drop));
  ++(seen.action == static_cast<std::uint32_t>(POLICYC_PASS) ? counts_.passed : counts_.dropped);
  expect_verdict("receiver", model(to).receive(frame, POLICYC_INGRESS).reason, seen.drop.reason,
                 tuple);
  return seen.action == static_cast<std::uint32_t>(POLICYC_PASS);
}

void World::pause(const Bytes& frame, policyc_direction direction) {
  const Tuple tuple = tuple_in(frame, direction);
  if (auto value = lookup(node_.datapath(), tuple)) {
    value->refreshed -= static_cast<std::uint32_t>(2 * kernel_test::ticks_per_second());
    update(node_.datapath(), tuple, *value);
  }
}

bool World::is_linked(const Bytes& frame, policyc_direction direction) const {
  const Tuple tuple = tuple_in(frame, direction);
  const auto value = lookup(node_.datapath(), tuple);
  return value && value->deliver_to != 0;
}

const reference::Connection* World::known(Who who, const Bytes& frame,
                                          policyc_direction direction) const {
  return models_[number(who)].find(tuple_in(frame, direction));
}

void World::age(std::uint64_t seconds) {
  history_.note("age " + std::to_string(seconds));
  follow_clock();
  kernel_test::age_connections(node_.datapath(), seconds);
  for (reference::Model& each : models_) each.advance(seconds);
}

void World::follow_clock() {
  const std::uint64_t now = node_.datapath().ticks_now();
  const std::uint64_t passed = now - clock_;
  clock_ = now;
  if (passed > 4 * kernel_test::ticks_per_second()) throw Wrong("too slow to follow the clock");
  if (passed == 0) return;
  edit_all(node_.datapath(), [passed](ct_value& value) {
    value.expires += passed;
    value.refreshed += static_cast<std::uint32_t>(passed);
  });
}

void World::compare_entry(Who who, const Tuple& tuple,
                          const reference::Connection& connection) const {
  const std::string whose = name(who) + ": ";
  const auto value = lookup(node_.datapath(), tuple);
  if (!value) throw Wrong(whose + "an entry that lives is gone" + history_.of(tuple));
  if (value->direction != connection.began) throw Wrong(whose + "who began" + history_.of(tuple));
  if (value->policy_epoch != connection.epoch)
    throw Wrong(whose + "epoch of an entry" + history_.of(tuple));
  if (value->decision != static_cast<std::uint32_t>(connection.decision))
    throw Wrong(whose + "decision of an entry" + history_.of(tuple));
  if (value->flags != flags_of(connection))
    throw Wrong(whose + "flags of an entry: must be " + std::to_string(flags_of(connection)) +
                ", are " + std::to_string(value->flags) + history_.of(tuple));
}

void World::collect_and_compare() {
  follow_clock();
  const kernel_test::Datapath& datapath = node_.datapath();
  counts_.most_entries = std::max<std::uint64_t>(counts_.most_entries, datapath.connections());
  counts_.collected += remove_expired(datapath, clock_);
  std::size_t living = 0;
  for (const Who who : {kAlice, kBob}) {
    for (const auto& [tuple, connection] : model(who).connections()) {
      if (model(who).find(tuple) == nullptr) continue;
      ++living;
      compare_entry(who, tuple, connection);
    }
  }
  if (datapath.connections() != living)
    throw Wrong(std::to_string(datapath.connections()) + " entries, must be " +
                std::to_string(living));
  const auto left = [](const auto& table) {
    for (const auto& bucket : table.buckets()) {
      if (bucket.head.lock != 0) throw Wrong("a lock is left");
    }
  };
  left(datapath.entries4().table());
  left(datapath.entries6().table());
}

}  // namespace policyc::soak
