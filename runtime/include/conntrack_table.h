/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How connections come into their tables (runtime/abi/conntrack_table.h says how those are made, and how entries go). What
 * fits into neither of its buckets goes into the overflow table, where the oldest ones make room.
 */
#ifndef POLICYC_RUNTIME_CONNTRACK_TABLE_H
#define POLICYC_RUNTIME_CONNTRACK_TABLE_H

#include "runtime/include/conntrack.h"

/* How often a lock that another CPU holds is tried; it is held for less than a microsecond. */
#define CT_LOCK_TRIES 16
/* And that of an entry which others prolong meanwhile, each of them once a second. */
#define CT_RENEW_TRIES 2

#define CT_NO_TABLE (-1)
#define CT_LOCKED   (-2)
#define CT_FULL	    (-3)

static __always_inline bool ct_lock(struct ct_bucket *bucket)
{
	for (int i = 0; i < CT_LOCK_TRIES; i++) {
		if (__sync_val_compare_and_swap(&bucket->lock, 0, 1) == 0)
			return true;
	}
	return false;
}

static __always_inline void ct_unlock(struct ct_bucket *bucket)
{
	if (have_store_order)
		*(volatile __u32 *)&bucket->lock = 0;
	else
		__sync_lock_test_and_set(&bucket->lock, 0);
}

/* All but `expires`. */
static __always_inline void ct_fill(struct ct_value *entry, const struct ct_value *fresh)
{
	volatile __u64 *to = (volatile __u64 *)entry;
	const volatile __u64 *from = (const volatile __u64 *)fresh;

	/* One word after the other, or the compiler would keep all of them on the stack. */
#pragma unroll
	for (int i = 1; i < (int)(sizeof(*entry) / sizeof(*to)); i++)
		to[i] = from[i];
}

/*
 * Puts `fresh` where its predecessor is, in place: a connection that was seen to expire at `seen`. False: it has been
 * prolonged, replaced or ended since.
 */
static __always_inline bool ct_replace(struct ct_value *entry, __u64 seen, const struct ct_value *fresh)
{
	if (__sync_val_compare_and_swap(&entry->expires, seen, CT_BUSY) != seen)
		return false;
	ct_fill(entry, fresh);
	ct_publish(&entry->expires, fresh->expires);
	return true;
}

/* A connection begins again while it lives. False: it has just ended. */
static __always_inline bool ct_renew(struct ct_value *entry, const struct ct_value *fresh, __u64 now)
{
#pragma nounroll
	for (int i = 0; i < CT_RENEW_TRIES; i++) {
		__u64 seen = *(volatile __u64 *)&entry->expires;

		if (seen <= now)
			return false;
		if (ct_replace(entry, seen, fresh))
			return true;
	}
	return false;
}

/*
 * An entry of the same key was found. True: now it is this connection's, be it that of another CPU, which stays. False: it has
 * ended.
 */
static __always_inline bool ct_take_over(struct ct_value *entry, const struct ct_value *fresh, __u64 now)
{
	__u64 seen = *(volatile __u64 *)&entry->expires;

	if (seen != CT_ENDED && seen != CT_BUSY && seen <= now && ct_replace(entry, seen, fresh))
		return true;
	seen = *(volatile __u64 *)&entry->expires;
	return seen > now || seen == CT_BUSY;
}

/* Into a free slot of a bucket that is locked; false if there is none, or if another entry has the tag. */
static __always_inline bool ct_place(struct ct_bucket *bucket, __u16 tag, const union ct_key *key, int words,
				     const struct ct_value *fresh)
{
	__u32 number = ct_find_tag(bucket, tag) < CT_BUCKET_SLOTS ? CT_BUCKET_SLOTS : ct_find_tag(bucket, 0);
	volatile __u64 *slot;

	if (number >= CT_BUCKET_SLOTS)
		return false;
	slot = ct_slot(bucket, number, words);
#pragma unroll
	for (int i = 0; i < words; i++)
		slot[i] = key->words[i];
	ct_fill(ct_value_of((void *)slot, words), fresh);
	ct_publish(&ct_value_of((void *)slot, words)->expires, fresh->expires);
	/* Last: what has a tag has a lifetime, or user space would take it for ended. */
	*(volatile __u16 *)&bucket->tags[number] = tag;
	return true;
}

/* As a guest of another bucket. The lock of the home bucket is held. */
static __always_inline bool ct_place_guest(void *map, struct ct_bucket *home, __u32 index, __u16 tag,
					   const union ct_key *key, int words, const struct ct_value *fresh)
{
	struct ct_bucket *other = bpf_map_lookup_elem(map, &index);
	bool placed;

	/* Whoever holds that one may wait for ours. */
	if (!other || !ct_lock(other))
		return false;
	/* Lookups ask the other bucket from here on. */
	__sync_fetch_and_add(&home->guests, 1);
	placed = ct_place(other, tag, key, words, fresh);
	if (!placed)
		__sync_fetch_and_add(&home->guests, (__u32)-1);
	ct_unlock(other);
	return placed;
}

