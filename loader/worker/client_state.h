#pragma once
// What client.h hides: the requests underway, and what happens when the process is lost. Internal
// to loader/worker.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "loader/worker/client.h"
#include "loader/worker/client_messages.h"
#include "loader/worker/file_book.h"
#include "loader/worker/link.h"

namespace policyc::worker {

class Client::State {
 public:
  [[nodiscard]] static Result<std::unique_ptr<State>> start(Settings settings);

  [[nodiscard]] int fd() const { return link_.fd(); }
  void put_file(std::string key, std::string name, std::string content);
  void remove_file(const std::string& key);
  std::uint64_t resolve(LocalEndpoints endpoints, bool everything);
  std::uint64_t resolve_pods(LocalEndpoints endpoints);
  std::uint64_t compile(std::string shape, unsigned priority);
  [[nodiscard]] Result<std::vector<Answer>> pump();
  [[nodiscard]] int pid() const { return link_.pid(); }
  [[nodiscard]] bool ready() const { return phase_ == Phase::Ready; }
  [[nodiscard]] Statistics statistics() const;

 private:
  enum class Phase : std::uint8_t { Down, Starting, Ready };

  // What the process does one after the other.
  struct Introduction {};  // Configure
  struct Removal {
    std::string key;
  };
  struct Resolution {
    std::uint64_t id = 0;  // 0: a probe, nobody asked for it
    LocalEndpoints endpoints;
    bool everything = false;
    std::optional<TellFile> suspect{};  // what is probed
    bool only_pods = false;
    bool same_endpoints = false;  // they were not told
  };
  using Task = std::variant<Introduction, TellFile, Removal, Resolution>;
  struct Underway {
    std::uint64_t wire_id = 0;
    Task task;
  };
  // What it does beside that, several at once.
  struct Compilation {
    std::uint64_t id = 0;
    std::string shape;
    unsigned priority = 0;
    Clock::time_point sent;
  };
  // Largest priority first, then in their order.
  using QueueKey = std::pair<std::int64_t, std::uint64_t>;

  explicit State(Settings settings, Link link)
      : settings_(std::move(settings)), link_(std::move(link)) {}

  // client_state.cpp
  void start_process();
  void introduced();
  void take_messages();
  [[nodiscard]] std::string take(std::string_view message);
  [[nodiscard]] std::string finish(Task& task, Incoming& incoming);
  [[nodiscard]] std::string finish_resolution(Resolution& task, Incoming& incoming);
  void know_shapes(const Resolved& resolved);
  [[nodiscard]] std::string take_inventory(Resolved& resolved,
                                           const endpoint::InventoryChange& change);
  [[nodiscard]] std::string finish_compilation(const Compilation& task, Incoming& incoming);
  std::uint64_t add(Resolution resolution);
  void send_tasks();
  void go_on();
  void send(Task task);
  void send(const Compilation& compilation);
  [[nodiscard]] bool is_suspect(const Task& task) const;
  [[nodiscard]] std::optional<Clock::time_point> next_wake() const;
  void add_results(std::vector<FileResult> results);

  // client_loss.cpp
  void check_deadlines();
  [[nodiscard]] std::chrono::milliseconds limit_of(const Task& task) const;
  // Of one request that takes too long, or of whatever was underway.
  void lose(std::string why, std::optional<std::uint64_t> late = {});
  void blame_task(const Task& task, unsigned weight, const std::string& how);
  void doubt_files();
  void blame_shape(const std::string& shape, unsigned weight);
  void fail_requests(std::optional<std::uint64_t> late);

  Settings settings_;
  Link link_;
  Phase phase_ = Phase::Down;
  bool alone_ = false;  // what is underway must not have company: the process died of it before
  Clock::time_point since_{};       // the first task underway is what the process works at
  Clock::time_point restart_at_{};  // while Down
  std::chrono::milliseconds backoff_{};
  FileBook files_;
  std::deque<Task> tasks_;         // to be sent
  std::deque<Underway> underway_;  // in the order of their answers
  std::map<QueueKey, Compilation> waiting_;
  std::map<std::uint64_t, Compilation> compiling_;  // by wire id
  std::map<std::string, unsigned> shape_blame_;
  std::set<std::string> shapes_;  // of the last Resolved
  LocalEndpoints last_endpoints_ = std::make_shared<const std::vector<LocalEndpoint>>();
  LocalEndpoints told_endpoints_;  // to this process, last
  unsigned resolve_blame_ = 0;
  bool careful_ = false;  // files that are not proven are told one by one, each probed
  std::shared_ptr<const endpoint::Inventory> inventory_;  // of the last resolution
  bool tell_everything_ = true;  // the caller knows nothing of this process' answers
  std::uint64_t next_id_ = 1;
  std::uint64_t next_wire_id_ = 1;
  Statistics counts_;
  std::vector<Answer> answers_;
};

}  // namespace policyc::worker
