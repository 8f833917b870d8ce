#include "loader/agent/endpoints.h"

#include <algorithm>
#include <utility>

namespace policyc::agent {

using reconcile::EndpointState;
using reconcile::Registration;

void Endpoints::want(const Registration& registration) {
  reconcile::WantedEndpoint wanted;
  wanted.key = registration.key();
  wanted.interface = registration.host_interface;
  wanted.interface_index = registration.interface_index;
  wanted.addresses = registration.addresses;
  wanted.mac = registration.mac;
  wanted.audit = hooks_.audit();
  reconciler_.put(std::move(wanted));
}

void Endpoints::restore() {
  for (const auto& [key, registration] : registry_.all()) {
    want(registration);
    if (!has_interface(registration)) reconciler_.set_gone(key);
  }
}

void Endpoints::add(Registration registration, TimePoint deadline, Reply reply) {
  const auto refuse = [&reply](ApiCode code, std::string message) {
    reply(ApiError{code, std::move(message)});
  };
  const std::string key = registration.key();
  if (leaving_.contains(key)) return refuse(ApiCode::Unavailable, key + " is being removed");
  registration.interface_index = hooks_.interface_index(registration.host_interface);
  if (registration.interface_index == 0) {
    return refuse(ApiCode::InvalidArgument, "there is no interface " + registration.host_interface);
  }
  const auto conflicts = registry_.conflicts(registration);
  for (const auto& [other, message] : conflicts) {
    const auto* other_status = reconciler_.status(other);
    const bool gone = other_status != nullptr && other_status->state == EndpointState::Gone;
    if (leaving_.contains(other) || (!gone && has_interface(*registry_.find(other))))
      return refuse(ApiCode::AlreadyExists, message);
  }
  for (const auto& [other, message] : conflicts) {
    reconciler_.remove(other);
    registry_.erase(other);
  }
  const Registration* known = registry_.find(key);
  const auto* status = reconciler_.status(key);
  const bool is_new = known == nullptr;
  const bool is_gone = status != nullptr && status->state == EndpointState::Gone;
  const bool is_same = known != nullptr && *known == registration && !is_gone;
  if (!is_same) {
    registry_.put(registration);
    want(registration);
  }
  waiters_.push_back({key, deadline, is_new, std::move(reply)});
  hooks_.changed();
}

void Endpoints::forget(const std::string& key, TimePoint deadline, Reply reply) {
  const Registration* known = registry_.find(key);
  if (known == nullptr) return reply(std::nullopt);
  Leaving& leaving = leaving_[key];
  leaving.interface = known->host_interface;
  leaving.waiters.emplace_back(deadline, std::move(reply));
  reconciler_.remove(key);
  hooks_.changed();
}

void Endpoints::remove(const std::string& key, TimePoint deadline,
                       std::function<void(bool, const std::optional<ApiError>&)> reply) {
  const bool existed = registry_.find(key) != nullptr;
  if (!existed) return reply(false, std::nullopt);
  forget(key, deadline,
         [reply = std::move(reply)](const std::optional<ApiError>& error) { reply(true, error); });
}

std::optional<ApiError> Endpoints::check(const std::string& key,
                                         reconcile::NodeActions& actions) const {
  const Registration* known = registry_.find(key);
  const auto* status = reconciler_.status(key);
  if (known == nullptr || status == nullptr)
    return ApiError{ApiCode::NotFound, "there is no endpoint " + key};
  const auto wrong = [](std::string message) {
    return ApiError{ApiCode::FailedPrecondition, std::move(message)};
  };
  if (!has_interface(*known)) return wrong("its interface " + known->host_interface + " is gone");
  const auto& loaded = reconciler_.actual().endpoints;
  const auto found = loaded.find(status->id);
  if (found == loaded.end() || found->second.record.interface_index != known->interface_index)
    return wrong(status->error.empty() ? "its policy is not enforced yet" : status->error);
  const auto missing = actions.check(found->second.record);
  if (!missing) return ApiError{ApiCode::Unavailable, missing.error().message};
  if (!missing->empty()) return wrong(*missing);
  return std::nullopt;
}

std::vector<std::string> Endpoints::stale(const std::string& network,
                                          const std::vector<std::string>& valid) const {
  std::vector<std::string> keys;
  for (const auto& [key, registration] : registry_.all()) {
    if (registration.network == network && std::ranges::find(valid, key) == valid.end())
      keys.push_back(key);
  }
  return keys;
}

void Endpoints::check_interfaces() {
  bool changed = false;
  for (const auto& [key, registration] : registry_.all()) {
    const auto* status = reconciler_.status(key);
    if (status == nullptr || status->state == EndpointState::Gone) continue;
    if (has_interface(registration)) continue;
    reconciler_.set_gone(key);
    changed = true;
  }
  if (changed) hooks_.changed();
}

const worker::LocalEndpoints& Endpoints::local() {
  if (local_ && local_version_ == reconciler_.wanted_version()) return local_;
  std::vector<worker::LocalEndpoint> result;
  for (const auto& [key, registration] : registry_.all()) {
    if (reconciler_.wanted(key) == nullptr) continue;
    result.push_back({key, registration.pod_namespace, registration.pod_name, registration.labels,
                      registration.addresses});
  }
  local_ = std::make_shared<const std::vector<worker::LocalEndpoint>>(std::move(result));
  local_version_ = reconciler_.wanted_version();
  return local_;
}

std::optional<ApiError> Endpoints::failure_of(const Waiter& waiter, TimePoint now) const {
  const auto* status = reconciler_.status(waiter.key);
  if (status == nullptr) return ApiError{ApiCode::Unavailable, "it was removed meanwhile"};
  if (status->state == EndpointState::Gone)
    return ApiError{ApiCode::InvalidArgument, "its interface is gone"};
  if (status->failures != 0) return ApiError{ApiCode::Unavailable, status->error};
  if (now >= waiter.deadline) return ApiError{ApiCode::Unavailable, "it took too long"};
  return std::nullopt;
}

void Endpoints::settle_waiters(TimePoint now, std::vector<std::function<void()>>& replies) {
  for (std::size_t i = 0; i < waiters_.size();) {
    const auto* status = reconciler_.status(waiters_[i].key);
    const bool ready = status != nullptr && status->state == EndpointState::Ready;
    const auto failure = ready ? std::nullopt : failure_of(waiters_[i], now);
    if (!ready && !failure) {
      ++i;
      continue;
    }
    const Waiter waiter = std::move(waiters_[i]);
    waiters_.erase(waiters_.begin() + static_cast<std::ptrdiff_t>(i));
    if (failure && waiter.created && !leaving_.contains(waiter.key)) {
      // Answered when nothing of it is left.
      forget(waiter.key, TimePoint::max(),
             [reply = waiter.reply, failure](const std::optional<ApiError>&) { reply(failure); });
    } else {
      replies.emplace_back([reply = waiter.reply, failure] { reply(failure); });
    }
  }
}

void Endpoints::settle_leaving(TimePoint now, std::vector<std::function<void()>>& replies) {
  for (auto entry = leaving_.begin(); entry != leaving_.end();) {
    Leaving& leaving = entry->second;
    const bool loaded = reconciler_.is_loaded(leaving.interface);
    const ApiError late{ApiCode::Unavailable,
                        "its policy could not be taken off: " + reconciler_.node_error()};
    std::erase_if(leaving.waiters, [&](const auto& waiter) {
      if (loaded && now < waiter.first) return false;
      replies.emplace_back([reply = waiter.second, loaded, late] {
        reply(loaded ? std::optional(late) : std::nullopt);
      });
      return true;
    });
    if (loaded) {
      ++entry;
      continue;
    }
    registry_.erase(entry->first);
    entry = leaving_.erase(entry);
  }
}

std::optional<TimePoint> Endpoints::settle(TimePoint now) {
  std::vector<std::function<void()>> replies;
  settle_waiters(now, replies);
  settle_leaving(now, replies);
  // Removals are on disk before anybody is told. A failure is tried again with the next change; it
  // only means that a start finds endpoints whose interfaces are gone.
  static_cast<void>(registry_.flush().has_value());
  for (const auto& reply : replies) reply();
  std::optional<TimePoint> next;
  const auto consider = [&next](TimePoint time) {
    if (time != TimePoint::max() && (!next || time < *next)) next = time;
  };
  for (const Waiter& waiter : waiters_) consider(waiter.deadline);
  for (const auto& [key, leaving] : leaving_) {
    for (const auto& waiter : leaving.waiters) consider(waiter.first);
  }
  return next;
}

void Endpoints::cancel(const std::string& why) {
  const auto waiters = std::exchange(waiters_, {});
  const auto leaving = std::exchange(leaving_, {});
  const ApiError error{ApiCode::Unavailable, why};
  for (const Waiter& waiter : waiters) waiter.reply(error);
  for (const auto& [key, one] : leaving) {
    for (const auto& [deadline, reply] : one.waiters) reply(error);
  }
}

}  // namespace policyc::agent
