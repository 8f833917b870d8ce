#include "loader/agent/service.h"

#include <chrono>
#include <future>
#include <memory>

#include "loader/agent/requests.h"
#include "loader/agent/views.h"
#include "loader/endpoint/state.h"

namespace policyc::agent {
namespace {

constexpr std::chrono::seconds kLoopPatience{15};

double seconds_since(TimePoint start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The caller's, on our clock, and a little earlier: our answer should reach it.
TimePoint deadline_of(const grpc::CallbackServerContext& context) {
  constexpr std::chrono::milliseconds kMargin{100};
  const auto deadline = context.deadline();
  const auto now = std::chrono::system_clock::now();
  if (deadline - now > std::chrono::hours(1)) return Clock::now() + std::chrono::hours(1);
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(deadline - now) - kMargin;
}

grpc::Status refused(const Error& error) {
  return {grpc::StatusCode::INVALID_ARGUMENT, error.message};
}

}  // namespace

Service::Service(Loop& loop, Agent& agent, Metrics& metrics, std::string version,
                 std::int64_t started)
    : loop_(loop),
      agent_(agent),
      metrics_(metrics),
      version_(std::move(version)),
      started_(started),
      paths_(agent.config().paths),
      node_name_(agent.config().node_name) {}

void Service::Call::finish(const grpc::Status& status) const {
  metrics->api_call(method, std::to_string(status.error_code()), seconds_since(start));
  reactor->Finish(status);
}

Service::Call Service::begin(grpc::CallbackServerContext* context, const char* method) {
  return {&metrics_, method, context->DefaultReactor()};
}

grpc::Status Service::counted(const char* method, const std::function<grpc::Status()>& work) {
  const TimePoint start = Clock::now();
  grpc::Status status = work();
  metrics_.api_call(method, std::to_string(status.error_code()), seconds_since(start));
  return status;
}

grpc::Status Service::on_loop(std::function<grpc::Status()> work) const {
  const TimePoint start = Clock::now();
  if (closed_) return {grpc::StatusCode::UNAVAILABLE, "the agent is stopping"};
  // Shared: the work may run after nobody waits for it any more, and must not touch the call then.
  struct Shared {
    std::mutex mutex;
    bool abandoned = false;
    std::promise<grpc::Status> answer;
  };
  const auto shared = std::make_shared<Shared>();
  auto answer = shared->answer.get_future();
  loop_.post([shared, work = std::move(work)] {
    const std::scoped_lock lock(shared->mutex);
    if (!shared->abandoned) shared->answer.set_value(work());
  });
  const auto until = start + kLoopPatience;
  while (answer.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
    if (!closed_ && Clock::now() < until) continue;
    const std::scoped_lock lock(shared->mutex);
    if (answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready) break;
    shared->abandoned = true;
    return {grpc::StatusCode::UNAVAILABLE, "the agent is busy"};
  }
  return answer.get();
}

grpc::Status Service::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                v1::Status* reply) {
  return counted("GetStatus", [&] {
    const auto status = on_loop([this, reply] {
      *reply = status_view(agent_);
      return grpc::Status::OK;
    });
    if (!status.ok()) return status;
    reply->set_version(version_);
    reply->set_started(started_);
    if (const auto count = endpoint::count_identities(paths_)) reply->set_identities(*count);
    if (const auto maps = maps_view(paths_)) *reply->mutable_maps() = maps->maps();
    return status;
  });
}

grpc::Status Service::GetConfig(grpc::ServerContext*, const v1::GetConfigRequest*,
                                v1::Config* reply) {
  return counted("GetConfig", [&] {
    return on_loop([this, reply] {
      reply->set_json(to_json(agent_.config()));
      return grpc::Status::OK;
    });
  });
}

grpc::ServerUnaryReactor* Service::AddEndpoint(grpc::CallbackServerContext* context,
                                               const v1::AddEndpointRequest* request,
                                               v1::Endpoint* reply) {
  const Call call = begin(context, "AddEndpoint");
  auto registration = registration_of(*request);
  if (!registration) {
    call.finish(refused(registration.error()));
    return call.reactor;
  }
  const std::string key = registration->key();
  loop_.post([this, call, reply, key, deadline = deadline_of(*context),
              registration = std::move(*registration)]() mutable {
    agent_.add_endpoint(std::move(registration), deadline,
                        [this, call, reply, key](const std::optional<ApiError>& error) {
                          const grpc::Status status = to_status(error);
                          if (status.ok()) *reply = endpoint_view(agent_, key);
                          call.finish(status);
                        });
  });
  return call.reactor;
}

grpc::ServerUnaryReactor* Service::DeleteEndpoint(grpc::CallbackServerContext* context,
                                                  const v1::EndpointRef* request,
                                                  v1::DeleteEndpointResponse* reply) {
  const Call call = begin(context, "DeleteEndpoint");
  const auto key = key_of(*request);
  if (!key) {
    call.finish(refused(key.error()));
    return call.reactor;
  }
  loop_.post([this, call, reply, key = *key, deadline = deadline_of(*context)] {
    agent_.remove_endpoint(key, deadline,
                           [call, reply](bool existed, const std::optional<ApiError>& error) {
                             reply->set_existed(existed);
                             call.finish(to_status(error));
                           });
  });
  return call.reactor;
}

grpc::ServerUnaryReactor* Service::CollectEndpoints(grpc::CallbackServerContext* context,
                                                    const v1::CollectEndpointsRequest* request,
                                                    v1::CollectEndpointsResponse* reply) {
  const Call call = begin(context, "CollectEndpoints");
  std::vector<std::string> valid;
  for (const v1::EndpointRef& ref : request->valid()) {
    const auto key = key_of(ref);
    if (!key) {
      call.finish(refused(key.error()));
      return call.reactor;
    }
    valid.push_back(*key);
  }
  loop_.post([this, call, reply, valid = std::move(valid), network = request->network(),
              deadline = deadline_of(*context)] {
    struct Collecting {
      std::size_t left = 1;  // this one
      std::optional<ApiError> error;
    };
    const auto state = std::make_shared<Collecting>();
    const auto finish_one = [state, call] {
      if (--state->left == 0) call.finish(to_status(state->error));
    };
    for (const std::string& key : agent_.endpoints().stale(network, valid)) {
      const v1::EndpointRef ref = endpoint_view(agent_, key).ref();
      ++state->left;
      agent_.remove_endpoint(
          key, deadline,
          [state, reply, ref, finish_one](bool, const std::optional<ApiError>& error) {
            if (error) {
              state->error = error;
            } else {
              *reply->add_removed() = ref;
            }
            finish_one();
          });
    }
    finish_one();
  });
  return call.reactor;
}

grpc::Status Service::CheckEndpoint(grpc::ServerContext*, const v1::EndpointRef* request,
                                    v1::Endpoint* reply) {
  return counted("CheckEndpoint", [&] {
    const auto key = key_of(*request);
    if (!key) return refused(key.error());
    return on_loop([this, reply, key = *key] {
      const auto error = agent_.check_endpoint(key);
      if (!error) *reply = endpoint_view(agent_, key);
      return to_status(error);
    });
  });
}

grpc::Status Service::ListEndpoints(grpc::ServerContext*, const v1::ListRequest*,
                                    v1::EndpointList* reply) {
  return counted("ListEndpoints", [&] {
    return on_loop([this, reply] {
      *reply = endpoints_view(agent_);
      return grpc::Status::OK;
    });
  });
}

grpc::Status Service::ListPolicies(grpc::ServerContext*, const v1::ListRequest*,
                                   v1::PolicyList* reply) {
  return counted("ListPolicies", [&] {
    return on_loop([this, reply] {
      *reply = policies_view(agent_);
      return grpc::Status::OK;
    });
  });
}

grpc::Status Service::ListIdentities(grpc::ServerContext*, const v1::ListRequest*,
                                     v1::IdentityList* reply) {
  return counted("ListIdentities", [&] { return take(identities_view(paths_), *reply); });
}
grpc::Status Service::ListAddresses(grpc::ServerContext*, const v1::ListRequest*,
                                    v1::AddressList* reply) {
  return counted("ListAddresses", [&] { return take(addresses_view(paths_), *reply); });
}
grpc::Status Service::ListServices(grpc::ServerContext*, const v1::ListRequest*,
                                   v1::ServiceList* reply) {
  return counted("ListServices", [&] { return take(services_view(paths_), *reply); });
}
grpc::Status Service::ListMaps(grpc::ServerContext*, const v1::ListRequest*, v1::MapList* reply) {
  return counted("ListMaps", [&] { return take(maps_view(paths_), *reply); });
}

}  // namespace policyc::agent
