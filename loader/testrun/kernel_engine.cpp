#include "loader/testrun/kernel_engine.h"

#include <memory>

#include "compiler/driver/compilation.h"
#include "loader/testrun/runner.h"

namespace policyc::testrun {
namespace {

// ICMPv6 router and neighbour discovery: the datapath passes it without asking the policy, so the
// matrix answers.
bool never_asks_policy(const driver::ShapeQuestion& question) {
  constexpr std::uint8_t kIcmpV6 = 58;
  return question.protocol == kIcmpV6 && question.port >= 133 && question.port <= 137;
}

Result<std::uint32_t> ask(Runner& runner, const ir::Shape& shape, const source::SourceMap& sources,
                          const driver::ShapeQuestion& question) {
  if (never_asks_policy(question)) {
    return shape.decide(question.direction, *question.peer, question.protocol, question.port);
  }
  if (!runner.has(shape.hash)) {
    auto compiled = driver::compile_shape(shape, sources);
    if (!compiled) return std::unexpected(compiled.error());
    if (auto loaded = runner.load(shape, compiled->object); !loaded)
      return std::unexpected(loaded.error());
  }
  return runner.ask(shape.hash, *question.peer,
                    {question.direction, question.protocol, question.port, question.ipv6});
}

}  // namespace

Result<driver::ShapeOracle> kernel_oracle() {
  auto runner = Runner::create();
  if (!runner) return std::unexpected(runner.error());
  const std::shared_ptr<Runner> shared = std::move(*runner);
  return driver::ShapeOracle([shared](const ir::Shape& shape, const source::SourceMap& sources,
                                      const driver::ShapeQuestion& question) {
    return ask(*shared, shape, sources, question);
  });
}

}  // namespace policyc::testrun