static __always_inline int ct_insert_locked(void *map, struct ct_bucket *home, __u32 hash, __u32 last,
					    const union ct_key *key, int words, const struct ct_value *fresh,
					    __u64 now)
{
	__u16 guest_tag = ct_guest_tag(hash);
	__u32 other = ct_other_bucket(hash & last, guest_tag, last);
	struct ct_value *entry = ct_entry(home, ct_home_tag(hash), key, words);
	struct ct_bucket *bucket;

	if (entry && ct_take_over(entry, fresh, now))
		return 0;
	if (*(volatile __u32 *)&home->guests) {
		bucket = bpf_map_lookup_elem(map, &other);
		entry = bucket ? ct_entry(bucket, guest_tag, key, words) : NULL;
		if (entry && ct_take_over(entry, fresh, now))
			return 0;
	}
	if (ct_place(home, ct_home_tag(hash), key, words, fresh))
		return 0;
	if (other != (hash & last) && ct_place_guest(map, home, other, guest_tag, key, words, fresh))
		return 0;
	return CT_FULL;
}

static __always_inline int ct_insert(void *map, const union ct_key *key, int words,
				     const struct ct_value *fresh, __u64 now)
{
	const struct ct_table_value *table = ct_table_lookup();
	struct ct_bucket *home;
	__u32 hash, last, index;
	int result;

	if (!table)
		return CT_NO_TABLE;
	hash = ct_hash(table, key->words, words);
	last = table->last_bucket[words == CT_KEY6_WORDS];
	index = hash & last;
	home = bpf_map_lookup_elem(map, &index);
	if (!home)
		return CT_NO_TABLE;
	if (!ct_lock(home))
		return CT_LOCKED;
	result = ct_insert_locked(map, home, hash, last, key, words, fresh, now);
	ct_unlock(home);
	return result;
}

/* CT_FULL: both buckets of the connection are full. */
__noinline int ct_create_in_table(const struct packet *packet, const struct ct_value *fresh, __u32 direction,
				  __u64 now)
{
	union ct_key key;

	if (!packet || !fresh)
		return CT_NO_TABLE;
	if (!have_ipv6 || packet->family == 4) {
		ct_key4(&key, packet, direction);
		return ct_insert(&conntrack4, &key, CT_KEY4_WORDS, fresh, now);
	}
	ct_key6(&key, packet, direction);
	return ct_insert(&conntrack6, &key, CT_KEY6_WORDS, fresh, now);
}

__noinline int ct_create_in_overflow(const struct packet *packet, const struct ct_value *fresh,
				     __u32 direction)
{
	struct ct_pressure_value *pressure = ct_pressure_lookup();
	struct ct_value value;
	union ct_key key;

	if (!packet || !fresh || !pressure)
		return CT_NO_TABLE;
	/* Linux 6.1 takes no argument of a global function for the value of a map, so it is copied to the stack. */
	value = *fresh;
	pressure->overflowed = 1;
	if (!have_ipv6 || packet->family == 4) {
		__sync_fetch_and_add(&pressure->full[0], 1);
		ct_key4(&key, packet, direction);
		return (int)bpf_map_update_elem(&conntrack4_overflow, &key, &value, BPF_ANY);
	}
	__sync_fetch_and_add(&pressure->full[1], 1);
	ct_key6(&key, packet, direction);
	return (int)bpf_map_update_elem(&conntrack6_overflow, &key, &value, BPF_ANY);
}

/* Remembers a connection: `fresh`, of a packet that travels in `direction`. Not zero: it could not be remembered. */
static __always_inline int ct_create(const struct packet *packet, const struct ct_value *fresh,
				     enum policyc_direction direction, __u64 now)
{
	int result = ct_create_in_table(packet, fresh, direction, now);

	return result == CT_FULL ? ct_create_in_overflow(packet, fresh, direction) : result;
}

/* The same where `entry`, null or one that was found living, is of an older connection with that key. */
static __always_inline int ct_renew_or_create(struct ct_value *entry, const struct packet *packet,
					      const struct ct_value *fresh, enum policyc_direction direction,
					      __u64 now)
{
	return entry && ct_renew(entry, fresh, now) ? 0 : ct_create(packet, fresh, direction, now);
}

/* Ends the connection of a packet that travels in `direction`. */
__noinline int ct_forget(const struct packet *packet, __u32 direction)
{
	struct ct_value *entry = packet ? ct_lookup(packet, direction, clock_ticks()) : NULL;

	if (entry)
		*(volatile __u64 *)&entry->expires = CT_ENDED;
	return 0;
}

/* The program ct_collect (struct ct_collect_head). */
static __always_inline int ct_collect_state(struct __sk_buff *skb)
{
	struct ct_pressure_value *pressure = ct_pressure_lookup();
	struct ct_collected_value *collected;
	struct ct_collect_head head = {};
	__u32 first = 0;

	collected = bpf_map_lookup_elem(&ct_collected, &first);
	if (!collected || !pressure || packet_read(skb, ETHERNET_HEADER, &head, sizeof(head)))
		return -1;
	collected->now = clock_ticks();
	if (head.overflowed != CT_OVERFLOWED_KEEP)
		*(volatile __u32 *)&pressure->overflowed = head.overflowed;
	return 0;
}

#endif /* POLICYC_RUNTIME_CONNTRACK_TABLE_H */
