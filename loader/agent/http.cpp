#include "loader/agent/http.h"

#include <chrono>
#include <thread>

#include <httplib.h>

namespace policyc::agent {

struct HttpServer::Server {
  httplib::Server http;
  std::thread thread;
};

HttpServer::HttpServer(std::unique_ptr<Server> server) : server_(std::move(server)) {}

HttpServer::~HttpServer() {
  server_->http.stop();
  if (server_->thread.joinable()) server_->thread.join();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(
    const std::string& address, std::function<std::string()> metrics,
    const std::map<std::string, std::function<Health()>>& checks) {
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) host = "::";
  const int port = std::stoi(address.substr(colon + 1));
  std::unique_ptr<HttpServer> server(new HttpServer(std::make_unique<Server>()));
  httplib::Server& http = server->server_->http;
  // Pages are small and readers few.
  http.new_task_queue = [] { return new httplib::ThreadPool(2); };
  http.set_payload_max_length(4096);
  http.set_keep_alive_max_count(16);
  if (metrics) {
    http.Get("/metrics", [metrics](const httplib::Request&, httplib::Response& response) {
      response.set_content(metrics(), "text/plain; version=0.0.4; charset=utf-8");
    });
  }
  for (const auto& [path, check] : checks) {
    http.Get(path, [check = check](const httplib::Request&, httplib::Response& response) {
      const Health answer = check();
      response.status = answer.healthy ? 200 : 503;
      response.set_content(answer.text, "text/plain; charset=utf-8");
    });
  }
  const auto bind = [&http, port](const std::string& where) {
    if (port == 0) return http.bind_to_any_port(where);
    return http.bind_to_port(where, port) ? port : -1;
  };
  server->port_ = bind(host);
  if (server->port_ < 0 && host == "::") server->port_ = bind("0.0.0.0");  // without IPv6
  if (server->port_ < 0) return fail("cannot listen on " + address);
  server->server_->thread = std::thread([&http] { http.listen_after_bind(); });
  // stop() before that would be forgotten.
  while (!http.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return server;
}

}  // namespace policyc::agent
