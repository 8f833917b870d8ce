// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The programs of a node; every endpoint runs the same ones. On the host side of its veth, what an endpoint sends meets
 * from_endpoint (tcx ingress), what it receives to_endpoint (tcx egress):
 *
 *   parse -> endpoint -> conntrack -> pass, drop, or ask the policy
 *
 * The policy program of the endpoint's shape decides and goes on to finish_egress or finish_ingress:
 *
 *   decision -> conntrack -> event -> pass or drop
 */
#include "runtime/include/answer.h"
#include "runtime/include/conntrack.h"
#include "runtime/include/endpoint.h"
#include "runtime/include/events.h"
#include "runtime/include/fragments.h"
#include "runtime/include/metrics.h"
#include "runtime/include/policy.h"

/*
 * Does an ICMP error quote a packet of a living connection of this endpoint? Errors of routers on the path count too:
 * without them there is no path MTU discovery.
 */
__noinline int related(struct __sk_buff *skb, const struct packet *packet,
		       const struct endpoint_value *endpoint, enum policyc_direction direction)
{
	/* The quoted packet went the other way. */
	enum policyc_direction quoted_direction = direction ^ 1;
	const struct ct_value *entry;
	struct packet quoted = {};
	const __u8 *local;

	if (!packet || !endpoint || parse_quoted(skb, packet, &quoted) || quoted.fragment == FRAGMENT_LATER)
		return false;
	if (quoted.kind != PACKET_FLOW && quoted.kind != PACKET_ECHO_REQUEST &&
	    quoted.kind != PACKET_ECHO_REPLY)
		return false;
	local = direction == POLICYC_EGRESS ? quoted.destination.bytes : quoted.source.bytes;
	if (!address_equal6(direction == POLICYC_EGRESS ? &packet->source : &packet->destination, local))
		return false;
	entry = ct_lookup(&quoted, quoted_direction, clock_now());
	if (!entry)
		return false;
	return !policy_reason((int)entry->decision) || endpoint->flags & ENDPOINT_AUDIT;
}

/* Why a packet cannot even be looked up, DROP_NONE if it can. */
static __always_inline __u32 admit(const struct endpoint_value *endpoint,
				   const struct node_config_value *config, struct packet *packet,
				   enum policyc_direction direction)
{
	if (direction == POLICYC_EGRESS && packet->kind != PACKET_ARP &&
	    !endpoint_owns_source(endpoint, packet))
		return DROP_INVALID_SOURCE_ADDRESS;
	if (packet->kind == PACKET_OTHER_PROTOCOL && !(config->flags & NODE_EXTENDED_PROTOCOLS))
		return DROP_UNKNOWN_PROTOCOL;
	if (packet->fragment != FRAGMENT_NONE && packet->kind == PACKET_FLOW)
		return (__u32)fragments_resolve(packet);
	return DROP_NONE;
}

/* Instead of a drop reason: the policy must be asked. */
#define ASK_POLICY 0x100U

/* A packet of a known connection; DROP_NONE if it passes. */
static __always_inline __u32 known_connection(struct __sk_buff *skb, const struct packet *packet,
					      const struct endpoint_value *endpoint,
					      const struct node_config_value *config, struct ct_value *entry,
					      struct outcome *outcome, enum policyc_direction direction,
					      __u64 now)
{
	bool original = entry->direction == direction;
	union ct_verdict verdict = ct_verdict_read(entry);

	outcome->decision = verdict.decision;
	outcome->peer_identity = entry->peer_identity;
	outcome->reason = policy_reason((int)verdict.decision);
	if (original && (verdict.policy_epoch != config->policy_epoch || outcome->reason)) {
		outcome->known = true;
		return ASK_POLICY;
	}
	if (outcome->reason && !policy_audits(endpoint, outcome->reason))
		return answer_passes(skb, packet) ? DROP_NONE : outcome->reason;
	ct_track(entry, packet, original, now);
	if (config->flags & NODE_CT_ACCOUNTING)
		ct_account(entry, skb, packet);
	return DROP_NONE;
}

/*
 * An echo reply must not make an entry: its key would be that of a request of ours, which would then pass as a reply.
 * A reset has nothing to come after it.
 */
static __always_inline bool makes_entry(const struct packet *packet)
{
	return (packet->kind == PACKET_FLOW && !(packet->tcp_flags & TCP_RST)) ||
	       packet->kind == PACKET_ECHO_REQUEST || packet->kind == PACKET_OTHER_PROTOCOL;
}

/* A drop reason, DROP_NONE or ASK_POLICY. */
static __always_inline __u32 decide(struct __sk_buff *skb, struct packet *packet,
				    const struct endpoint_value *endpoint,
				    const struct node_config_value *config, struct outcome *outcome,
				    enum policyc_direction direction)
{
	struct ct_value *entry = NULL;
	__u64 now = clock_now();
	__u32 reason;

	reason = admit(endpoint, config, packet, direction);
	if (reason)
		return reason;
	switch (packet->kind) {
	case PACKET_ARP:
		return DROP_NONE;
	case PACKET_NEIGHBOUR:
		if (neighbour_passes(packet, direction))
			return DROP_NONE;
		break;
	case PACKET_ICMP_ERROR:
		if (icmp_frag_needed(packet) || related(skb, packet, endpoint, direction))
			return DROP_NONE;
		break;
	case PACKET_ICMP_OTHER:
		break;
	default:
		entry = ct_lookup(packet, direction, now);
	}
	if (entry && !ct_reopens(entry, packet))
		return known_connection(skb, packet, endpoint, config, entry, outcome, direction, now);
	return ASK_POLICY;
}

