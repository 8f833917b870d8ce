// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A policy in the shape of the generated ones: class to row by map, then a decision. Rows are listed in datapath.h. */
#include "runtime/include/generated.h"

POLICYC_ROWS_MAP(policy_rows_in);
POLICYC_ROWS_MAP(policy_rows_out);

POLICYC_INLINE int allowed_service(const struct policy_context *context)
{
	switch (context->protocol) {
	case 6:
		return context->host_port == 80;
	case 17:
		return context->host_port == 53;
	case 132:
		return context->host_port == 3868;
	case 1:
		return context->host_port == 8;
	case 58:
		return context->host_port == 128;
	case 112:
		return context->host_port == 0;
	default:
		return 0;
	}
}

POLICYC_INLINE int decide(const struct policy_context *context, void *rows)
{
	switch (policy_row(rows, context->peer_class)) {
	case 1:
		return allowed_service(context) ? POLICYC_DECISION(POLICY_ALLOW, 11)
						: POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
	case 2:
		return POLICYC_DECISION(POLICY_DENY, 21);
	case 3:
		return POLICYC_DECISION(POLICY_REDIRECT, 31);
	case 4:
		return -255; /* its low byte is POLICY_ALLOW */
	case 5:
		return POLICYC_DECISION(77, 51);
	case 6:
		return POLICYC_DECISION(POLICY_AUTH_REQUIRED, 61);
	case 8:
		return POLICYC_DECISION_AUDITED |
		       (allowed_service(context) ? POLICYC_DECISION(POLICY_DENY, 81)
						 : POLICYC_DECISION(POLICY_DEFAULT_DENY, 0));
	case 9:
		return POLICYC_DECISION_AUDITED | POLICYC_DECISION(POLICY_ALLOW, 91);
	default:
		return POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
	}
}

int policy_verdict_ingress(const struct policy_context *context)
{
	return context ? decide(context, &policy_rows_in) : POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
}

int policy_verdict_egress(const struct policy_context *context)
{
	return context ? decide(context, &policy_rows_out) : POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
}

POLICYC_POLICY_PROGRAMS;
