#include "loader/testrun/object_programs.h"

#include <set>
#include <string>
#include <vector>

#include "loader/testrun/runner.h"

namespace policyc::testrun {
namespace {

// Below the number of classes that a runner has room for.
constexpr std::size_t kMaxPeers = 12000;

// What rows.h says when the verdict matrix of the kernel is full.
bool is_full(const Result<std::uint32_t>& answer) {
  return !answer && answer.error().message.find("no room") != std::string::npos;
}

}  // namespace

struct ObjectPrograms::State {
  std::unique_ptr<Runner> runner;
  std::set<policy::LabelSet> peers;  // that the runner has given a class

  Result<void> start() {
    auto created = Runner::create();
    if (!created) return std::unexpected(created.error());
    runner = std::move(*created);
    peers.clear();
    return {};
  }

  Result<std::uint32_t> ask_one(const ir::Shape& shape, const policy::LabelSet& peer,
                                const verify::Question& question) const {
    return runner->ask(shape.hash, peer,
                       {question.direction, question.protocol, question.port, question.ipv6});
  }

  Result<std::vector<Result<std::uint32_t>>> ask(const ir::Shape& shape,
                                                 std::span<const std::uint8_t> object,
                                                 const policy::LabelSet& peer,
                                                 std::span<const verify::Question> questions) {
    if (peers.size() >= kMaxPeers) {
      if (auto started = start(); !started) return std::unexpected(started.error());
    }
    if (auto loaded = runner->load(shape, object); !loaded) return std::unexpected(loaded.error());
    peers.insert(peer);
    std::vector<Result<std::uint32_t>> answers;
    answers.reserve(questions.size());
    for (const verify::Question& question : questions) {
      answers.push_back(ask_one(shape, peer, question));
      if (!is_full(answers.back()) || peers.size() == 1) continue;
      if (auto started = start(); !started) return std::unexpected(started.error());
      if (auto loaded = runner->load(shape, object); !loaded)
        return std::unexpected(loaded.error());
      peers.insert(peer);
      answers.back() = ask_one(shape, peer, question);
    }
    return answers;
  }
};

ObjectPrograms::ObjectPrograms(std::unique_ptr<State> state) : state_(std::move(state)) {}
ObjectPrograms::ObjectPrograms(ObjectPrograms&&) noexcept = default;
ObjectPrograms::~ObjectPrograms() = default;

Result<ObjectPrograms> ObjectPrograms::create() {
  auto state = std::make_unique<State>();
  if (auto started = state->start(); !started) return std::unexpected(started.error());
  return ObjectPrograms(std::move(state));
}

Result<verify::Program> ObjectPrograms::load(const ir::Shape& shape,
                                             std::span<const std::uint8_t> object) {
  if (auto loaded = state_->runner->load(shape, object); !loaded)
    return std::unexpected(loaded.error());
  return verify::Program(
      [state = state_.get(), &shape, object](const policy::LabelSet& peer, auto questions) {
        return state->ask(shape, object, peer, questions);
      });
}

}  // namespace policyc::testrun
