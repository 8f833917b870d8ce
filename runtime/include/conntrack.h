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

#include "runtime/include/conntrack_bucket.h"
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

/* Two fields that follow each other in memory as one word: a word of a key is stored as it is loaded. */
static __always_inline __u64 ct_join(__u64 first, __u64 second, int bits)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | second << bits;
#else
	return first << bits | second;
#endif
}

/* The last word of a key: ports, protocol, padding. */
static __always_inline __u64 ct_last_word(const struct packet *packet, enum policyc_direction direction)
{
	__be16 local, remote;

	if (packet->kind == PACKET_ECHO_REQUEST || packet->kind == PACKET_ECHO_REPLY) {
		__u16 request = (__u16)direction ^ (packet->kind == PACKET_ECHO_REPLY);

		local = packet->echo_id;
		remote = bpf_htons(request);
	} else if (direction == POLICYC_EGRESS) {
		local = packet->source_port;
		remote = packet->destination_port;
	} else {
		local = packet->destination_port;
		remote = packet->source_port;
	}
	return ct_join(ct_join(local, remote, 16), bpf_htonl((__u32)packet->protocol << 24), 32);
}

static __always_inline void ct_key4(union ct_key *key, const struct packet *packet,
				    enum policyc_direction direction)
{
	bool egress = direction == POLICYC_EGRESS;

	key->words[0] = egress ? ct_join(packet->source.words[0], packet->destination.words[0], 32)
			       : ct_join(packet->destination.words[0], packet->source.words[0], 32);
	key->words[1] = ct_last_word(packet, direction);
}

static __always_inline void ct_key6(union ct_key *key, const struct packet *packet,
				    enum policyc_direction direction)
{
	bool egress = direction == POLICYC_EGRESS;

	__builtin_memcpy(&key->words[0], egress ? &packet->source : &packet->destination, 16);
	__builtin_memcpy(&key->words[2], egress ? &packet->destination : &packet->source, 16);
	key->words[4] = ct_last_word(packet, direction);
}

static __always_inline struct ct_value *ct_find(void *map, void *overflow, const union ct_key *key, int words,
						__u64 now)
{
	const struct ct_table_value *table = ct_table_lookup();
	struct ct_value *entry;
	struct ct_bucket *bucket;
	__u32 hash, last, index;
	__u16 tag;

	if (!table)
		return NULL;
	hash = ct_hash(table, key->words, words);
	last = table->last_bucket[words == CT_KEY6_WORDS];
	index = hash & last;
	bucket = bpf_map_lookup_elem(map, &index);
	if (!bucket)
		return NULL;
	entry = ct_living(bucket, ct_home_tag(hash), key, words, now);
	if (entry)
		return entry;
	if (*(volatile __u32 *)&bucket->guests) {
		tag = ct_guest_tag(hash);
		index = ct_other_bucket(index, tag, last);
		bucket = bpf_map_lookup_elem(map, &index);
		entry = bucket ? ct_living(bucket, tag, key, words, now) : NULL;
		if (entry)
			return entry;
	}
	if (!ct_overflowed())
		return NULL;
	entry = bpf_map_lookup_elem(overflow, key);
	return entry && entry->expires > now ? entry : NULL;
}

/* The living entry of a packet that travels in `direction`, or null. */
static __always_inline struct ct_value *ct_lookup(const struct packet *packet,
						  enum policyc_direction direction, __u64 now)
{
	union ct_key key;

	if (!have_ipv6 || packet->family == 4) {
		ct_key4(&key, packet, direction);
		return ct_find(&conntrack4, &conntrack4_overflow, &key, CT_KEY4_WORDS, now);
	}
	ct_key6(&key, packet, direction);
	return ct_find(&conntrack6, &conntrack6_overflow, &key, CT_KEY6_WORDS, now);
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

/* Unless another CPU prolongs it at the same time, or it has ended. */
static __always_inline void ct_prolong(struct ct_value *entry, __u64 until, __u64 now)
{
	__u64 seen = *(volatile __u64 *)&entry->expires;

	if (seen > now)
		__sync_val_compare_and_swap(&entry->expires, seen, until);
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
		ct_prolong(entry, now + ct_lifetime(packet->protocol, after), now);
}

static __always_inline void ct_account(struct ct_value *entry, struct __sk_buff *skb,
				       const struct packet *packet)
{
	__sync_fetch_and_add(&entry->packets, 1);
	__sync_fetch_and_add(&entry->bytes, packet_bytes(skb, packet));
}

#endif /* POLICYC_RUNTIME_CONNTRACK_H */
