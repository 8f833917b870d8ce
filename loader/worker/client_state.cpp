#include "loader/worker/client_state.h"

#include <algorithm>

#include <poll.h>

namespace policyc::worker {
namespace {

// What is handed to the kernel at once; the rest waits as what it is, not as bytes.
constexpr std::size_t kMaxUnsent = std::size_t{1} << 20;

}  // namespace

Result<std::unique_ptr<Client::State>> Client::State::start(Settings settings) {
  if (settings.threads < 1 || settings.threads > 64)
    return fail("the compiler process has 1 to 64 threads");
  auto link = Link::open();
  if (!link) return std::unexpected(link.error());
  std::unique_ptr<State> state(new State(std::move(settings), std::move(*link)));
  state->start_process();
  while (true) {
    auto answers = state->pump();
    if (!answers) return std::unexpected(answers.error());
    for (const Answer& answer : *answers) {
      if (const auto* lost = std::get_if<Lost>(&answer)) return fail(lost->message);
    }
    if (state->phase_ == Phase::Ready) return state;
    pollfd wait{state->fd(), POLLIN, 0};
    (void)::poll(&wait, 1, -1);
  }
}

void Client::State::put_file(std::string key, std::string name, std::string content) {
  std::vector<FileResult> results;
  if (content.size() > kMaxFileBytes) {
    answers_.push_back(
        FileResult{std::move(key), false, name + " has more than 64 MiB\n", false, false});
  } else if (auto version = files_.put(key, std::move(name), std::move(content), results)) {
    if (phase_ == Phase::Ready) tasks_.push_back(TellFile{std::move(key), std::move(version)});
  }
  add_results(std::move(results));
  go_on();
}

void Client::State::remove_file(const std::string& key) {
  if (!files_.remove(key)) return;
  if (phase_ == Phase::Ready) tasks_.push_back(Removal{key});
  go_on();
}

std::uint64_t Client::State::resolve(LocalEndpoints endpoints, bool everything) {
  return add({.endpoints = std::move(endpoints), .everything = everything});
}

std::uint64_t Client::State::resolve_pods(LocalEndpoints endpoints) {
  return add({.endpoints = std::move(endpoints), .only_pods = true});
}

std::uint64_t Client::State::add(Resolution resolution) {
  if (!resolution.endpoints)
    resolution.endpoints = std::make_shared<const std::vector<LocalEndpoint>>();
  const std::uint64_t id = resolution.id = next_id_++;
  ++counts_.requests;
  tasks_.emplace_back(std::move(resolution));
  go_on();
  link_.flush();
  // Nothing else may make the descriptor readable until the answer comes, or is late.
  (void)link_.wake_at(next_wake());
  return id;
}

std::uint64_t Client::State::compile(std::string shape, unsigned priority) {
  const std::uint64_t id = next_id_++;
  ++counts_.requests;
  const auto blame = shape_blame_.find(shape);
  if (blame != shape_blame_.end() && blame->second >= kMaxBlame) {
    --counts_.requests;
    answers_.push_back(
        Failed{id, FailureReason::Quarantined, "the compiler process ended of this shape"});
  } else if (!shapes_.contains(shape)) {
    --counts_.requests;
    answers_.push_back(
        Failed{id, FailureReason::UnknownShape, "the shape is not of the last resolution"});
  } else {
    waiting_.emplace(QueueKey{-static_cast<std::int64_t>(priority), id},
                     Compilation{id, std::move(shape), priority, {}});
  }
  go_on();
  return id;
}

Statistics Client::State::statistics() const {
  Statistics result = counts_;
  result.files = files_.size();
  result.quarantined = files_.quarantined();
  return result;
}

Result<std::vector<Answer>> Client::State::pump() {
  if (phase_ == Phase::Down && Clock::now() >= restart_at_) start_process();
  take_messages();
  check_deadlines();
  send_tasks();
  std::vector<Answer> answers = std::exchange(answers_, {});
  if (auto set = link_.wake_at(next_wake()); !set) {
    answers_ = std::move(answers);
    return std::unexpected(set.error());
  }
  return answers;
}

void Client::State::start_process() {
  ++counts_.starts;
  const std::vector<std::string> arguments = {std::to_string(settings_.limits.memory_bytes),
                                              std::to_string(settings_.limits.cpu_seconds)};
  phase_ = Phase::Starting;
  told_endpoints_ = nullptr;
  if (auto started = link_.start(settings_.program, arguments); !started)
    return lose(started.error().message);
  send(Introduction{});
}

// The process is in its sandbox: it is told the files.
void Client::State::introduced() {
  phase_ = Phase::Ready;
  std::deque<Task> tasks;
  for (TellFile& file : files_.retell(careful_)) {
    const bool probe = careful_ && !file.version->proven;
    tasks.emplace_back(file);
    if (probe) tasks.emplace_back(Resolution{0, last_endpoints_, false, std::move(file)});
  }
  // Resolutions that were asked for meanwhile.
  std::ranges::move(tasks_, std::back_inserter(tasks));
  tasks_ = std::move(tasks);
}

void Client::State::take_messages() {
  if (!link_.up()) return;
  Link::Exchange exchange = link_.exchange();
  for (const std::string& message : exchange.messages) {
    if (const std::string wrong = take(message); !wrong.empty()) return lose("it sent " + wrong);
  }
  if (!exchange.broken.empty()) lose(exchange.broken);
}

// What is wrong with a message; empty: nothing.
std::string Client::State::take(std::string_view message) {
  auto incoming = read_reply(message);
  if (!incoming) return incoming.error().message;
  std::string wrong;
  if (!underway_.empty() && underway_.front().wire_id == incoming->id) {
    wrong = finish(underway_.front().task, *incoming);
    if (!wrong.empty()) return wrong;  // it is still underway, and lost with the process
    underway_.pop_front();
    since_ = Clock::now();
  } else {
    const auto compilation = compiling_.find(incoming->id);
    if (compilation == compiling_.end()) return "a reply that nobody asked for";
    wrong = finish_compilation(compilation->second, *incoming);
    if (!wrong.empty()) return wrong;
    compiling_.erase(compilation);
  }
  if (underway_.empty() && compiling_.empty()) alone_ = false;
  return {};
}

std::string Client::State::finish(Task& task, Incoming& incoming) {
  if (auto* resolution = std::get_if<Resolution>(&task))
    return finish_resolution(*resolution, incoming);
  if (std::holds_alternative<Introduction>(task)) {
    if (!incoming.error.empty()) return "a refusal of its configuration: " + incoming.error;
    introduced();
    return {};
  }
  backoff_ = {};
  const auto* told = std::get_if<TellFile>(&task);
  if (told == nullptr) return {};
  auto* result = std::get_if<FileResult>(&incoming.body);
  if (result == nullptr || result->key != told->key) return "something else than the file's result";
  std::vector<FileResult> results;
  files_.answered(*told, *result, counts_.starts, results);
  add_results(std::move(results));
  return {};
}

std::string Client::State::finish_resolution(Resolution& task, Incoming& incoming) {
  backoff_ = {};
  auto* resolved = std::get_if<Resolved>(&incoming.body);
  if (resolved == nullptr && incoming.error.empty()) return "something else than a resolution";
  if (resolved != nullptr) {
    const bool same = resolved->same_subjects
                          ? task.same_endpoints
                          : std::ranges::equal(*task.endpoints, resolved->endpoints, {},
                                               &LocalEndpoint::key, &ResolvedEndpoint::key);
    if (!same) return "a resolution of other endpoints";
    if (task.everything && !resolved->everything) return "less than everything";
    if (std::string wrong = take_inventory(*resolved, incoming.inventory); !wrong.empty())
      return wrong;
    // A probe is over well; so is the care when none is left.
    const bool more = std::ranges::any_of(tasks_, [](const Task& other) {
      const auto* probe = std::get_if<Resolution>(&other);
      return probe != nullptr && probe->suspect;
    });
    const bool probes_underway = std::ranges::any_of(underway_, [&task](const Underway& other) {
      const auto* probe = std::get_if<Resolution>(&other.task);
      return probe != nullptr && probe != &task && probe->suspect;
    });
    if (!more && !probes_underway) {
      careful_ = false;
      resolve_blame_ = 0;
    }
    files_.resolved(counts_.starts);
  }
  if (task.id == 0) {
    tell_everything_ = true;  // what it said has gone unheard
    return {};
  }
  --counts_.requests;
  if (resolved == nullptr && task.only_pods && incoming.more_than_pods) {
    tell_everything_ = tell_everything_ || task.everything;
    answers_.push_back(Failed{task.id, FailureReason::MoreThanPods, std::move(incoming.error)});
    return {};
  }
  if (resolved == nullptr) {
    tell_everything_ = true;
    answers_.push_back(Failed{task.id, FailureReason::Refused, std::move(incoming.error)});
    return {};
  }
  resolved->id = task.id;
  if (!resolved->same_subjects) know_shapes(*resolved);
  answers_.push_back(std::move(*resolved));
  return {};
}

void Client::State::know_shapes(const Resolved& resolved) {
  shapes_.clear();
  for (const ResolvedEndpoint& endpoint : resolved.endpoints) {
    if (!endpoint.shape.empty()) shapes_.insert(endpoint.shape);
  }
  std::erase_if(shape_blame_, [this](const auto& item) { return !shapes_.contains(item.first); });
}

// The inventory of before stays what it is: whoever has it goes on using it.
std::string Client::State::take_inventory(Resolved& resolved,
                                          const endpoint::InventoryChange& change) {
  if (change.empty() && !resolved.everything) return {};
  auto now = resolved.everything || !inventory_
                 ? std::make_shared<endpoint::Inventory>()
                 : std::make_shared<endpoint::Inventory>(*inventory_);
  if (const auto applied = endpoint::apply(change, *now); !applied)
    return "an inventory that is wrong: " + applied.error().message;
  inventory_ = resolved.inventory = std::move(now);
  return {};
}

std::string Client::State::finish_compilation(const Compilation& task, Incoming& incoming) {
  backoff_ = {};
  auto* compiled = std::get_if<Compiled>(&incoming.body);
  if (compiled == nullptr && incoming.error.empty()) return "something else than an object";
  --counts_.requests;
  shape_blame_.erase(task.shape);
  if (compiled != nullptr) {
    answers_.push_back(Compiled{task.id, task.shape, std::move(compiled->object)});
  } else {
    const auto reason =
        incoming.unknown_shape ? FailureReason::UnknownShape : FailureReason::Refused;
    answers_.push_back(Failed{task.id, reason, std::move(incoming.error)});
  }
  return {};
}

bool Client::State::is_suspect(const Task& task) const {
  const auto* told = std::get_if<TellFile>(&task);
  return told != nullptr && told->version->suspect();
}

// As much as the process can have at once. What it died of before it gets alone.
void Client::State::send_tasks() {
  while (phase_ == Phase::Ready && !alone_ && link_.unsent() < kMaxUnsent) {
    const bool idle = underway_.empty() && compiling_.empty();
    if (!tasks_.empty()) {
      const bool suspect = is_suspect(tasks_.front());
      if (suspect && !idle) break;
      alone_ = suspect;
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      send(std::move(task));
    } else if (!waiting_.empty() && compiling_.size() < settings_.threads) {
      const bool suspect = shape_blame_.contains(waiting_.begin()->second.shape);
      if (suspect && !idle) break;
      alone_ = suspect;
      send(waiting_.extract(waiting_.begin()).mapped());
    } else {
      break;
    }
  }
}

// Answers that came without the process make the descriptor readable.
void Client::State::go_on() {
  send_tasks();
  if (!answers_.empty()) (void)link_.wake_at(Clock::now());
}

void Client::State::send(Task task) {
  const std::uint64_t id = next_wire_id_++;
  if (auto* told = std::get_if<TellFile>(&task)) {
    std::string room;
    const FileVersion& version = *told->version;
    link_.send(put_request(id, told->key, version.name, version.content.unpack(room)));
  } else if (auto* removal = std::get_if<Removal>(&task)) {
    link_.send(remove_request(id, removal->key));
  } else if (auto* resolution = std::get_if<Resolution>(&task)) {
    resolution->everything = resolution->everything || tell_everything_;
    if (resolution->id != 0) {
      tell_everything_ = false;
      last_endpoints_ = resolution->endpoints;
    }
    resolution->same_endpoints = told_endpoints_ == resolution->endpoints;
    told_endpoints_ = resolution->endpoints;
    link_.send(
        resolve_request(id, {resolution->same_endpoints ? nullptr : resolution->endpoints.get(),
                             resolution->everything, resolution->only_pods}));
  } else {
    link_.send(configure_request(id, settings_));
  }
  if (underway_.empty()) since_ = Clock::now();
  underway_.push_back({id, std::move(task)});
}

void Client::State::send(const Compilation& compilation) {
  const std::uint64_t id = next_wire_id_++;
  link_.send(compile_request(id, compilation.shape, compilation.priority));
  compiling_.emplace(id, compilation).first->second.sent = Clock::now();
}

std::optional<Clock::time_point> Client::State::next_wake() const {
  if (!answers_.empty()) return Clock::now();
  if (phase_ == Phase::Down) return restart_at_;
  std::optional<Clock::time_point> first;
  if (!underway_.empty()) first = since_ + limit_of(underway_.front().task);
  for (const auto& [id, compilation] : compiling_) {
    const auto end = compilation.sent + settings_.limits.compile;
    if (!first || end < *first) first = end;
  }
  return first;
}

void Client::State::add_results(std::vector<FileResult> results) {
  std::ranges::move(results, std::back_inserter(answers_));
}

}  // namespace policyc::worker
