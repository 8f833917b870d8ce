#pragma once
// /metrics and pages of health over HTTP, on threads of their own.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "compiler/support/result.h"

namespace policyc::agent {

struct Health {
  bool healthy = false;
  std::string text;
};

class HttpServer {
 public:
  // `address` is [HOST]:PORT; port 0: any free one. Called on the server's threads: `metrics` gives
  // the text of /metrics (empty: no such page), each of `checks`, by its path, an answer (200,
  // 503).
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(
      const std::string& address, std::function<std::string()> metrics,
      const std::map<std::string, std::function<Health()>>& checks);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  [[nodiscard]] int port() const { return port_; }

 private:
  struct Server;
  explicit HttpServer(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
  int port_ = 0;
};

}  // namespace policyc::agent
