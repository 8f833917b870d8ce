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
 *
 * Where the receiver is an endpoint of the same node, finish_egress asks the receiver's policy as well before anything is
 * remembered, and the packet goes straight into the receiver's namespace (deliver.h).
 */
#include "runtime/include/answer.h"
#include "runtime/include/conclude.h"
#include "runtime/include/conntrack_table.h"
#include "runtime/include/deliver.h"
#include "runtime/include/endpoint.h"
#include "runtime/include/events.h"
#include "runtime/include/forward.h"
#include "runtime/include/fragments.h"
#include "runtime/include/metrics.h"
#include "runtime/include/policy.h"

/* The decision that was taken of a packet's connection; POLICYC_UNDECIDED: it is not known. */
__noinline int known_decision(const struct packet *packet, __u32 direction)
{
	const struct ct_value *entry = packet ? ct_lookup(packet, direction, clock_ticks()) : NULL;

	return entry ? (int)entry->decision : (int)POLICYC_UNDECIDED;
}

/*
 * Does an ICMP error quote a packet of a living connection of this endpoint? Errors of routers on the path count too:
 * without them there is no path MTU discovery.
 */
__noinline int related(struct __sk_buff *skb, const struct packet *packet,
		       const struct endpoint_value *endpoint, enum policyc_direction direction)
{
	/* The quoted packet went the other way. */
	enum policyc_direction quoted_direction = direction ^ 1;
	struct packet quoted = {};
	__u32 reason;
	int decision;

	if (!packet || !endpoint || parse_quoted(skb, packet, &quoted) || quoted.fragment == FRAGMENT_LATER)
		return false;
	if (quoted.kind != PACKET_FLOW && quoted.kind != PACKET_ECHO_REQUEST &&
	    quoted.kind != PACKET_ECHO_REPLY)
		return false;
	/* An error goes to the sender of what it quotes, and an endpoint reports only what was sent to it. */
	if (!address_equal6(&packet->destination, quoted.source.bytes))
		return false;
	if (direction == POLICYC_EGRESS && !address_equal6(&packet->source, quoted.destination.bytes))
		return false;
	decision = known_decision(&quoted, quoted_direction);
	if ((__u32)decision == POLICYC_UNDECIDED)
		return false;
	reason = policy_reason(decision);
	return !reason || policy_audits(endpoint->flags, reason);
}

/* Why a packet cannot even be looked up, DROP_NONE if it can. */
static __always_inline __u32 admit(struct __sk_buff *skb, const struct endpoint_value *endpoint,
				   const struct node_config_value *config, struct packet *packet,
				   enum policyc_direction direction)
{
	if (direction == POLICYC_EGRESS && knows_link(endpoint) && !endpoint_owns_link(skb, endpoint))
		return DROP_INVALID_SOURCE_MAC;
	if (direction == POLICYC_EGRESS && packet->kind != PACKET_ARP &&
	    !endpoint_owns_source(endpoint, packet))
		return DROP_INVALID_SOURCE_ADDRESS;
	if (packet->kind == PACKET_OTHER_PROTOCOL && !(config->flags & NODE_EXTENDED_PROTOCOLS))
		return DROP_UNKNOWN_PROTOCOL;
	if (packet->fragment != FRAGMENT_NONE && packet->kind == PACKET_FLOW)
		return (__u32)fragments_resolve(packet);
	return DROP_NONE;
}

/*
 * Counts, reports and perhaps answers a packet that is dropped; `side` says whose it was, `hook` is the direction of the
 * program.
 */
static __always_inline int drop_of(struct __sk_buff *skb, const struct packet *packet,
				   const struct side *side, enum policyc_direction direction, __u32 reason,
				   enum policyc_direction hook)
{
	count_dropped(side->endpoint_id, reason, direction, packet_bytes(skb, packet));
	event_dropped(skb, packet, side, direction, reason);
	if (answer_wanted(node_config_lookup(), reason))
		return answer_denied(skb, packet, hook);
	return POLICYC_DROP;
}

/*
 * The same before any policy was asked; `endpoint` may be null. `what` is REFUSE(), `whom` what was known of the connection,
 * ct_whom().
 */
__noinline int refuse(struct __sk_buff *skb, const struct packet *packet,
		      const struct endpoint_value *endpoint, __u32 what, __u64 whom)
{
	struct side side = {.interface_index = skb->ifindex};
	const struct policy_scratch *scratch;
	__u32 direction = what & 1;
	__u32 reason = what >> 8;

	if (!packet)
		return POLICYC_DROP;
	if (endpoint)
		side_fill(&side, endpoint, skb->ifindex);
	if (what & 2) {
		side.decision = (__u32)whom;
		side.peer_identity = (__u32)(whom >> 32);
		side.connection = CONNECTION_KNOWN;
	}
	/* Whom the policy was to be asked about. */
	scratch = policy_scratch_lookup();
	if (reason == DROP_POLICY_MISSING && scratch)
		side.peer_identity = scratch->context.peer_identity;
	return drop_of(skb, packet, &side, direction, reason, direction);
}
/* A global function has five arguments. */
#define REFUSE(direction, known, reason) ((__u32)(direction) | (__u32)(known) << 1 | (__u32)(reason) << 8)

