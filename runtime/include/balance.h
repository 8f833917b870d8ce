/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Services for the packets of endpoints: what an endpoint sends to a frontend goes to a backend, and what that answers comes
 * from the frontend. Sockets do this for TCP and UDP when they connect; this is for what they do not cover.
 *
 * A connection to a frontend is one entry (CT_SERVICE) under the tuple that the endpoint sends, with the frontend, the backend
 * and the policy's decision about the backend: what is sent costs one lookup. What the backend sends has another tuple; under
 * that lies a twin of the entry (CT_SERVICE_REPLY), so it costs one lookup as well. The twins say the same of the connection.
 *
 * A backend that is an endpoint of this node has an entry of its own (of a frontend, but of no CT_SERVICE flag, when its
 * sender's packets are delivered past the stack): its program gives what it delivers the frontend for a source, because the client's program does not see it.
 *
 * An endpoint that is its own backend sees the node's loopback address as its client (CT_LOOPBACK); no policy is asked. Its
 * packets are turned round at its interface and meet both programs; the twin is the connection as the backend sees it.
 */
#ifndef POLICYC_RUNTIME_BALANCE_H
#define POLICYC_RUNTIME_BALANCE_H

#include "runtime/include/conntrack_table.h"
#include "runtime/include/policy.h"
#include "runtime/include/rewrite.h"
#include "runtime/include/service.h"

#define SERVICE_BEGINS_AGAIN (-1)

static __always_inline bool loopback_known(const struct service_config_value *config, __u8 family)
{
	const __u32 *words = (const __u32 *)config->loopback6;

	return family == 4 ? config->loopback4 != 0 : (words[0] | words[1] | words[2] | words[3]) != 0;
}

static __always_inline bool is_service(const struct translation *translation)
{
	return translation->frontend != 0;
}

/* Is the connection of a packet still at its beginning, so that another backend does no harm? */
static __always_inline bool begins(const struct packet *packet)
{
	return packet->protocol != IPPROTO_TCP ||
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

/* One end of a packet. */
struct end_value {
	union address address;
	__be16 port;
	__u16 pad;
};

/*
 * Exchanges one end of what is known of a packet with `value`; the skb stays as it is. Done twice, nothing has changed: so an
 * entry under another tuple is found without a second packet, for which the stack has no room.
 */
static __always_inline void end_exchange(struct packet *packet, enum end end, struct end_value *value)
{
	struct end_value before;

	if (end == END_SOURCE) {
		before.address = packet->source;
		before.port = packet->source_port;
		packet->source = value->address;
		packet->source_port = value->port;
	} else {
		before.address = packet->destination;
		before.port = packet->destination_port;
		packet->destination = value->address;
		packet->destination_port = value->port;
	}
	value->address = before.address;
	value->port = before.port;
}

static __always_inline int frontend_end(__u32 number, struct end_value *value)
{
	const struct frontend_address *frontend = frontend_address_lookup(number);

	if (!frontend)
		return DROP_MISSING_STATE;
	__builtin_memcpy(&value->address, frontend->address, 16);
	value->port = frontend->port;
	return DROP_NONE;
}

static __always_inline int backend_end(__u32 number, struct end_value *value)
{
	const struct backend_value *backend = backend_lookup(number);

	if (!backend)
		return DROP_MISSING_STATE;
	__builtin_memcpy(&value->address, backend->address, 16);
	value->port = backend->port;
	return DROP_NONE;
}

/* The node's loopback address for services, with the port that is given. */
static __always_inline int loopback_end(__u8 family, __be16 port, struct end_value *value)
{
	const struct service_config_value *config = service_config_lookup();

	if (!config)
		return DROP_MISSING_STATE;
	__builtin_memset(value, 0, sizeof(*value));
	if (!have_ipv6 || family == 4)
		value->address.words[0] = config->loopback4;
	else
		__builtin_memcpy(&value->address, config->loopback6, 16);
	value->port = port;
	return DROP_NONE;
}

static __always_inline enum end remote_end(enum policyc_direction direction)
{
	return direction == POLICYC_EGRESS ? END_DESTINATION : END_SOURCE;
}

/*
 * A packet of no known connection: is it for a frontend? Then `made` says where it goes. A drop reason, or DROP_NONE; without
 * a frontend made->frontend is 0.
 */
__noinline int service_begin(const struct packet *packet, struct translation *made)
{
	const struct service_config_value *config = service_config_lookup();
	const struct frontend_value *found;
	const struct backend_value *backend;
	struct frontend_value frontend;
	struct client client = {.scope = SCOPE_INTERNAL};
	struct chosen chosen = {};

	if (!packet || !made || !config)
		return DROP_MISSING_STATE;
	__builtin_memset(made, 0, sizeof(*made));
	if (!have_ipv6 || packet->family == 4)
		found = frontend_lookup4(packet->destination.words[0], packet->destination_port,
					 packet->protocol);
	else
		found = frontend_lookup6(packet->destination.words, packet->destination_port,
					 packet->protocol);
	if (!found)
		return DROP_NONE;
	frontend = *found;
	if (!frontend.frontend)
		return DROP_SERVICE_UNKNOWN_PORT;
	__builtin_memcpy(client.words, &packet->source, sizeof(client.words));
	client.kind = packet->family;
	backend_choose(&frontend, &client, &chosen, clock_ticks());
	if (!chosen.number)
		return DROP_SERVICE_NO_BACKEND;
	backend = backend_lookup(chosen.number);
	if (!backend)
		return DROP_MISSING_STATE;
	if (backend->family != packet->family ||
	    (packet->protocol == IPPROTO_SCTP && backend->port != packet->destination_port))
		return DROP_NAT_UNSUPPORTED;
	made->frontend = frontend.frontend;
	made->backend = chosen.number;
	made->generation = chosen.generation;
	made->flags = CT_SERVICE;
	if (address_equal6(&packet->source, backend->address)) {
		made->flags |= CT_LOOPBACK;
		/* Without such an address it would talk to itself past the frontend. */
		if (!loopback_known(config, packet->family))
			return DROP_NAT_UNSUPPORTED;
	}
	return DROP_NONE;
}

/*
 * A packet of a connection that belongs to a service: `made` says to which. A drop reason, DROP_NONE, or SERVICE_BEGINS_AGAIN:
 * it is asked about as if it were new.
 */
__noinline int service_follow(const struct packet *packet, const struct ct_value *entry,
			      struct translation *made, __u32 direction)
{
	if (!packet || !entry || !made)
		return DROP_MISSING_STATE;
	made->frontend = entry->frontend;
	made->backend = entry->backend;
	made->generation = entry->generation;
	made->flags = entry->flags & (CT_SERVICE | CT_SERVICE_REPLY | CT_LOOPBACK);
	if (made->flags & CT_SERVICE) {
		if (backend_of(made->backend, made->generation))
			return DROP_NONE;
	} else if (direction == POLICYC_INGRESS || !(made->flags & CT_SERVICE_REPLY) ||
		   made->flags & CT_LOOPBACK || !begins(packet)) {
		return DROP_NONE;
	}
	/* Another backend, or straight to the backend from the same port: that is not this connection. */
	made->frontend = 0;
	made->flags = 0;
	return begins(packet) ? SERVICE_BEGINS_AGAIN : DROP_SERVICE_BACKEND_GONE;
}

/*
 * The entry that says the same of a connection to a frontend; `packet` is of the tuple of `entry` and travels in `direction`.
 * Null: there is none. The two of an endpoint with itself need not be told of each other: both programs see its packets.
 */
static __always_inline struct ct_value *twin_lookup(struct packet *packet, const struct ct_value *entry,
						    enum policyc_direction direction, __u64 now)
{
	struct end_value other = {};
	struct ct_value *twin;
	int missing = true;

	if (entry->flags & CT_LOOPBACK)
		return NULL;
	if (entry->flags & CT_SERVICE)
		missing = backend_end(entry->backend, &other);
	else if (entry->flags & CT_SERVICE_REPLY)
		missing = frontend_end(entry->frontend, &other);
	if (missing)
		return NULL;
	end_exchange(packet, remote_end(direction), &other);
	twin = ct_lookup(packet, direction, now);
	end_exchange(packet, remote_end(direction), &other);
	return twin;
}

/* The twin of an entry that has got another verdict gets it too. */
__noinline int twin_verdict(struct packet *packet, const struct ct_value *entry, __u32 direction)
{
	struct ct_value *twin;

	if (!packet || !entry)
		return 0;
	twin = twin_lookup(packet, entry, direction, clock_ticks());
	if (twin) {
		union ct_verdict verdict = ct_verdict_read(entry);

		twin->peer_identity = entry->peer_identity;
		twin->deliver_to = entry->deliver_to;
		ct_verdict_write(twin, verdict.policy_epoch, verdict.decision);
	}
	return 0;
}

/*
 * Remembers the twin of a connection to a frontend; `packet` goes to the backend. DROP_NONE, or why the connection cannot be:
 * without its twin its replies would not be known, so then it is forgotten too.
 */
__noinline int remember_twin(struct packet *packet, __u32 frontend)
{
	enum policyc_direction direction = POLICYC_EGRESS;
	const struct ct_value *entry;
	struct end_value other = {};
	struct ct_value *twin;
	struct ct_value value;
	__u64 now = clock_ticks();
	int reason = DROP_NONE;

	if (!packet || frontend_end(frontend, &other))
		return DROP_MISSING_STATE;
	end_exchange(packet, END_DESTINATION, &other);
	entry = ct_lookup(packet, POLICYC_EGRESS, now);
	end_exchange(packet, END_DESTINATION, &other);
	/* What makes no entry has no twin. */
	if (!entry || !(entry->flags & CT_SERVICE))
		return DROP_NONE;
	value = *entry;
	value.flags = (value.flags & ~CT_SERVICE) | CT_SERVICE_REPLY;
	if (value.flags & CT_LOOPBACK) {
		if (loopback_end(packet->family, packet->source_port, &other))
			return DROP_MISSING_STATE;
		end_exchange(packet, END_SOURCE, &other);
		direction = POLICYC_INGRESS;
		value.direction = POLICYC_INGRESS;
	}
	/* It may have ended since, or another CPU replaces it. */
	if (value.expires <= now)
		value.expires = now + ct_lifetime(packet->protocol, value.flags);
	twin = ct_lookup(packet, direction, now);
	if (ct_renew_or_create(twin, packet, &value, direction, now))
		reason = DROP_CONNTRACK_FULL;
	if (value.flags & CT_LOOPBACK)
		end_exchange(packet, END_SOURCE, &other);
	if (reason && !frontend_end(frontend, &other)) {
		end_exchange(packet, END_DESTINATION, &other);
		ct_forget(packet, POLICYC_EGRESS);
		end_exchange(packet, END_DESTINATION, &other);
	}
	return reason;
}

/*
 * What an entry has learned (ct_track) its twin learns as well. Not zero: `packet` is sent to the frontend, and the twin is gone
 * or has become another connection's (the table may have been full).
 */
__noinline int service_changes(struct packet *packet, const struct ct_value *entry, __u32 direction)
{
	__u64 now = clock_ticks();
	struct ct_value *twin;

	if (!packet || !entry)
		return 0;
	twin = twin_lookup(packet, entry, direction, now);
	if (twin && twin->frontend == entry->frontend) {
		ct_track(twin, packet, twin->direction == direction, now);
		return 0;
	}
	return entry->flags & CT_SERVICE && direction == POLICYC_EGRESS && !(entry->flags & CT_LOOPBACK);
}

/*
 * What becomes of a packet of a connection that belongs to a service and may pass: it is rewritten for where it goes.
 * `delivered`: past the stack, and so past the program that would give it the frontend's address. A drop reason or DROP_NONE.
 */
__noinline int service_rewrite(struct __sk_buff *skb, struct packet *packet, const struct translation *of,
			       __u32 direction, __u32 delivered)
{
	struct end_value to = {};
	int reason;

	if (!packet || !of)
		return DROP_MISSING_STATE;
	if (of->flags & CT_SERVICE) {
		if (direction != POLICYC_EGRESS)
			return DROP_NONE;
		if (backend_end(of->backend, &to))
			return DROP_MISSING_STATE;
		reason = rewrite_end(skb, packet, &to.address, REWRITE(END_DESTINATION, to.port));
		if (reason || !(of->flags & CT_LOOPBACK))
			return reason;
		if (loopback_end(packet->family, packet->source_port, &to))
			return DROP_MISSING_STATE;
		return rewrite_end(skb, packet, &to.address, REWRITE(END_SOURCE, to.port));
	}
	if (of->flags & CT_LOOPBACK) {
		if (direction != POLICYC_EGRESS)
			return DROP_NONE;
		to.address = packet->source;
		reason = rewrite_end(skb, packet, &to.address,
				     REWRITE(END_DESTINATION, packet->destination_port));
		if (reason)
			return reason;
	} else if (of->flags & CT_SERVICE_REPLY ? direction != POLICYC_INGRESS : !delivered) {
		return DROP_NONE;
	}
	if (frontend_end(of->frontend, &to))
		return DROP_MISSING_STATE;
	return rewrite_end(skb, packet, &to.address, REWRITE(END_SOURCE, to.port));
}

/* The way of a packet that an endpoint sends to itself: out of the interface that it came in by, to its other program. */
static __always_inline int turn_round(struct __sk_buff *skb)
{
	__u16 *frame = (void *)(long)skb->data;

	if ((void *)(frame + 6) > (void *)(long)skb->data_end)
		return POLICYC_DROP;
#pragma unroll
	for (int i = 0; i < 3; i++) {
		__u16 word = frame[i];

		frame[i] = frame[i + 3];
		frame[i + 3] = word;
	}
	return (int)bpf_redirect(skb->ifindex, 0);
}

/*
 * An ICMP error about a packet to a backend tells the endpoint of the packet that it sent to the frontend. The quoted IPv4
 * header's own checksum makes up for its address; what is quoted of the transport's is nobody's to check.
 */
__noinline int service_rewrite_quoted(struct __sk_buff *skb, const struct packet *outer,
				      const struct packet *quoted, const struct ct_value *entry)
{
	struct end_value to = {};
	__u32 sum_at, at;
	__s64 difference;
	__be16 old_port;

	if (!outer || !quoted || !entry || frontend_end(entry->frontend, &to))
		return DROP_MISSING_STATE;
	old_port = quoted->destination_port;
	sum_at = outer->transport_offset + 2;
	if (!have_ipv6 || outer->family == 4) {
		at = quoted->network_offset;
		if (bpf_l3_csum_replace(skb, at + IPV4_CHECKSUM, quoted->destination.words[0],
					to.address.words[0], 4) ||
		    bpf_skb_store_bytes(skb, at + IPV4_DESTINATION, &to.address, 4, 0))
			return DROP_TRUNCATED;
	} else {
		at = quoted->network_offset + IPV6_DESTINATION;
		difference = bpf_csum_diff((__be32 *)&quoted->destination, 16, (__be32 *)&to.address, 16, 0);
		if (bpf_skb_store_bytes(skb, at, &to.address, 16, 0) ||
		    bpf_l4_csum_replace(skb, sum_at, 0, (__u64)difference, 0))
			return DROP_TRUNCATED;
	}
	if (quoted->kind != PACKET_FLOW || old_port == to.port)
		return DROP_NONE;
	if (bpf_skb_store_bytes(skb, quoted->transport_offset + 2, &to.port, sizeof(to.port), 0) ||
	    bpf_l4_csum_replace(skb, sum_at, old_port, to.port, 2))
		return DROP_TRUNCATED;
	return DROP_NONE;
}

#endif /* POLICYC_RUNTIME_BALANCE_H */
