#include "tests/unit/backend/elf_sample.h"

#include <gtest/gtest.h>

namespace policyc::backend {

const std::string_view kSamplePolicy = R"c(#include "runtime/include/generated.h"

const volatile policyc_u32 policy_shape_tag = 0;
const volatile policyc_u8 port_class[256] = {};
POLICYC_ROWS_MAP(policy_rows_in);

int policy_verdict_ingress(const struct policy_context *context)
{
	if (!context)
		return POLICYC_NO_DECISION;
#line 2 "db.yaml"
	policyc_u32 row = policy_row(&policy_rows_in, context->peer_class);
#line 3 "db.yaml"
	return row ? POLICYC_DECISION(POLICY_ALLOW, port_class[context->host_port & 255]) : POLICYC_NO_DECISION;
}

int policy_verdict_egress(const struct policy_context *context)
{
	return context ? (int)policy_shape_tag : POLICYC_NO_DECISION;
}
)c";

Bytes object_of(std::string_view c_text) {
  auto result = compile("sample.c", c_text, Output::Object);
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
  return result ? std::move(result->output) : Bytes{};
}

std::string error_of(std::string_view c_text, Output output) {
  const auto result = compile("sample.c", c_text, output);
  EXPECT_FALSE(result.has_value()) << "compiled, but must not";
  return result ? std::string{} : result.error().message;
}

std::string text_of(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace policyc::backend