/* Decision and peer of a connection as one word. */
static __always_inline __u64 ct_whom(const struct ct_value *entry)
{
	return entry->decision | (__u64)entry->peer_identity << 32;
}

/* Lets the entry that the other endpoint of this node has of a connection know of a packet; 0: it has none. */
__noinline int other_learns(const struct packet *packet, __u32 direction)
{
	__u64 now = clock_ticks();
	struct ct_value *other;

	if (!packet)
		return 0;
	other = ct_lookup(packet, direction ^ 1, now);
	if (!other)
		return 0;
	ct_track(other, packet, other->direction == (direction ^ 1), now);
	return 1;
}

/*
 * A packet that tells something new of its connection (ct_is_news). The entry that the other endpoint of this node has of the
 * same connection learns what its own program does not see, and who traces is told. 1: the connection is no longer delivered
 * past the stack.
 */
__noinline int connection_changes(struct __sk_buff *skb, const struct packet *packet,
				  const struct endpoint_value *endpoint, __u32 direction)
{
	const struct node_config_value *config = node_config_lookup();
	struct occasion occasion = {.type = EVENT_TRACE, .direction = (__u8)direction};
	struct side side = {};
	struct ct_value *entry;
	__u64 now = clock_ticks();
	int unlinked = 0;

	if (!packet || !endpoint || !config)
		return 0;
	entry = ct_lookup(packet, direction, now);
	if (!entry)
		return 0;
	ct_track(entry, packet, entry->direction == direction, now);
	if (entry->deliver_to && !other_learns(packet, direction)) {
		/* By the stack, where the other endpoint's program learns of the connection again. */
		entry->deliver_to = 0;
		unlinked = 1;
	}
	if (config->flags & NODE_TRACE) {
		side_fill(&side, endpoint, skb->ifindex);
		side.decision = entry->decision;
		side.peer_identity = entry->peer_identity;
		occasion.connection = entry->direction == direction ? CT_ESTABLISHED : CT_REPLY;
		event_emit(skb, packet, &side, &occasion);
	}
	return unlinked;
}

/* Asks the policy of the endpoint; returns only when that failed, with the reason to drop. */
static __always_inline __u32 policy_ask(struct __sk_buff *skb, const struct packet *packet,
					const struct endpoint_value *endpoint,
					enum policyc_direction direction, enum known known)
{
	__u32 slot = endpoint->policy_slot;
	struct side side = {.connection = (__u8)known};
	int reason;

	side_fill(&side, endpoint, skb->ifindex);
	reason = policy_prepare(packet, &side, direction);
	if (reason)
		return (__u32)reason;
	bpf_tail_call(skb, &policies, POLICYC_POLICY_INDEX(slot, direction));
	return DROP_POLICY_MISSING;
}

/* Packets that no connection can be of: true if they pass unasked. */
static __always_inline bool passes_unasked(struct __sk_buff *skb, const struct packet *packet,
					   const struct endpoint_value *endpoint,
					   enum policyc_direction direction)
{
	switch (packet->kind) {
	case PACKET_ARP:
		return true;
	case PACKET_NEIGHBOUR:
		return neighbour_passes(packet, direction);
	case PACKET_ICMP_ERROR:
		return icmp_frag_needed(packet) || related(skb, packet, endpoint, direction);
	default:
		return false;
	}
}

