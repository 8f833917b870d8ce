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

grpc::Status Service::on_loop(const char* method, std::function<grpc::Status()> work) {
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
  grpc::Status status = answer.get();
  metrics_.api_call(method, std::to_string(status.error_code()), seconds_since(start));
  return status;
}

grpc::ServerUnaryReactor* Service::refuse(grpc::CallbackServerContext* context,
                                          const std::string& why) const {
  auto* reactor = context->DefaultReactor();
  reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT, why});
  return reactor;
}

grpc::Status Service::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                v1::Status* reply) {
  const auto status = on_loop("GetStatus", [this, reply] {
    *reply = status_view(agent_);
    return grpc::Status::OK;
  });
  if (!status.ok()) return status;
  reply->set_version(version_);
  reply->set_started(started_);
  if (const auto count = endpoint::count_identities(paths_)) reply->set_identities(*count);
  if (const auto maps = maps_view(paths_)) *reply->mutable_maps() = maps->maps();
  return status;
}

grpc::Status Service::GetConfig(grpc::ServerContext*, const v1::GetConfigRequest*,
                                v1::Config* reply) {
  return on_loop("GetConfig", [this, reply] {
    reply->set_json(to_json(agent_.config()));
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* Service::AddEndpoint(grpc::CallbackServerContext* context,
                                               const v1::AddEndpointRequest* request,
                                               v1::Endpoint* reply) {
  auto registration = registration_of(*request);
  if (!registration) return refuse(context, registration.error().message);
  auto* reactor = context->DefaultReactor();
  const std::string key = registration->key();
  loop_.post([this, reactor, reply, key, start = Clock::now(), deadline = deadline_of(*context),
              registration = std::move(*registration)]() mutable {
    agent_.add_endpoint(std::move(registration), deadline,
                        [this, reactor, reply, key, start](const std::optional<ApiError>& error) {
                          const grpc::Status status = to_status(error);
                          if (status.ok()) *reply = endpoint_view(agent_, key);
                          metrics_.api_call("AddEndpoint", std::to_string(status.error_code()),
                                            seconds_since(start));
                          reactor->Finish(status);
                        });
  });
  return reactor;
}

grpc::ServerUnaryReactor* Service::DeleteEndpoint(grpc::CallbackServerContext* context,
                                                  const v1::EndpointRef* request,
                                                  v1::DeleteEndpointResponse* reply) {
  const auto key = key_of(*request);
  if (!key) return refuse(context, key.error().message);
  auto* reactor = context->DefaultReactor();
  loop_.post(
      [this, reactor, reply, key = *key, start = Clock::now(), deadline = deadline_of(*context)] {
        agent_.remove_endpoint(
            key, deadline,
            [this, reactor, reply, start](bool existed, const std::optional<ApiError>& error) {
              const grpc::Status status = to_status(error);
              reply->set_existed(existed);
              metrics_.api_call("DeleteEndpoint", std::to_string(status.error_code()),
                                seconds_since(start));
              reactor->Finish(status);
            });
      });
  return reactor;
}

grpc::ServerUnaryReactor* Service::CollectEndpoints(grpc::CallbackServerContext* context,
                                                    const v1::CollectEndpointsRequest* request,
                                                    v1::CollectEndpointsResponse* reply) {
  std::vector<std::string> valid;
  for (const v1::EndpointRef& ref : request->valid()) {
    const auto key = key_of(ref);
    if (!key) return refuse(context, key.error().message);
    valid.push_back(*key);
  }
  auto* reactor = context->DefaultReactor();
  loop_.post([this, reactor, reply, valid = std::move(valid), network = request->network(),
              deadline = deadline_of(*context)] {
    struct Collecting {
      std::size_t left = 1;  // this one
      std::optional<ApiError> error;
    };
    const auto state = std::make_shared<Collecting>();
    const auto finish_one = [state, reactor] {
      if (--state->left == 0) reactor->Finish(to_status(state->error));
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
  return reactor;
}

grpc::Status Service::CheckEndpoint(grpc::ServerContext*, const v1::EndpointRef* request,
                                    v1::Endpoint* reply) {
  const auto key = key_of(*request);
  if (!key) return {grpc::StatusCode::INVALID_ARGUMENT, key.error().message};
  return on_loop("CheckEndpoint", [this, reply, key = *key] {
    const auto error = agent_.check_endpoint(key);
    if (!error) *reply = endpoint_view(agent_, key);
    return to_status(error);
  });
}

grpc::Status Service::ListEndpoints(grpc::ServerContext*, const v1::ListRequest*,
                                    v1::EndpointList* reply) {
  return on_loop("ListEndpoints", [this, reply] {
    *reply = endpoints_view(agent_);
    return grpc::Status::OK;
  });
}

grpc::Status Service::ListPolicies(grpc::ServerContext*, const v1::ListRequest*,
                                   v1::PolicyList* reply) {
  return on_loop("ListPolicies", [this, reply] {
    *reply = policies_view(agent_);
    return grpc::Status::OK;
  });
}

grpc::Status Service::ListIdentities(grpc::ServerContext*, const v1::ListRequest*,
                                     v1::IdentityList* reply) {
  return take(identities_view(paths_), *reply);
}
grpc::Status Service::ListAddresses(grpc::ServerContext*, const v1::ListRequest*,
                                    v1::AddressList* reply) {
  return take(addresses_view(paths_), *reply);
}
grpc::Status Service::ListServices(grpc::ServerContext*, const v1::ListRequest*,
                                   v1::ServiceList* reply) {
  return take(services_view(paths_), *reply);
}
grpc::Status Service::ListMaps(grpc::ServerContext*, const v1::ListRequest*, v1::MapList* reply) {
  return take(maps_view(paths_), *reply);
}

}  // namespace policyc::agent
