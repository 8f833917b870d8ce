#pragma once
// /metrics and /healthz over HTTP, on threads of their own.

#include <functional>
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
  // the text, `health` the answer of /healthz (200 or 503). Empty functions: no such page.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(
      const std::string& address, std::function<std::string()> metrics,
      std::function<Health()> health);
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
