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
#include "runtime/include/balance.h"
#include "runtime/include/conclude.h"
#include "runtime/include/conntrack_table.h"
#include "runtime/include/deliver.h"
#include "runtime/include/endpoint.h"
#include "runtime/include/events.h"
#include "runtime/include/forward.h"
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
	entry = ct_lookup(&quoted, quoted_direction, clock_ticks());
	if (!entry)
		return false;
	if (policy_denial(entry->decision, endpoint->flags))
		return false;
	if (direction == POLICYC_INGRESS && entry->flags & CT_SERVICE_REPLY && !(entry->flags & CT_LOOPBACK))
		return !service_rewrite_quoted(skb, packet, &quoted, entry);
	return true;
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
		return answer_denied(skb, packet, hook, reason);
	return POLICYC_DROP;
}

/* The same before any policy was asked; `endpoint` may be null. `decision` is that of the connection, if there is one. */
__noinline int refuse(struct __sk_buff *skb, const struct packet *packet,
		      const struct endpoint_value *endpoint, __u32 direction, const struct ct_value *entry)
{
	struct side side = {.interface_index = skb->ifindex};
	const struct policy_scratch *scratch;
	/* The upper bits carry the reason: a global function has five arguments. */
	__u32 reason = direction >> 8;

	if (!packet)
		return POLICYC_DROP;
	if (endpoint)
		side_fill(&side, endpoint, skb->ifindex);
	if (entry) {
		side.decision = entry->decision;
		side.peer_identity = entry->peer_identity;
		side.connection = CONNECTION_KNOWN;
	}
	/* Whom the policy was to be asked about. */
	scratch = policy_scratch_lookup();
	if (reason == DROP_POLICY_MISSING && scratch)
		side.peer_identity = scratch->context.peer_identity;
	return drop_of(skb, packet, &side, direction & 1, reason, direction & 1);
}
#define REFUSE(direction, reason) ((__u32)(direction) | (__u32)(reason) << 8)

/*
 * A packet that tells something new of its connection (ct_is_news): the entry that the other endpoint of this node has of it
 * learns what its own program does not see.
 */
__noinline int other_changes(struct packet *packet, struct ct_value *entry, __u32 direction)
{
	__u64 now = clock_ticks();
	struct end_value backend = {};
	struct ct_value *other;
	bool service;

	if (!packet || !entry)
		return 0;
	/* The backend knows the packet as one to itself. */
	service = entry->flags & CT_SERVICE && !backend_end(entry->backend, &backend);
	if (service)
		end_exchange(packet, END_DESTINATION, &backend);
	other = ct_lookup(packet, direction ^ 1, now);
	if (other) {
		ct_track(other, packet, other->direction == (direction ^ 1), now);
		if (other->frontend)
			service_changes(packet, other, direction ^ 1);
	} else {
		/* By the stack, where the other endpoint's program learns of the connection again. */
		entry->deliver_to = 0;
	}
	if (service)
		end_exchange(packet, END_DESTINATION, &backend);
	return 0;
}

/* The same for the entry itself, and for whoever traces. Not zero: its twin is gone. */
__noinline int connection_changes(struct __sk_buff *skb, struct packet *packet,
				  const struct endpoint_value *endpoint, __u32 direction)
{
	const struct node_config_value *config = node_config_lookup();
	struct occasion occasion = {.type = EVENT_TRACE, .direction = (__u8)direction};
	struct side side = {};
	struct ct_value *entry;
	__u64 now = clock_ticks();
	int gone = 0;

	if (!packet || !endpoint || !config)
		return 0;
	entry = ct_lookup(packet, direction, now);
	if (!entry)
		return 0;
	ct_track(entry, packet, entry->direction == direction, now);
	if (entry->frontend)
		gone = service_changes(packet, entry, direction);
	if (config->flags & NODE_TRACE) {
		side_fill(&side, endpoint, skb->ifindex);
		side.decision = entry->decision;
		side.peer_identity = entry->peer_identity;
		occasion.connection = entry->direction == direction ? CT_ESTABLISHED : CT_REPLY;
		event_emit(skb, packet, &side, &occasion);
	}
	return gone;
}

