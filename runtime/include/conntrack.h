/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections. An entry's key is the tuple as the endpoint sees it, so one lookup serves both directions; the entry says
 * who began. It keeps the policy's decision and the epoch in which that was taken.
 *
 * An expired entry counts as absent. On the way of an established packet nothing is written unless a flag is new or the
 * lifetime is a second old, so the entry's cache line stays shared between CPUs. How entries come and go is in
 * conntrack_table.h.
 */
#ifndef POLICYC_RUNTIME_CONNTRACK_H
#define POLICYC_RUNTIME_CONNTRACK_H

#include "runtime/include/maps.h"
#include "runtime/include/parse.h"

#define CT_CLOSED (CT_CLOSING_ORIG | CT_CLOSING_REPLY)

/*
 * Epoch and decision are one word: a CPU that still asks the old policy must not leave its decision under the epoch that
 * another CPU has just written.
 */
union ct_verdict {
	struct {
		__u32 policy_epoch;
		__u32 decision;
	};
	__u64 word;
};

static __always_inline struct ct_pressure_value *ct_pressure_lookup(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&ct_pressure, &first);
}

/* Whether connections may be in the overflow tables. */
static __always_inline bool ct_overflowed(void)
{
	const struct ct_pressure_value *pressure = ct_pressure_lookup();

	return pressure && pressure->overflowed;
}

static __always_inline union ct_verdict ct_verdict_read(const struct ct_value *entry)
{
	return (union ct_verdict){.word = *(const volatile __u64 *)&entry->policy_epoch};
}

static __always_inline void ct_verdict_write(struct ct_value *entry, __u32 policy_epoch, __u32 decision)
{
	union ct_verdict verdict = {{policy_epoch, decision}};

	*(volatile __u64 *)&entry->policy_epoch = verdict.word;
}

static __always_inline void ct_ports(const struct packet *packet, enum policyc_direction direction,
				     __be16 *local, __be16 *remote)
{
	if (packet->kind == PACKET_ECHO_REQUEST || packet->kind == PACKET_ECHO_REPLY) {
		__u16 request = (__u16)direction ^ (packet->kind == PACKET_ECHO_REPLY);

		*local = packet->echo_id;
		*remote = bpf_htons(request);
	} else if (direction == POLICYC_EGRESS) {
		*local = packet->source_port;
		*remote = packet->destination_port;
	} else {
		*local = packet->destination_port;
		*remote = packet->source_port;
	}
}

static __always_inline struct ct4_key ct_key4(const struct packet *packet, enum policyc_direction direction)
{
	bool egress = direction == POLICYC_EGRESS;
	struct ct4_key key = {};

	key.local_address = egress ? packet->source.words[0] : packet->destination.words[0];
	key.remote_address = egress ? packet->destination.words[0] : packet->source.words[0];
	key.protocol = packet->protocol;
	ct_ports(packet, direction, &key.local_port, &key.remote_port);
	return key;
}

static __always_inline struct ct6_key ct_key6(const struct packet *packet, enum policyc_direction direction)
{
	bool egress = direction == POLICYC_EGRESS;
	struct ct6_key key = {};

	__builtin_memcpy(key.local_address, egress ? &packet->source : &packet->destination, 16);
	__builtin_memcpy(key.remote_address, egress ? &packet->destination : &packet->source, 16);
	key.protocol = packet->protocol;
	ct_ports(packet, direction, &key.local_port, &key.remote_port);
	return key;
}

/* The living entry of a packet that travels in `direction`, or null. */
static __always_inline struct ct_value *ct_lookup(const struct packet *packet,
						  enum policyc_direction direction, __u64 now)
{
	struct ct_value *entry;

	if (!have_ipv6 || packet->family == 4) {
		struct ct4_key key = ct_key4(packet, direction);

		entry = bpf_map_lookup_elem(&conntrack4, &key);
		if (!entry && ct_overflowed())
			entry = bpf_map_lookup_elem(&conntrack4_overflow, &key);
	} else {
		struct ct6_key key = ct_key6(packet, direction);

		entry = bpf_map_lookup_elem(&conntrack6, &key);
		if (!entry && ct_overflowed())
			entry = bpf_map_lookup_elem(&conntrack6_overflow, &key);
	}
	return entry && entry->expires > now ? entry : NULL;
}

/* A SYN on a connection that one side has closed begins a new one. */
static __always_inline bool ct_reopens(const struct ct_value *entry, const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP && entry->flags & CT_CLOSED &&
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

/* In ticks. */
static __always_inline __u64 ct_lifetime(__u8 protocol, __u8 flags)
{
	__u32 seconds = CT_LIFETIME_OTHER;

	if (protocol == IPPROTO_TCP) {
		if ((flags & CT_CLOSED) == CT_CLOSED)
			seconds = CT_LIFETIME_CLOSE;
		else
			seconds = flags & CT_SEEN_REPLY ? CT_LIFETIME_TCP : CT_LIFETIME_TCP_SYN;
	}
	return (__u64)seconds * ticks_per_second;
}

/* The flags that a packet adds to an entry; also without a branch. */
static __always_inline __u8 ct_new_flags(const struct packet *packet, bool original)
{
	__u8 reply = !original;
	__u8 fin = packet->tcp_flags & TCP_FIN;
	__u8 rst = (packet->tcp_flags & TCP_RST) / TCP_RST;

	return (__u8)(reply * CT_SEEN_REPLY | (fin * CT_CLOSING_ORIG) << reply | rst * CT_CLOSED);
}

/*
 * Would ct_track() write anything? Without a branch: this is what every packet of an established connection pays, and the
 * verifier walks all that follows once for each.
 */
static __always_inline bool ct_is_news(const struct ct_value *entry, const struct packet *packet,
				       bool original, __u64 now)
{
	__u8 known = original ? entry->tcp_flags_orig : entry->tcp_flags_reply;
	__u64 young = ticks_per_second - (__u64)((__u32)now - entry->refreshed);

	return (packet->tcp_flags & ~known) | (ct_new_flags(packet, original) & ~entry->flags) | young >> 63;
}

/*
 * Notes a packet that is let through. Closed connections end when they were to end: what still arrives does not prolong
 * them.
 */
static __always_inline void ct_track(struct ct_value *entry, const struct packet *packet, bool original,
				     __u64 now)
{
	__u8 before = entry->flags;
	__u8 after = before | ct_new_flags(packet, original);

	entry->flags = after;
	if (original)
		entry->tcp_flags_orig |= packet->tcp_flags;
	else
		entry->tcp_flags_reply |= packet->tcp_flags;
	entry->refreshed = (__u32)now;
	if ((before & CT_CLOSED) != CT_CLOSED)
		entry->expires = now + ct_lifetime(packet->protocol, after);
}

static __always_inline void ct_account(struct ct_value *entry, struct __sk_buff *skb,
				       const struct packet *packet)
{
	__sync_fetch_and_add(&entry->packets, 1);
	__sync_fetch_and_add(&entry->bytes, packet_bytes(skb, packet));
}

#endif /* POLICYC_RUNTIME_CONNTRACK_H */
