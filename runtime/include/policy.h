/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Asking the policy. The policy programs of an endpoint's shape are in another object (runtime/include/generated.h) and are
 * reached by tail call; what they answer is concluded by another program, so what is known of the packet goes into the
 * scratch.
 */
#ifndef POLICYC_RUNTIME_POLICY_H
#define POLICYC_RUNTIME_POLICY_H

#include "runtime/include/endpoint.h"
#include "runtime/include/ipcache.h"

/* What was found out about a packet, for the connection entry and the event. */
struct outcome {
	__u32 reason; /* policyc_drop_reason */
	__u32 decision;
	__u32 peer_identity;
	__u8 direction; /* policyc_direction of the packet */
	__u8 type;	/* policyc_event_type */
	__u8 audited;
	__u8 known; /* the packet asks for a connection that exists */
};

/* policy_scratch.continuation: the packet, and its endpoint as it was when the policy was asked. */
struct continuation {
	struct packet packet;
	struct endpoint_value endpoint;
	__u32 pad;
};
POLICYC_ASSERT(sizeof(struct continuation) == POLICYC_CONTINUATION_BYTES);

static __always_inline struct policy_scratch *policy_scratch_lookup(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&policy_scratch, &first);
}

static __always_inline struct continuation *continuation_of(struct policy_scratch *scratch)
{
	return (struct continuation *)(void *)scratch->continuation;
}

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
 * Puts the question into the scratch. Gives a drop reason, or DROP_NONE. The epoch is read before anything that a change
 * alters, so a decision taken while policy changes is asked again.
 */
__noinline int policy_prepare(const struct packet *packet, const struct endpoint_value *endpoint,
			      struct outcome *outcome)
{
	const struct node_config_value *config = node_config_lookup();
	struct policy_scratch *scratch = policy_scratch_lookup();
	struct continuation *continuation;
	struct ipcache_value peer;

	if (!packet || !endpoint || !outcome || !scratch || !config)
		return DROP_MISSING_STATE;
	scratch->epoch = *(const volatile __u32 *)&config->policy_epoch;
	/* Epoch 0: the loader has not yet written the node's configuration. */
	if (scratch->epoch == 0)
		return DROP_MISSING_STATE;
	peer = ipcache_lookup(packet,
			      outcome->direction == POLICYC_EGRESS ? &packet->destination : &packet->source,
			      config);
	outcome->peer_identity = peer.identity;
	outcome->decision = POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
	scratch->context.peer_class = peer.peer_class;
	scratch->context.peer_identity = peer.identity;
	scratch->context.host_port = bpf_ntohs(packet->destination_port);
	scratch->context.protocol = packet->protocol;
	scratch->context.family = packet->family;
	scratch->decision = POLICYC_UNDECIDED;
	scratch->connection = outcome->known;
	continuation = continuation_of(scratch);
	continuation->packet = *packet;
	continuation->endpoint = *endpoint;
	return DROP_NONE;
}

/* Asks the policy of the endpoint; returns only when that failed, with the reason to drop. For the main program only. */
static __always_inline __u32 policy_ask(struct __sk_buff *skb, const struct packet *packet,
					const struct endpoint_value *endpoint,
					enum policyc_direction direction, struct outcome *outcome)
{
	__u32 slot = endpoint->policy_slot;
	int reason = policy_prepare(packet, endpoint, outcome);

	if (reason)
		return (__u32)reason;
	bpf_tail_call(skb, &policies, POLICYC_POLICY_INDEX(slot, direction));
	return DROP_POLICY_MISSING;
}

/* Audit mode lets policy denials through, nothing else. */
static __always_inline bool policy_audits(const struct endpoint_value *endpoint, __u32 reason)
{
	return endpoint->flags & ENDPOINT_AUDIT &&
	       (reason == DROP_POLICY_DEFAULT_DENY || reason == DROP_POLICY_DENY);
}

#endif /* POLICYC_RUNTIME_POLICY_H */
