/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hook: asks the generated functions of runtime/include/generated.h, which another object defines. */
#ifndef POLICYC_RUNTIME_POLICY_H
#define POLICYC_RUNTIME_POLICY_H

#include "runtime/include/ipcache.h"

int policy_verdict_ingress(const struct policy_context *context);
int policy_verdict_egress(const struct policy_context *context);
extern const volatile policyc_u32 policy_shape_tag;

/* What was found out about a packet, for the connection entry and the event. */
struct outcome {
	__u32 reason; /* policyc_drop_reason */
	__u32 decision;
	__u32 peer_identity;
	__u8 direction; /* policyc_direction of the packet */
	__u8 type;	/* policyc_event_type */
	__u8 audited;
};

/* A verdict as a drop reason. What is neither a verdict nor understood drops. */
static __always_inline __u32 policy_reason(int decision)
{
	if (decision < 0)
		return DROP_MISSING_STATE;
	switch (POLICYC_DECISION_VERDICT(decision)) {
	case POLICY_ALLOW:
		return DROP_NONE;
	case POLICY_DEFAULT_DENY:
		return DROP_POLICY_DEFAULT_DENY;
	case POLICY_DENY:
		return DROP_POLICY_DENY;
	case POLICY_REDIRECT:
		return DROP_L7_PROXY_UNAVAILABLE;
	case POLICY_AUTH_REQUIRED:
		return DROP_AUTH_REQUIRED;
	default:
		return DROP_MISSING_STATE;
	}
}

/*
 * Fills outcome->reason, decision and peer_identity for a packet of its connection's original direction. Returns the epoch
 * to keep with the decision: it is read first, so a decision taken while policy changes is asked again.
 */
static __always_inline __u32 policy_ask(const struct packet *packet, const struct node_config_value *config,
					enum policyc_direction direction, struct outcome *outcome)
{
	__u32 epoch = *(const volatile __u32 *)&config->policy_epoch;
	struct policy_context context = {};
	struct ipcache_value peer;
	int decision;

	/* Epoch 0: the loader has not yet written the node's configuration. */
	if (epoch == 0) {
		outcome->decision = POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
		outcome->reason = DROP_MISSING_STATE;
		return epoch;
	}
	peer = ipcache_lookup(packet, direction == POLICYC_EGRESS ? &packet->destination : &packet->source,
			      config);
	context.peer_class = peer.peer_class;
	context.peer_identity = peer.identity;
	context.host_port = bpf_ntohs(packet->destination_port);
	context.protocol = packet->protocol;
	context.family = packet->family;
	decision = direction == POLICYC_EGRESS ? policy_verdict_egress(&context)
					       : policy_verdict_ingress(&context);
	outcome->peer_identity = peer.identity;
	outcome->decision = (__u32)decision;
	outcome->reason = policy_reason(decision);
	return epoch;
}

/* Audit mode lets policy denials through, nothing else. */
static __always_inline bool policy_audits(const struct endpoint_value *endpoint, __u32 reason)
{
	return endpoint->flags & ENDPOINT_AUDIT &&
	       (reason == DROP_POLICY_DEFAULT_DENY || reason == DROP_POLICY_DENY);
}

#endif /* POLICYC_RUNTIME_POLICY_H */
