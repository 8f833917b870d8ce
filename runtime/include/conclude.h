/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What follows from a policy's answer: the connection's entry, the event, the question to the receiver of the same node.
 */
#ifndef POLICYC_RUNTIME_CONCLUDE_H
#define POLICYC_RUNTIME_CONCLUDE_H

#include "runtime/include/balance.h"
#include "runtime/include/conntrack_table.h"
#include "runtime/include/deliver.h"
#include "runtime/include/events.h"
#include "runtime/include/metrics.h"
#include "runtime/include/policy.h"

/* What remember() says beside the reason not to let a packet pass: its connection's first one is to be reported. */
#define REMEMBER_REPORT 0x100

/* CT_* of the entry that the endpoint of that direction has. The receiver of a delivered packet is the backend: it has none. */
static __always_inline __u8 service_flags(const struct translation *translation,
					  enum policyc_direction direction)
{
	return direction == POLICYC_EGRESS && is_service(translation) ? (__u8)translation->flags : 0;
}

/* Is it still the same connection for its services? What a backend's entry says of them is brought up to date. */
static __always_inline bool continues(struct ct_value *entry, const struct translation *translation,
				      enum policyc_direction direction)
{
	if (entry->direction != direction)
		return true;
	if (direction == POLICYC_INGRESS && !(entry->flags & CT_LOOPBACK)) {
		entry->frontend = translation->frontend;
		entry->backend = translation->backend;
		entry->generation = translation->generation;
		return true;
	}
	return entry->frontend == translation->frontend && entry->backend == translation->backend &&
	       entry->generation == translation->generation;
}

/*
 * Remembers what a policy said of a packet that passes, for the endpoint in `side`; `packet` has the tuple that the entry lies
 * under, and `deliver_to` is kept with the connection. DROP_NONE, perhaps with REMEMBER_REPORT, or why it does not pass after
 * all.
 */
__noinline int remember(struct __sk_buff *skb, const struct packet *packet, const struct side *side,
			__u32 direction, __u32 deliver_to)
{
	const struct node_config_value *config = node_config_lookup();
	const struct policy_scratch *scratch = policy_scratch_lookup();
	const struct translation *translation;
	struct ct_value *entry = NULL;
	__u64 now = clock_ticks();
	bool report;

	if (!config || !scratch || !packet || !side)
		return DROP_MISSING_STATE;
	report = policy_reason((int)side->decision) ||
		 (config->flags & NODE_TRACE_VERDICTS && side->connection != CONNECTION_KNOWN);
	translation = &continuation_of_const(scratch)->translation;
	/* What is new is inserted without a look; one that another CPU has made meanwhile stays. */
	if (side->connection != CONNECTION_NEW)
		entry = ct_lookup(packet, direction, now);
	if (entry && !ct_reopens(entry, packet) && continues(entry, translation, direction)) {
		/* One of the other direction has come meanwhile: this packet is its reply. */
		if (entry->direction != direction)
			return DROP_NONE;
		if (side->connection == CONNECTION_KNOWN && policy_reason((int)entry->decision))
			report = false;
		entry->peer_identity = side->peer_identity;
		entry->deliver_to = deliver_to;
		ct_verdict_write(entry, scratch->epoch, side->decision);
		ct_track(entry, packet, true, now);
		if (config->flags & NODE_CT_ACCOUNTING)
			ct_account(entry, skb, packet);
	} else if (makes_entry(packet)) {
		struct ct_value fresh = {};

		fresh.flags = ct_new_flags(packet, true);
		fresh.expires = now + ct_lifetime(packet->protocol, fresh.flags);
		fresh.flags |= service_flags(translation, direction);
		fresh.policy_epoch = scratch->epoch;
		fresh.decision = side->decision;
		fresh.peer_identity = side->peer_identity;
		fresh.direction = (__u8)direction;
		fresh.tcp_flags_orig = packet->tcp_flags;
		fresh.deliver_to = deliver_to;
		fresh.refreshed = (__u32)now;
		fresh.packets = 1;
		fresh.bytes = packet_bytes(skb, packet);
		fresh.frontend = translation->frontend;
		fresh.backend = translation->backend;
		fresh.generation = translation->generation;
		if (ct_renew_or_create(entry, packet, &fresh, direction, now))
			return DROP_CONNTRACK_FULL;
	}
	return report ? REMEMBER_REPORT : DROP_NONE;
}

/*
 * Remembers a packet for one of its endpoints and reports it. What was sent to a frontend lies under that tuple, and has a
 * twin; `asked->packet` is to the backend.
 */
static __always_inline __u32 remember_side(struct __sk_buff *skb, struct continuation *asked,
					   enum policyc_direction direction, __u32 deliver_to)
{
	bool service = direction == POLICYC_EGRESS && is_service(&asked->translation);
	struct side *side = &asked->side[direction];
	struct end_value frontend = {};
	int result;

