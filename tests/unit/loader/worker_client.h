#pragma once
// An agent's event loop around worker::Client, for tests.

#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "loader/worker/client.h"

namespace policyc::worker {

inline Settings test_settings() {
  Settings settings;
  settings.program = POLICYC_COMPILERD;
  // A loaded machine is slow; a test that hangs fails by its own time limit.
  settings.limits.start = settings.limits.file = settings.limits.resolve = settings.limits.compile =
      std::chrono::minutes(2);
  settings.limits.first_backoff = std::chrono::milliseconds(5);
  return settings;
}

inline LocalEndpoints pod_endpoints(const std::vector<std::string>& names) {
  std::vector<LocalEndpoint> endpoints;
  for (const std::string& name : names) endpoints.push_back({name, "shop", name, {}, {}});
  return std::make_shared<const std::vector<LocalEndpoint>>(std::move(endpoints));
}

class Agent {
 public:
  explicit Agent(const Settings& settings = test_settings()) {
    auto client = Client::start(settings);
    if (!client) {
      ADD_FAILURE() << client.error().message;
      std::abort();
    }
    client_ = std::move(*client);
  }

  Client& client() { return *client_; }
  // The key is the file's name.
  void put(const std::string& key, const std::string& text) { client_->put_file(key, key, text); }

  // Waits a little for something to do, and does it.
  void turn(int milliseconds = 5) {
    pollfd wait{client_->fd(), POLLIN, 0};
    (void)::poll(&wait, 1, milliseconds);
    auto answers = client_->pump();
    ASSERT_TRUE(answers) << answers.error().message;
    for (Answer& answer : *answers) answers_.push_back(std::move(answer));
  }
  void until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "no answer";
      turn(1000);
    }
  }

  const std::vector<Answer>& answers() const { return answers_; }
  void forget_answers() { answers_.clear(); }
  const Resolved* resolved(std::uint64_t id) const { return find<Resolved>(id); }
  const Failed* failed(std::uint64_t id) const { return find<Failed>(id); }
  bool answered(std::uint64_t id) const {
    return resolved(id) != nullptr || failed(id) != nullptr || find<Compiled>(id) != nullptr;
  }
  std::vector<std::string> losses() const {
    std::vector<std::string> messages;
    for (const Answer& answer : answers_) {
      if (const auto* lost = std::get_if<Lost>(&answer)) messages.push_back(lost->message);
    }
    return messages;
  }
  bool has_file(const std::string& key) const { return find_file(key) != nullptr; }
  FileResult file(const std::string& key) {
    until([&] { return has_file(key); });
    return *find_file(key);
  }

  Resolved resolve(const std::vector<std::string>& pods) {
    const auto id = client_->resolve(pod_endpoints(pods));
    until([&] { return answered(id); });
    if (const auto* answer = failed(id)) {
      ADD_FAILURE() << answer->message;
      return {};
    }
    return *resolved(id);
  }
  // Asks again as often as the process is lost.
  Resolved resolve_at_last(const std::vector<std::string>& pods) {
    while (true) {
      const auto id = client_->resolve(pod_endpoints(pods));
      until([&] { return answered(id); });
      if (::testing::Test::HasFatalFailure()) return {};
      if (const auto* answer = resolved(id)) return *answer;
    }
  }
  std::vector<std::uint8_t> compile(const std::string& shape) {
    const auto id = client_->compile(shape, 1);
    until([&] { return answered(id); });
    if (const auto* answer = failed(id)) ADD_FAILURE() << answer->message;
    const auto* compiled = find<Compiled>(id);
    return compiled == nullptr ? std::vector<std::uint8_t>{} : compiled->object;
  }
  Failed failure_of(std::uint64_t id) {
    until([&] { return answered(id); });
    if (const auto* answer = failed(id)) return *answer;
    ADD_FAILURE() << "it did not fail";
    return {};
  }

 private:
  template <class T>
  const T* find(std::uint64_t id) const {
    for (const Answer& answer : answers_) {
      const auto* one = std::get_if<T>(&answer);
      if (one != nullptr && one->id == id) return one;
    }
    return nullptr;
  }
  // The last one.
  const FileResult* find_file(const std::string& key) const {
    const FileResult* found = nullptr;
    for (const Answer& answer : answers_) {
      const auto* one = std::get_if<FileResult>(&answer);
      if (one != nullptr && one->key == key) found = one;
    }
    return found;
  }

  std::unique_ptr<Client> client_;
  std::vector<Answer> answers_;
};

}  // namespace policyc::worker
