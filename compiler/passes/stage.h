#pragma once
// Passes wired by type: each names the stage it takes and the stage it gives, and a pipeline whose
// passes do not fit together does not build.

#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "compiler/ir/ir.h"
#include "compiler/passes/pass.h"

namespace policyc::passes {

template <ir::Stage S>
struct At {
  static constexpr ir::Stage kStage = S;
};
using Built = At<ir::Stage::Built>;
using Normalised = At<ir::Stage::Normalised>;
using Selected = At<ir::Stage::Selected>;
using Numbered = At<ir::Stage::Numbered>;
using Ranged = At<ir::Stage::Ranged>;
using Closed = At<ir::Stage::Closed>;
using Ranked = At<ir::Stage::Ranked>;
using Classed = At<ir::Stage::Classed>;
using Decided = At<ir::Stage::Decided>;
using Compact = At<ir::Stage::Compact>;
using Formed = At<ir::Stage::Formed>;

template <class P>
concept PassType = requires(ir::EndpointPolicy& policy, Context& context) {
  typename P::Input;
  typename P::Output;
  { P::kName } -> std::convertible_to<std::string_view>;
  { P::kSummary } -> std::convertible_to<std::string_view>;
  { P::kRequired } -> std::convertible_to<bool>;
  { P::run(policy, context) } -> std::same_as<void>;
};

// A pass that may be switched off promises nothing: it takes and gives the same stage.
template <PassType P>
constexpr Pass describe() {
  static_assert(P::kRequired || std::is_same_v<typename P::Input, typename P::Output>,
                "an optional pass must give the stage that it takes");
  return {P::kName, P::kSummary, P::kRequired, P::Input::kStage, P::Output::kStage, P::run};
}

template <PassType Before, PassType After>
constexpr bool follows() {
  static_assert(std::is_same_v<typename Before::Output, typename After::Input>,
                "wrong order of passes: a pass must take the stage that the pass before it gives");
  return true;
}

template <PassType First>
constexpr bool chained() {
  return true;
}
template <PassType First, PassType Second, PassType... Rest>
constexpr bool chained() {
  return follows<First, Second>() && chained<Second, Rest...>();
}

template <PassType... Passes>
struct Pipeline {
  static_assert(chained<Passes...>());
  static constexpr std::array<Pass, sizeof...(Passes)> kPasses = {describe<Passes>()...};
};

}  // namespace policyc::passes
