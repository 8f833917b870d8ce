#include "loader/health/server.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <iterator>
#include <mutex>
#include <thread>

#include <httplib.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "loader/health/task_threads.h"

namespace policyc::health {
namespace {

// Checks come every few seconds from a few addresses.
constexpr std::size_t kRequestsAtOnce = 64;
constexpr std::chrono::seconds kPatience{2};  // with a client that dawdles
constexpr std::size_t kMostBytesOfABody = 4096;

std::string full_name(const service::HealthCheck& check) {
  return check.namespace_ + "/" + check.name;
}

std::string body_of(const service::HealthCheck& check, bool healthy) {
  return nlohmann::ordered_json{
      {"service", {{"namespace", check.namespace_}, {"name", check.name}}},
      {"localEndpoints", check.local_endpoints},
      {"serviceProxyHealthy", healthy}}
      .dump();
}

}  // namespace

// Shared with the thread that listens: a client that dawdles may hold that one longer than the
// port is open.
struct Listening {
  Listening(const service::HealthCheck& first, bool is_healthy)
      : check(first), healthy(is_healthy) {}

  void change(const service::HealthCheck& now, bool is_healthy) {
    const std::lock_guard lock(mutex);
    check = now;
    healthy = is_healthy;
  }

  void answer(httplib::Response& response) {
    const std::lock_guard lock(mutex);
    response.status = check.local_endpoints != 0 && healthy ? 200 : 503;
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("X-Load-Balancing-Endpoint-Weight", std::to_string(check.local_endpoints));
    response.set_content(body_of(check, healthy), "application/json");
  }

  // 0, or the errno of what fails.
  int bind() {
    http.new_task_queue = [] { return new TaskThreads(kRequestsAtOnce); };
    // Not SO_REUSEPORT, which httplib sets: a port that another process has is taken.
    http.set_socket_options([](socket_t socket) {
      const int on = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
    http.set_keep_alive_max_count(1);
    http.set_read_timeout(kPatience);
    http.set_write_timeout(kPatience);
    http.set_payload_max_length(kMostBytesOfABody);
    http.set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      answer(response);
      return httplib::Server::HandlerResponse::Handled;
    });
    errno = 0;
    if (http.bind_to_port("::", check.port)) return 0;
    // The kernel has no IPv6, or it is switched off.
    if (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) {
      errno = 0;
      if (http.bind_to_port("0.0.0.0", check.port)) return 0;
    }
    return errno == 0 ? EIO : errno;
  }

  // After bind().
  static void listen(const std::shared_ptr<Listening>& self) {
    std::thread([self] {
      self->http.listen_after_bind();
      const std::lock_guard lock(self->mutex);
      self->ended = true;
      self->changed.notify_all();
    }).detach();
    // stop() is heard by a server that runs only.
    while (!self->http.is_running() && !self->has_ended())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  bool has_ended() {
    const std::lock_guard lock(mutex);
    return ended;
  }

  // The port is free afterwards; answers that are under way go on.
  void close() { http.stop(); }

  void wait_until_ended(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex);
    changed.wait_until(lock, deadline, [this] { return ended; });
  }

 private:
  std::mutex mutex;  // of all but `http`
  std::condition_variable changed;
  service::HealthCheck check;
  bool healthy = true;
  bool ended = false;
  httplib::Server http;
};

namespace {

using Ports = std::map<std::uint16_t, std::shared_ptr<Listening>>;

void close_ports(const Ports& ports) {
  for (const auto& [port, listening] : ports) listening->close();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (const auto& [port, listening] : ports) listening->wait_until_ended(deadline);
}

}  // namespace

Server::Server() = default;
Server::~Server() { stop(); }

std::vector<Problem> Server::apply(std::span<const service::HealthCheck> wanted) {
  std::vector<service::HealthCheck> sorted(wanted.begin(), wanted.end());
  std::ranges::sort(sorted, {}, full_name);
  wanted_.clear();
  refused_.clear();
  for (const service::HealthCheck& check : sorted) {
    const auto [first, is_first] = wanted_.emplace(check.port, check);
    if (!is_first)
      refused_.push_back(
          {check.port, full_name(check), "it is the port of " + full_name(first->second)});
  }
  Ports unwanted;
  for (auto one = open_.begin(); one != open_.end();) {
    const auto next = std::next(one);
    if (!wanted_.contains(one->first)) unwanted.insert(open_.extract(one));
    one = next;
  }
  close_ports(unwanted);
  for (const auto& [port, listening] : open_) listening->change(wanted_.at(port), healthy_);
  return retry();
}

std::vector<Problem> Server::retry() {
  std::vector<Problem> problems = refused_;
  // The kernel may refuse a server further connections, which ends it.
  std::erase_if(open_, [](const auto& one) { return one.second->has_ended(); });
  for (const auto& [port, check] : wanted_) {
    if (open_.contains(port)) continue;
    auto listening = std::make_shared<Listening>(check, healthy_);
    if (const int error = listening->bind(); error != 0) {
      problems.push_back({port, full_name(check), std::strerror(error)});
    } else {
      Listening::listen(listening);
      open_.emplace(port, std::move(listening));
    }
  }
  return problems;
}

void Server::set_proxy_healthy(bool healthy) {
  healthy_ = healthy;
  for (const auto& [port, listening] : open_) listening->change(wanted_.at(port), healthy);
}

void Server::stop() {
  wanted_.clear();
  refused_.clear();
  close_ports(open_);
  open_.clear();
}

std::vector<std::uint16_t> Server::ports() const {
  std::vector<std::uint16_t> ports;
  for (const auto& [port, listening] : open_) ports.push_back(port);
  return ports;
}

}  // namespace policyc::health
