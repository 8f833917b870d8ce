// Must not build, unless RIGHT_ORDER is set: ctest asks the compiler, and looks for its message.
#include "compiler/passes/passes.h"

namespace policyc::passes {

struct Promising {  // optional, yet it claims to bring the IR further
  using Input = Built;
  using Output = Normalised;
  static constexpr bool kRequired = false;
  static constexpr std::string_view kName = "promising";
  static constexpr std::string_view kSummary = "promises what it may not be asked to do";
  static void run(ir::EndpointPolicy&, Context&) {}
};

#if defined(RIGHT_ORDER)
using Chosen = Pipeline<Normalise, ExpandEntities, ExpandNamedPorts>;
#elif defined(OPTIONAL_PROMISE)
using Chosen = Pipeline<Promising, ExpandEntities>;
#else
using Chosen = Pipeline<Normalise, ExpandNamedPorts, ExpandEntities>;
#endif

static_assert(Chosen::kPasses.size() >= 2);

}  // namespace policyc::passes
