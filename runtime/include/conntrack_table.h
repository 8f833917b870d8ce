/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How entries come and go. The tables are plain hashes, which take a new entry in two thirds of the time that an LRU needs;
 * expired entries are removed by ct_collect, which user space runs over the keys that it found expired.
 *
 * An expired entry is replaced or removed only by who holds the claim of its key. So a removal can never hit the entry of a
 * connection that has begun since the expired one was looked at. Claims are taken by BPF programs alone, which end; nobody
 * can die holding one.
 *
 * A connection that finds its table full goes into the overflow table, where the oldest ones make room.
 */
#ifndef POLICYC_RUNTIME_CONNTRACK_TABLE_H
#define POLICYC_RUNTIME_CONNTRACK_TABLE_H

#include "runtime/include/conntrack.h"

/* How often a claim that another CPU holds is tried; it is held for less than a microsecond. */
#define CT_CLAIM_TRIES 64

#define CT_E2BIG  (-7)
#define CT_EEXIST (-17)

static __always_inline bool ct_claim_take(const struct ct_claim *claim)
{
	__u8 one = 1;

	for (int i = 0; i < CT_CLAIM_TRIES; i++) {
		if (bpf_map_update_elem(&ct_claims, claim, &one, BPF_NOEXIST) == 0)
			return true;
	}
	return false;
}

/*
 * Puts a connection where its expired predecessor is, in place: an element that was taken out could be given to another
 * connection while a CPU that found it living still writes to it. One that another CPU has put there meanwhile stays. Not
 * zero: it could not be remembered.
 */
static __always_inline int ct_replace(void *table, const void *key, const struct ct_claim *claim,
				      const struct ct_value *fresh, __u64 now)
{
	bool claimed = ct_claim_take(claim);
	struct ct_value *entry = bpf_map_lookup_elem(table, key);
	struct ct_value dead = *fresh;
	int result = 0;

	if (!entry) {
		result = (int)bpf_map_update_elem(table, key, fresh, BPF_NOEXIST);
	} else if (entry->expires <= now) {
		if (!claimed)
			return CT_EEXIST;
		dead.expires = 0;
		*entry = dead;
		*(volatile __u64 *)&entry->expires = fresh->expires;
	}
	if (claimed)
		bpf_map_delete_elem(&ct_claims, claim);
	return result;
}

static __always_inline int ct_insert(void *table, void *overflow, const void *key,
				     const struct ct_claim *claim, const struct ct_value *fresh, __u64 now)
{
	struct ct_pressure_value *pressure;
	int result = (int)bpf_map_update_elem(table, key, fresh, BPF_NOEXIST);

	if (result == CT_EEXIST)
		result = ct_replace(table, key, claim, fresh, now);
	if (result != CT_E2BIG)
		return result;
	pressure = ct_pressure_lookup();
	if (pressure) {
		__sync_fetch_and_add(&pressure->full[claim->family == 6], 1);
		pressure->overflowed = 1;
	}
	return (int)bpf_map_update_elem(overflow, key, fresh, BPF_ANY);
}

/* Remembers a connection: `fresh`, of a packet that travels in `direction`. Not zero: it could not be remembered. */
__noinline int ct_create(const struct packet *packet, const struct ct_value *fresh, __u32 direction,
			 __u64 now)
{
	struct ct_claim claim = {};
	struct ct_value value;

	if (!packet || !fresh)
		return -1;
	/* Linux 6.1 takes no argument of a global function for the value of a map, so it is copied to the stack. */
	value = *fresh;
	if (!have_ipv6 || packet->family == 4) {
		claim.family = 4;
		claim.key4 = ct_key4(packet, direction);
		return ct_insert(&conntrack4, &conntrack4_overflow, &claim.key4, &claim, &value, now);
	}
	claim.family = 6;
	claim.key6 = ct_key6(packet, direction);
	return ct_insert(&conntrack6, &conntrack6_overflow, &claim.key6, &claim, &value, now);
}

static __always_inline int ct_remove(void *table, const void *key, const struct ct_claim *claim, __u64 limit)
{
	const struct ct_value *entry = bpf_map_lookup_elem(table, key);
	int removed = 0;

	if (!entry || entry->expires > limit || !ct_claim_take(claim))
		return 0;
	entry = bpf_map_lookup_elem(table, key);
	if (entry && entry->expires <= limit)
		removed = bpf_map_delete_elem(table, key) == 0;
	bpf_map_delete_elem(&ct_claims, claim);
	return removed;
}

/* 1 if the entry of that key had expired by `limit` and was removed. */
__noinline int ct_remove_expired(const struct ct_claim *of, __u64 limit)
{
	struct ct_claim claim;

	if (!of)
		return 0;
	claim = *of;
	if (!have_ipv6 || claim.family == 4)
		return ct_remove(&conntrack4, &claim.key4, &claim, limit);
	return ct_remove(&conntrack6, &claim.key6, &claim, limit);
}

/*
 * The program ct_collect (struct ct_collect_head). Entries that expired less than `grace` ago stay: a CPU that looked
 * one up just before may still write to it.
 */
static __always_inline int ct_collect_keys(struct __sk_buff *skb)
{
	struct ct_collect_head head = {};
	struct ct_collected_value *collected;
	__u64 now = clock_ticks();
	__u32 first = 0, size, offset;

	collected = bpf_map_lookup_elem(&ct_collected, &first);
	if (!collected || packet_read(skb, ETHERNET_HEADER, &head, sizeof(head)))
		return -1;
	collected->now = now;
	collected->removed = 0;
	if (head.family == 0) {
		struct ct_pressure_value *pressure = ct_pressure_lookup();

		if (pressure)
			*(volatile __u32 *)&pressure->overflowed = head.count;
		return 0;
	}
	if (head.family == 6 && !have_ipv6)
		return 0;
	size = head.family == 4 ? sizeof(struct ct4_key) : sizeof(struct ct6_key);
	offset = ETHERNET_HEADER + sizeof(head);
	for (__u32 i = 0; i < CT_COLLECT_KEYS; i++) {
		struct ct_claim claim = {};

		if (i >= head.count)
			break;
		if (!have_ipv6 || head.family == 4) {
			claim.family = 4;
			if (bpf_skb_load_bytes(skb, offset, &claim.key4, sizeof(claim.key4)))
				return -1;
		} else {
			claim.family = 6;
			if (bpf_skb_load_bytes(skb, offset, &claim.key6, sizeof(claim.key6)))
				return -1;
		}
		collected->removed += (__u32)ct_remove_expired(&claim, now - head.grace);
		offset += size;
	}
	return 0;
}

#endif /* POLICYC_RUNTIME_CONNTRACK_TABLE_H */