/* Counts and reports what comes of a packet, and answers what the policy denied; `endpoint` may be null. */
static __always_inline int leave(struct __sk_buff *skb, const struct packet *packet,
				 const struct endpoint_value *endpoint, struct outcome *outcome,
				 enum policyc_direction direction, __u32 reason)
{
	if (!reason) {
		count_forwarded(direction, skb->len - packet->network_offset);
		return POLICYC_PASS;
	}
	count_dropped(reason, direction, skb->len - packet->network_offset);
	event_dropped(skb, packet, endpoint, outcome, reason);
	return answer_denied(skb, packet, endpoint, outcome);
}

static __always_inline int handle(struct __sk_buff *skb, enum policyc_direction direction)
{
	struct outcome outcome = {.direction = (__u8)direction};
	struct packet packet = {};
	__u32 reason = (__u32)parse_packet(skb, &packet);
	const struct endpoint_value *endpoint = endpoint_lookup(skb);
	const struct node_config_value *config = node_config_lookup();

	if (!endpoint)
		reason = DROP_UNKNOWN_ENDPOINT;
	else if (!config)
		reason = DROP_MISSING_STATE;
	else if (!reason)
		reason = decide(skb, &packet, endpoint, config, &outcome, direction);
	if (reason == ASK_POLICY && answer_passes(skb, &packet))
		reason = DROP_NONE;
	if (reason == ASK_POLICY && endpoint)
		reason = policy_ask(skb, &packet, endpoint, direction, &outcome);
	return leave(skb, &packet, endpoint, &outcome, direction, reason);
}

SEC("tc")
int from_endpoint(struct __sk_buff *skb)
{
	return handle(skb, POLICYC_EGRESS);
}

SEC("tc")
int to_endpoint(struct __sk_buff *skb)
{
	return handle(skb, POLICYC_INGRESS);
}

/* The entry of the connection that asked; null if it was evicted or taken over meanwhile. */
static __always_inline struct ct_value *asking_connection(const struct policy_scratch *scratch,
							  const struct packet *packet,
							  enum policyc_direction direction, __u64 now)
{
	struct ct_value *entry = scratch->connection ? ct_lookup(packet, direction, now) : NULL;

	return entry && entry->direction == direction ? entry : NULL;
}

/* Remembers a decision where it can be remembered and reports it; DROP_NONE if the packet passes. */
static __always_inline __u32 conclude(struct __sk_buff *skb, const struct policy_scratch *scratch,
				      const struct continuation *asked, struct outcome *outcome,
				      enum policyc_direction direction)
{
	const struct node_config_value *config = node_config_lookup();
	const struct packet *packet = &asked->packet;
	bool audited, was_denied = false;
	struct ct_value *entry;
	__u64 now = clock_now();

	if (!config)
		return DROP_MISSING_STATE;
	entry = asking_connection(scratch, packet, direction, now);
	audited = policy_audits(&asked->endpoint, outcome->reason);
	if (entry) {
		was_denied = policy_reason((int)entry->decision) != DROP_NONE;
		/* A denial is kept as well: it also stops the replies. */
		entry->peer_identity = outcome->peer_identity;
		ct_verdict_write(entry, scratch->epoch, outcome->decision);
	}
	if (outcome->reason && !audited)
		return outcome->reason;
	if (entry) {
		ct_track(entry, packet, true, now);
		if (config->flags & NODE_CT_ACCOUNTING)
			ct_account(entry, skb, packet);
		if (audited && !was_denied)
			event_passed(skb, packet, &asked->endpoint, outcome, true);
		return DROP_NONE;
	}
	if (makes_entry(packet) &&
	    ct_create(skb, packet, direction, scratch->epoch, outcome->decision, outcome->peer_identity, now))
		return DROP_CONNTRACK_FULL;
	if (audited || config->flags & NODE_TRACE_VERDICTS)
		event_passed(skb, packet, &asked->endpoint, outcome, audited);
	return DROP_NONE;
}

static __always_inline int finish(struct __sk_buff *skb, enum policyc_direction direction)
{
	struct outcome outcome = {.direction = (__u8)direction};
	struct policy_scratch *scratch = policy_scratch_lookup();
	const struct continuation *asked;

	if (!scratch)
		return POLICYC_DROP;
	asked = continuation_of(scratch);
	outcome.decision = scratch->decision;
	outcome.peer_identity = scratch->context.peer_identity;
	outcome.reason = policy_reason((int)outcome.decision);
	return leave(skb, &asked->packet, &asked->endpoint, &outcome, direction,
		     conclude(skb, scratch, asked, &outcome, direction));
}

SEC("tc")
int finish_ingress(struct __sk_buff *skb)
{
	return finish(skb, POLICYC_INGRESS);
}

SEC("tc")
int finish_egress(struct __sk_buff *skb)
{
	return finish(skb, POLICYC_EGRESS);
}

char datapath_license[] SEC("license") = "Dual BSD/GPL";
