#include "loader/agent/compiler.h"

namespace policyc::agent {
namespace {

class CompilerProcess : public Compiler {
 public:
  explicit CompilerProcess(std::unique_ptr<worker::Client> client) : client_(std::move(client)) {}

  [[nodiscard]] int fd() const override { return client_->fd(); }
  void put_file(std::string key, std::string name, std::string content) override {
    client_->put_file(std::move(key), std::move(name), std::move(content));
  }
  void remove_file(const std::string& key) override { client_->remove_file(key); }
  std::uint64_t resolve(worker::LocalEndpoints endpoints, bool everything) override {
    return client_->resolve(std::move(endpoints), everything);
  }
  std::uint64_t resolve_pods(worker::LocalEndpoints endpoints) override {
    return client_->resolve_pods(std::move(endpoints));
  }
  std::uint64_t compile(std::string shape, unsigned priority) override {
    return client_->compile(std::move(shape), priority);
  }
  [[nodiscard]] Result<std::vector<worker::Answer>> pump() override { return client_->pump(); }
  [[nodiscard]] bool ready() const override { return client_->ready(); }
  [[nodiscard]] worker::Statistics statistics() const override { return client_->statistics(); }

 private:
  std::unique_ptr<worker::Client> client_;
};

}  // namespace

Result<std::unique_ptr<Compiler>> start_compiler(const Config& config) {
  worker::Settings settings;
  settings.program = config.compiler;
  settings.options = config.options;
  settings.node_name = config.node_name;
  settings.node_zone = config.node_zone;
  settings.node_addresses = config.node_addresses;
  settings.threads = config.compile_threads;
  settings.maglev = config.maglev;
  settings.forwarding = config.forwarding;
  settings.nat46x64 = config.nat46x64;
  settings.limits.memory_bytes = config.compile_memory;
  auto client = worker::Client::start(std::move(settings));
  if (!client) return std::unexpected(client.error());
  return std::make_unique<CompilerProcess>(std::move(*client));
}

}  // namespace policyc::agent
