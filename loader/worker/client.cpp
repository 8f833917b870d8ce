#include "loader/worker/client.h"

#include "loader/worker/client_state.h"

namespace policyc::worker {

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::start(Settings settings) {
  auto state = State::start(std::move(settings));
  if (!state) return std::unexpected(state.error());
  return std::unique_ptr<Client>(new Client(std::move(*state)));
}

int Client::fd() const { return state_->fd(); }

void Client::put_file(std::string key, std::string name, std::string content) {
  state_->put_file(std::move(key), std::move(name), std::move(content));
}

void Client::remove_file(const std::string& key) { state_->remove_file(key); }

std::uint64_t Client::resolve(LocalEndpoints endpoints, bool everything) {
  return state_->resolve(std::move(endpoints), everything);
}

std::uint64_t Client::resolve_pods(LocalEndpoints endpoints) {
  return state_->resolve_pods(std::move(endpoints));
}

std::uint64_t Client::compile(std::string shape, unsigned priority) {
  return state_->compile(std::move(shape), priority);
}

Result<std::vector<Answer>> Client::pump() { return state_->pump(); }

int Client::pid() const { return state_->pid(); }
bool Client::ready() const { return state_->ready(); }
Statistics Client::statistics() const { return state_->statistics(); }

}  // namespace policyc::worker
