/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One bucket of a table of connections (runtime/abi/conntrack_table.h): finding a tag among its sixteen without a loop, and
 * the entry behind it. Slots of both families look alike but for the key's words, which are constants wherever this is
 * inlined.
 */
#ifndef POLICYC_RUNTIME_CONNTRACK_BUCKET_H
#define POLICYC_RUNTIME_CONNTRACK_BUCKET_H

#include "runtime/include/maps.h"

#define CT_KEY4_WORDS 2
#define CT_KEY6_WORDS 5
union ct_key {
	struct ct4_key v4;
	struct ct6_key v6;
	__u64 words[CT_KEY6_WORDS];
};

#define CT_TAG_LANES 0x0001000100010001ULL /* times a tag: the tag in each lane of a word */

/* The upper bit of the first lane that is zero; those of lanes above it may be set as well. */
static __always_inline __u64 ct_zero_lanes(__u64 word)
{
	return (word - CT_TAG_LANES) & ~word & CT_TAG_LANES << 15;
}

/*
 * The slot with that tag, CT_BUCKET_SLOTS if there is none; 0: a free one. All lanes at once: one branch, where the verifier
 * would walk all that follows for each of sixteen.
 */
static __always_inline __u32 ct_find_tag(const struct ct_bucket *bucket, __u16 tag)
{
	const volatile __u64 *words = (const volatile __u64 *)bucket->tags;
	__u64 lanes = tag * CT_TAG_LANES;
	__u64 found = ct_zero_lanes(words[0] ^ lanes) >> 15 | ct_zero_lanes(words[1] ^ lanes) >> 11 |
		      ct_zero_lanes(words[2] ^ lanes) >> 7 | ct_zero_lanes(words[3] ^ lanes) >> 3;

	if (!found)
		return CT_BUCKET_SLOTS;
	/*
	 * The lowest bit is of a lane that is zero: 2^(16 * lane + 4 * word). It moves that digit of the constant to the top which
	 * is 4 * word + lane.
	 */
	return (__u32)((found & -found) * 0x048c159d26ae37bfULL >> 60);
}

/* What is written before is seen by who sees this word. */
static __always_inline void ct_publish(__u64 *word, __u64 value)
{
	if (have_store_order)
		*(volatile __u64 *)word = value;
	else
		__sync_lock_test_and_set(word, value);
}

/* What is read from here on is not older than what was read before. */
static __always_inline void ct_reads_in_order(void)
{
	__u64 fence = 0;

	if (have_store_order)
		barrier();
	else
		*(volatile __u64 *)&fence = __sync_lock_test_and_set(&fence, 1);
}

static __always_inline __u64 ct_expires(const struct ct_value *entry)
{
	__u64 expires = *(const volatile __u64 *)&entry->expires;

	ct_reads_in_order();
	return expires;
}

static __always_inline struct ct_value *ct_value_of(void *slot, int words)
{
	return slot + words * sizeof(__u64);
}

/* `slot` of `bucket`, which is less than CT_BUCKET_SLOTS. */
static __always_inline void *ct_slot(struct ct_bucket *bucket, __u32 slot, int words)
{
	return (void *)(bucket + 1) + slot * (words * sizeof(__u64) + sizeof(struct ct_value));
}

/* 0: the slot has that key. */
static __always_inline __u64 ct_key_differs(const void *slot, const union ct_key *key, int words)
{
	const volatile __u64 *of_slot = slot;
	__u64 difference = 0;

#pragma unroll
	for (int i = 0; i < words; i++)
		difference |= of_slot[i] ^ key->words[i];
	return difference;
}

/* The value of that key, which may have ended, or null. */
static __always_inline struct ct_value *ct_entry(struct ct_bucket *bucket, __u16 tag, const union ct_key *key,
						 int words)
{
	__u32 number = ct_find_tag(bucket, tag);
	void *slot;

	if (number >= CT_BUCKET_SLOTS)
		return NULL;
	slot = ct_slot(bucket, number, words);
	return ct_key_differs(slot, key, words) ? NULL : ct_value_of(slot, words);
}

/* The living one. */
static __always_inline struct ct_value *ct_living(struct ct_bucket *bucket, __u16 tag,
						  const union ct_key *key, int words, __u64 now)
{
	__u32 number = ct_find_tag(bucket, tag);
	struct ct_value *value;
	__u64 left;
	void *slot;

	if (number >= CT_BUCKET_SLOTS)
		return NULL;
	slot = ct_slot(bucket, number, words);
	value = ct_value_of(slot, words);
	/* One branch for both: ticks do not reach the upper bit, so it says that nothing is left. */
	left = ct_expires(value) - now - 1;
	return ct_key_differs(slot, key, words) | left >> 63 ? NULL : value;
}

static __always_inline const struct ct_table_value *ct_table_lookup(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&ct_table, &first);
}

#endif /* POLICYC_RUNTIME_CONNTRACK_BUCKET_H */