	if (!deliver_to)
		unlink_other(&asked->packet, direction);
	if (service) {
		if (frontend_end(asked->translation.frontend, &frontend))
			return DROP_MISSING_STATE;
		end_exchange(&asked->packet, END_DESTINATION, &frontend);
	}
	result = remember(skb, &asked->packet, side, direction, deliver_to);
	if (service) {
		end_exchange(&asked->packet, END_DESTINATION, &frontend);
		if (!(result & 0xff))
			result |= remember_twin(&asked->packet, asked->translation.frontend);
	}
	if (result == REMEMBER_REPORT) {
		struct occasion occasion = {
			.type = EVENT_VERDICT,
			.reason = (__u8)policy_reason((int)side->decision),
			.direction = (__u8)direction,
			.connection = side->connection == CONNECTION_KNOWN ? CT_ESTABLISHED : CT_NEW};

		occasion.audited = occasion.reason != DROP_NONE;
		event_emit(skb, &asked->packet, side, &occasion);
	}
	return (__u32)result & 0xff;
}

/*
 * A connection that exists is denied from now on: its replies are dropped with it. What the other endpoint of this node
 * knows of it stays, but it delivers no longer past the program that knows of the denial.
 */
__noinline int deny_known(struct packet *packet, const struct side *side, __u32 direction)
{
	const struct policy_scratch *scratch = policy_scratch_lookup();
	struct ct_value *entry;

	if (!scratch || !packet || !side)
		return 0;
	entry = ct_lookup(packet, direction, clock_ticks());
	if (!entry || entry->direction != direction)
		return 0;
	entry->peer_identity = side->peer_identity;
	ct_verdict_write(entry, scratch->epoch, side->decision);
	entry->deliver_to = 0;
	if (entry->frontend)
		twin_verdict(packet, entry, direction);
	unlink_other(packet, direction);
	return 0;
}

/* What the policy of `side` has answered: DROP_NONE or why the packet is dropped. */
static __always_inline __u32 answered(struct __sk_buff *skb, const struct policy_scratch *scratch,
				      struct packet *packet, struct side *side,
				      enum policyc_direction direction)
{
	__u32 reason;

	side->decision = scratch->decision;
	reason = policy_reason((int)side->decision);
	count_decided(side->shape_tag, side->decision, direction, packet_bytes(skb, packet));
	if (!reason || policy_audits(side->flags, side->decision, reason))
		return DROP_NONE;
	if (side->connection == CONNECTION_KNOWN)
		deny_known(packet, side, direction);
	return reason;
}

/* What the receiver knows of the connection of a packet to it (enum known); negative: it began, so this is a reply. */
__noinline int known_to_receiver(const struct packet *packet)
{
	const struct ct_value *entry;

	if (!packet)
		return CONNECTION_NEW;
	entry = ct_lookup(packet, POLICYC_INGRESS, clock_ticks());
	if (!entry)
		return CONNECTION_NEW;
	if (ct_reopens(entry, packet))
		return CONNECTION_REOPENS;
	return entry->direction == POLICYC_INGRESS ? CONNECTION_KNOWN : -1;
}

/*
 * Asks the policy of the receiver, an endpoint of this node, about a packet that its sender may send. Returns when the packet
 * has to go by the stack instead, or with a reason to drop.
 */
static __always_inline __u32 ask_receiver(struct __sk_buff *skb, struct policy_scratch *scratch,
					  struct continuation *asked)
{
	const struct endpoint_value *receiver = endpoint_by_interface(asked->deliver_to);
	const struct node_config_value *config = node_config_lookup();
	struct packet *packet = &asked->packet;
	struct side *side = &asked->side[POLICYC_INGRESS];
	struct ipcache_value peer;
	int known;

	if (!receiver || !config || asked->translation.flags & CT_LOOPBACK || !is_tracked(packet) ||
	    !is_for(packet, receiver) || !fits(skb, packet, receiver))
		return DROP_NONE;
	known = known_to_receiver(packet);
	/* The receiver's own program lets a reply pass. */
	if (known < 0)
		return DROP_NONE;
	side_fill(side, receiver, asked->deliver_to);
	side->connection = (__u8)known;
	peer = ipcache_lookup(packet, &packet->source, config);
	side->peer_identity = peer.identity;
	scratch->context.peer_class = peer.peer_class;
	scratch->context.peer_identity = peer.identity;
	scratch->decision = POLICYC_UNDECIDED;
	scratch->delivery = 1;
	bpf_tail_call(skb, &policies, POLICYC_POLICY_INDEX(receiver->policy_slot, POLICYC_INGRESS));
	return DROP_POLICY_MISSING;
}

#endif /* POLICYC_RUNTIME_CONCLUDE_H */
