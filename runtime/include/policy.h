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

enum known { CONNECTION_NEW, CONNECTION_KNOWN, CONNECTION_REOPENS /* by a SYN after it was closed */ };

/*
 * An endpoint's part in a packet: as it was when the packet came, and what its policy says. The endpoint that sends has
 * side[POLICYC_EGRESS], the one that receives side[POLICYC_INGRESS].
 */
struct side {
	__u32 interface_index;
	__u32 identity;
	__u32 peer_identity;
	__u32 shape_tag;
	__u32 decision;
	__u16 endpoint_id; /* 0: no endpoint */
	__u8 flags;	   /* ENDPOINT_* */
	__u8 connection;   /* what the packet found: enum known */
};

/* What a packet to or from a frontend becomes (balance.h). */
struct translation {
	__u32 frontend; /* 0: nothing */
	__u32 backend;
	__u32 generation;
	__u32 flags; /* CT_SERVICE, CT_SERVICE_REPLY, CT_LOOPBACK */
};

/* policy_scratch.continuation. `packet` is what the policy is asked about: to a backend, not yet rewritten. */
struct continuation {
	struct packet packet;
	struct side side[2];
	struct translation translation;
	__u32 deliver_to;     /* interface index of the receiver, if packets go to it past the stack */
	__u32 peer_interface; /* of the peer, if it is an endpoint of this node */
};
POLICYC_ASSERT(sizeof(struct continuation) == POLICYC_CONTINUATION_BYTES);

static __always_inline void side_fill(struct side *side, const struct endpoint_value *endpoint,
				      __u32 interface_index)
{
	side->interface_index = interface_index;
	side->identity = endpoint->identity;
	side->shape_tag = endpoint->shape_tag;
	side->endpoint_id = endpoint->endpoint_id;
	side->flags = (__u8)endpoint->flags;
}

static __always_inline struct policy_scratch *policy_scratch_lookup(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&policy_scratch, &first);
}

static __always_inline struct continuation *continuation_of(struct policy_scratch *scratch)
{
	return (struct continuation *)(void *)scratch->continuation;
}

static __always_inline const struct continuation *continuation_of_const(const struct policy_scratch *scratch)
{
	return (const struct continuation *)(const void *)scratch->continuation;
}

/* One comparison: what policy_reason() gives DROP_NONE for. */
static __always_inline bool policy_allows(int decision)
{
	return ((__u32)decision & 0x800000ffU) == POLICY_ALLOW;
}

/* A verdict as a drop reason. What is neither a verdict nor understood drops. */
static __always_inline __u32 policy_reason(int decision)
{
	if (decision < 0)
		return DROP_MISSING_STATE;
	switch ((__u32)decision & 0xffU) {
	case POLICY_ALLOW:
		return DROP_NONE;
	case POLICY_DEFAULT_DENY:
	case POLICY_DEFAULT_DENY | POLICYC_DECISION_AUDITED:
		return DROP_POLICY_DEFAULT_DENY;
	case POLICY_DENY:
	case POLICY_DENY | POLICYC_DECISION_AUDITED:
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
 * Audit mode lets policy denials through, nothing else: all of an endpoint's, or those that only policies in audit mode ask
 * for. `reason` is that of the decision.
 */
static __always_inline bool policy_audits(__u32 endpoint_flags, __u32 decision, __u32 reason)
{
	return (endpoint_flags & ENDPOINT_AUDIT || decision & POLICYC_DECISION_AUDITED) &&
	       (reason == DROP_POLICY_DEFAULT_DENY || reason == DROP_POLICY_DENY);
}

/* Why a packet of this decision is dropped, DROP_NONE if it passes. */
__noinline int policy_denial(__u32 decision, __u32 endpoint_flags)
{
	__u32 reason = policy_reason((int)decision);

	return (int)(policy_audits(endpoint_flags, decision, reason) ? DROP_NONE : reason);
}

/*
 * Puts the question of the endpoint behind `interface_index` into the scratch, where everything is written at once: the stack
 * of the programs has no room for it (Linux 6.1 counts 512 bytes over all calls). Gives a drop reason, or DROP_NONE. The
 * epoch is read before anything that a change alters, so a decision taken while policy changes is asked again.
 */
static __always_inline int policy_prepare(const struct packet *packet, const struct endpoint_value *endpoint,
					  __u32 interface_index, enum known known,
					  const struct translation *translation,
					  enum policyc_direction direction)
{
	const struct node_config_value *config = node_config_lookup();
	struct policy_scratch *scratch = policy_scratch_lookup();
	struct continuation *continuation;
	struct ipcache_value peer;
	struct side *side;

	if (!scratch || !config)
		return DROP_MISSING_STATE;
	scratch->epoch = *(const volatile __u32 *)&config->policy_epoch;
	/* Epoch 0: the loader has not yet written the node's configuration. */
	if (scratch->epoch == 0)
		return DROP_MISSING_STATE;
	peer = ipcache_lookup(packet, direction == POLICYC_EGRESS ? &packet->destination : &packet->source,
			      config);
	scratch->context.peer_class = peer.peer_class;
	scratch->context.peer_identity = peer.identity;
	scratch->context.host_port = bpf_ntohs(packet->destination_port);
	scratch->context.protocol = packet->protocol;
	scratch->context.family = packet->family;
	scratch->decision = POLICYC_UNDECIDED;
	scratch->delivery = 0;
	continuation = continuation_of(scratch);
	continuation->packet = *packet;
	continuation->translation = *translation;
	continuation->peer_interface = peer.interface_index;
	continuation->deliver_to = direction == POLICYC_EGRESS && config->flags & NODE_LOCAL_DELIVERY
					   ? peer.interface_index & unless_queued(endpoint->flags)
					   : 0;
	side = &continuation->side[direction];
	side_fill(side, endpoint, interface_index);
	side->peer_identity = peer.identity;
	side->decision = 0;
	side->connection = (__u8)known;
	return DROP_NONE;
}

#endif /* POLICYC_RUNTIME_POLICY_H */
