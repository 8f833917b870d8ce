// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "runtime/include/generated.h"

int policy_verdict_ingress(const struct policy_context *context)
{
	(void)context;
	return POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
}

int policy_verdict_egress(const struct policy_context *context)
{
	(void)context;
	return POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
}

POLICYC_POLICY_PROGRAMS;