static __always_inline int handle(struct __sk_buff *skb, enum policyc_direction direction)
{
	struct packet packet = {};
	__u32 reason = (__u32)parse_packet(skb, &packet);
	const struct endpoint_value *endpoint = endpoint_by_interface(skb->ifindex);
	const struct node_config_value *config = node_config_lookup();
	enum known known = CONNECTION_NEW;
	struct ct_value seen = {};
	__u64 now = clock_ticks();
	__u32 deliver_to = 0;
	int action;

	if (!endpoint)
		reason = DROP_UNKNOWN_ENDPOINT;
	else if (!config)
		reason = DROP_MISSING_STATE;
	else if (!reason)
		reason = admit(skb, endpoint, config, &packet, direction);
	if (reason || !endpoint || !config)
		goto drop;
	if (endpoint->flags & ENDPOINT_UNENFORCED)
		goto pass;
	if (is_tracked(&packet)) {
		const struct ct_value *entry = ct_lookup(&packet, direction, now);

		if (entry) {
			ct_read(&seen, entry);
			known = CONNECTION_KNOWN;
		}
		if (known == CONNECTION_KNOWN && ct_reopens(&seen, &packet))
			known = CONNECTION_REOPENS;
	} else if (passes_unasked(skb, &packet, endpoint, direction)) {
		goto pass;
	}
	if (known == CONNECTION_KNOWN) {
		bool original = seen.direction == direction;

		reason = policy_reason((int)seen.decision);
		if (original && (reason || seen.policy_epoch != config->policy_epoch))
			goto ask;
		if (reason && !policy_audits(endpoint->flags, reason)) {
			if (answer_passes(skb, &packet))
				goto pass;
			goto drop;
		}
		if (direction == POLICYC_EGRESS)
			deliver_to = seen.deliver_to;
		if (ct_is_news(&seen, &packet, original, now) &&
		    connection_changes(skb, &packet, endpoint, direction))
			deliver_to = 0;
		if (config->flags & NODE_CT_ACCOUNTING)
			account(skb, &packet, direction);
		goto pass;
	}
ask:
	if (answer_passes(skb, &packet))
		goto pass;
	reason = policy_ask(skb, &packet, endpoint, direction, known);
drop:
	return refuse(skb, &packet, endpoint, REFUSE(direction, known == CONNECTION_KNOWN, reason),
		      ct_whom(&seen));
pass:
	count_passed(endpoint->endpoint_id, direction, packet_bytes(skb, &packet));
	if (deliver_to) {
		action = deliver(skb, &packet, deliver_to);
		if (action != POLICYC_PASS && config->flags & NODE_CT_ACCOUNTING)
			account(skb, &packet, POLICYC_INGRESS);
		return action;
	}
	if (direction == POLICYC_EGRESS && config->flags & NODE_EGRESS_DELIVERY && is_tracked(&packet))
		return forward(skb, &packet);
	return POLICYC_PASS;
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

SEC("tc")
int finish_egress(struct __sk_buff *skb)
{
	const struct node_config_value *config = node_config_lookup();
	struct policy_scratch *scratch = policy_scratch_lookup();
	struct continuation *asked;
	struct packet *packet;
	struct side *side;
	__u32 reason;

	if (!scratch)
		return POLICYC_DROP;
	asked = continuation_of(scratch);
	packet = &asked->packet;
	side = &asked->side[POLICYC_EGRESS];
	reason = answered(skb, scratch, packet, side, POLICYC_EGRESS);
	if (!reason && asked->deliver_to) {
		reason = ask_receiver(skb, scratch, asked);
		if (reason)
			return drop_of(skb, packet, &asked->side[POLICYC_INGRESS], POLICYC_INGRESS, reason,
				       POLICYC_EGRESS);
	}
	if (!reason)
		reason = (__u32)remember(skb, packet, side, POLICYC_EGRESS, 0);
	if (reason)
		return drop_of(skb, packet, side, POLICYC_EGRESS, reason, POLICYC_EGRESS);
	count_passed(side->endpoint_id, POLICYC_EGRESS, packet_bytes(skb, packet));
	if (config && config->flags & NODE_EGRESS_DELIVERY && is_tracked(packet))
		return forward(skb, packet);
	return POLICYC_PASS;
}

SEC("tc")
int finish_ingress(struct __sk_buff *skb)
{
	struct policy_scratch *scratch = policy_scratch_lookup();
	struct side *side, *sender;
	struct continuation *asked;
	struct packet *packet;
	bool delivery, links;
	__u32 reason;

	if (!scratch)
		return POLICYC_DROP;
	asked = continuation_of(scratch);
	packet = &asked->packet;
	side = &asked->side[POLICYC_INGRESS];
	sender = &asked->side[POLICYC_EGRESS];
	delivery = scratch->delivery;
	reason = answered(skb, scratch, packet, side, POLICYC_INGRESS);
	/* What only audit mode lets through is looked at by both programs, so it ends with audit mode, replies too. */
	links = delivery && !policy_reason((int)side->decision) && !policy_reason((int)sender->decision);
	if (!reason)
		reason = (__u32)remember(skb, packet, side, POLICYC_INGRESS,
					 links ? sender->interface_index : 0);
	if (reason)
		return drop_of(skb, packet, side, POLICYC_INGRESS, reason,
			       delivery ? POLICYC_EGRESS : POLICYC_INGRESS);
	if (!delivery) {
		count_passed(side->endpoint_id, POLICYC_INGRESS, packet_bytes(skb, packet));
		return POLICYC_PASS;
	}
	reason = (__u32)remember(skb, packet, sender, POLICYC_EGRESS, links ? asked->deliver_to : 0);
	if (reason) {
		unlink_other(packet, POLICYC_EGRESS);
		return drop_of(skb, packet, sender, POLICYC_EGRESS, reason, POLICYC_EGRESS);
	}
	count_passed(sender->endpoint_id, POLICYC_EGRESS, packet_bytes(skb, packet));
	return deliver(skb, packet, asked->deliver_to);
}

/* Run by user space when it removes connections that have expired. */
SEC("tc")
int ct_collect(struct __sk_buff *skb)
{
	return ct_collect_state(skb);
}

char datapath_license[] SEC("license") = "Dual BSD/GPL";