/*
 * Asks the policy of the endpoint; returns only when that failed, with the reason to drop. What goes to a frontend is asked
 * about as a packet to the backend. Nobody is asked about what an endpoint sends to itself, or where nothing is enforced.
 */
static __always_inline __u32 policy_ask(struct __sk_buff *skb, struct packet *packet,
					const struct translation *translation,
					const struct endpoint_value *endpoint,
					enum policyc_direction direction, enum known known)
{
	__u32 slot = endpoint->policy_slot;
	struct end_value backend = {};
	struct policy_scratch *scratch;
	int reason;

	if (direction == POLICYC_EGRESS && is_service(translation)) {
		if (backend_end(translation->backend, &backend))
			return DROP_MISSING_STATE;
		end_exchange(packet, END_DESTINATION, &backend);
	}
	reason = policy_prepare(packet, endpoint, skb->ifindex, known, translation, direction);
	if (reason)
		return (__u32)reason;
	if (direction == POLICYC_EGRESS &&
	    (translation->flags & CT_LOOPBACK || endpoint->flags & ENDPOINT_UNENFORCED)) {
		scratch = policy_scratch_lookup();
		if (!scratch)
			return DROP_MISSING_STATE;
		scratch->decision = POLICYC_DECISION(POLICY_ALLOW, 0);
		bpf_tail_call(skb, &policy_finish, POLICYC_EGRESS);
		return DROP_POLICY_MISSING;
	}
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

/* A connection that nobody has answered yet may have begun before its frontend was there. */
static __always_inline bool may_be_service(const struct node_config_value *config,
					   const struct packet *packet, const struct ct_value *entry,
					   enum policyc_direction direction)
{
	return direction == POLICYC_EGRESS && config->flags & NODE_SERVICES && packet->kind == PACKET_FLOW &&
	       (!entry ||
		(!entry->frontend && entry->direction == POLICYC_EGRESS && !(entry->flags & CT_SEEN_REPLY)));
}

static __always_inline int handle(struct __sk_buff *skb, enum policyc_direction direction)
{
	struct packet packet = {};
	__u32 reason = (__u32)parse_packet(skb, &packet);
	const struct endpoint_value *endpoint = endpoint_by_interface(skb->ifindex);
	const struct node_config_value *config = node_config_lookup();
	struct translation translation = {};
	struct ct_value *entry = NULL;
	enum known known = CONNECTION_NEW;
	__u64 now = clock_ticks();
	__u32 deliver_to = 0;
	bool enforced;
	int action;

	if (!endpoint)
		reason = DROP_UNKNOWN_ENDPOINT;
	else if (!config)
		reason = DROP_MISSING_STATE;
	else if (!reason)
		reason = admit(skb, endpoint, config, &packet, direction);
	if (reason || !endpoint || !config)
		goto drop;
	enforced = !(endpoint->flags & ENDPOINT_UNENFORCED);
	if (!enforced && !(config->flags & NODE_SERVICES))
		goto pass;
	if (is_tracked(&packet)) {
		entry = ct_lookup(&packet, direction, now);
		if (entry && ct_reopens(entry, &packet)) {
			known = CONNECTION_REOPENS;
			entry = NULL;
		}
	} else if (passes_unasked(skb, &packet, endpoint, direction) || !enforced) {
		goto pass;
	}
	if (entry && entry->frontend) {
		int followed = service_follow(&packet, entry, &translation, direction);

		reason = (__u32)followed;
		if (followed == SERVICE_BEGINS_AGAIN) {
			known = CONNECTION_REOPENS;
			entry = NULL;
		} else if (reason) {
			goto drop;
		}
	}
	if (may_be_service(config, &packet, entry, direction)) {
		reason = (__u32)service_begin(&packet, &translation);
		if (reason)
			goto drop;
		if (entry && is_service(&translation)) {
			known = CONNECTION_REOPENS;
			entry = NULL;
		}
	}
	if (!enforced && !is_service(&translation))
		goto pass;
	if (entry) {
		bool original = entry->direction == direction;
		union ct_verdict verdict = ct_verdict_read(entry);
		bool denied;

		denied = !policy_allows((int)verdict.decision);
		known = CONNECTION_KNOWN;
		if (original && (denied || verdict.policy_epoch != config->policy_epoch) && enforced &&
		    !(translation.flags & CT_LOOPBACK))
			goto ask;
		if (denied && enforced) {
			reason = (__u32)policy_denial(verdict.decision, endpoint->flags);
			if (reason && answer_passes(skb, &packet))
				goto pass;
			if (reason)
				goto drop;
		}
		if (ct_is_news(entry, &packet, original, now)) {
			int gone = connection_changes(skb, &packet, endpoint, direction);

			if (entry->deliver_to)
				other_changes(&packet, entry, direction);
			/* Asking makes it again. */
			if (gone)
				goto ask;
		}
		if (config->flags & NODE_CT_ACCOUNTING)
			ct_account(entry, skb, &packet);
		if (direction == POLICYC_EGRESS)
			deliver_to = entry->deliver_to & unless_queued(endpoint->flags);
		goto pass;
	}
ask:
	if (answer_passes(skb, &packet))
		goto pass;
	reason = policy_ask(skb, &packet, &translation, endpoint, direction, known);
drop:
	return refuse(skb, &packet, endpoint, REFUSE(direction, reason), entry);
pass:
	if (is_service(&translation)) {
		reason = (__u32)service_rewrite(skb, &packet, &translation, direction, deliver_to);
		if (reason)
			goto drop;
	}
	count_passed(endpoint->endpoint_id, direction, packet_bytes(skb, &packet));
	if (direction == POLICYC_EGRESS && translation.flags & CT_LOOPBACK)
		return turn_round(skb);
	if (deliver_to) {
		action = deliver(skb, &packet, deliver_to);
		if (action != POLICYC_PASS && config->flags & NODE_CT_ACCOUNTING)
			account_received(skb, &packet);
		return action;
	}
	if (direction == POLICYC_EGRESS && may_forward(config, endpoint->flags) && is_tracked(&packet))
		return forward(skb, &packet);
	return pass_on(endpoint->flags);
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

/* A packet that was asked about as one to a backend becomes it. */
static __always_inline __u32 rewrite_sent(struct __sk_buff *skb, struct continuation *asked)
{
	struct end_value frontend = {};

	if (!is_service(&asked->translation))
		return DROP_NONE;
	if (frontend_end(asked->translation.frontend, &frontend))
		return DROP_MISSING_STATE;
	end_exchange(&asked->packet, END_DESTINATION, &frontend);
	return (__u32)service_rewrite(skb, &asked->packet, &asked->translation, POLICYC_EGRESS, 0);
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
		reason = remember_side(skb, asked, POLICYC_EGRESS, 0);
	if (!reason)
		reason = rewrite_sent(skb, asked);
	if (reason)
		return drop_of(skb, packet, side, POLICYC_EGRESS, reason, POLICYC_EGRESS);
	count_passed(side->endpoint_id, POLICYC_EGRESS, packet_bytes(skb, packet));
	if (asked->translation.flags & CT_LOOPBACK)
		return turn_round(skb);
	if (config && may_forward(config, side->flags) && is_tracked(packet))
		return forward(skb, packet);
	return pass_on(side->flags);
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
		reason = remember_side(skb, asked, POLICYC_INGRESS, links ? sender->interface_index : 0);
	if (reason)
		return drop_of(skb, packet, side, POLICYC_INGRESS, reason,
			       delivery ? POLICYC_EGRESS : POLICYC_INGRESS);
	if (!delivery) {
		count_passed(side->endpoint_id, POLICYC_INGRESS, packet_bytes(skb, packet));
		return pass_on(side->flags);
	}
	reason = remember_side(skb, asked, POLICYC_EGRESS, links ? asked->deliver_to : 0);
	if (!reason)
		reason = rewrite_sent(skb, asked);
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
