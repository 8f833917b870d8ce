/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * "conntrack4", "conntrack6": the tables of connections, mmapable arrays of buckets. Array elements are found without a call,
 * and a connection is added without one.
 *
 * The hash of a key names its home bucket and a tag; in any other slot than one of its home bucket the key is a guest, of one
 * other bucket, which bucket and tag alone name. No two slots of a bucket have the same tag, so a lookup compares one key for
 * each bucket. Who adds a key holds the lock of its home bucket, so no key is added twice.
 *
 * `expires` says whose a slot is, and changes by compare-and-exchange once the slot has a tag:
 *   a time        a connection; it lives until then. Packets may prolong it while it lives, replace it (by CT_BUSY) where the
 *                 same connection begins again, or user space may end it after that time.
 *   CT_BUSY       a program is replacing it, for some nanoseconds
 *   CT_ENDED      absent for good. The slot keeps its tag, so nobody takes it, until every program has ended that could have
 *                 found it living: then user space clears the tag, and the slot may become another connection's. So what is
 *                 written through a pointer to an entry never reaches another connection.
 * Readers look at `expires` before they compare the key: where it is a time, the key is that of this time.
 */
#ifndef POLICYC_RUNTIME_ABI_CONNTRACK_TABLE_H
#define POLICYC_RUNTIME_ABI_CONNTRACK_TABLE_H

#include "runtime/abi/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CT_ENDED 0ULL /* smaller than any time, as is CT_BUSY */
#define CT_BUSY	 1ULL

#define CT_BUCKET_SLOTS 16U
struct ct_bucket {
	policyc_u16 tags[CT_BUCKET_SLOTS]; /* 0: the slot is free */
	policyc_u32 lock;		   /* 1: a program adds an entry whose home this is, or a guest */
	policyc_u32 guests;		   /* entries whose home this is that are guests of another bucket */
	policyc_u64 reserved[3];	   /* 0 */
};
struct ct4_slot {
	struct ct4_key key;
	struct ct_value value;
};
struct ct6_slot {
	struct ct6_key key;
	struct ct_value value;
};
struct ct4_bucket {
	struct ct_bucket head;
	struct ct4_slot slots[CT_BUCKET_SLOTS];
};
struct ct6_bucket {
	struct ct_bucket head;
	struct ct6_slot slots[CT_BUCKET_SLOTS];
};

/*
 * "ct_table": array of one, written once, before the first program runs. The seeds are random and secret: who chooses ports
 * and addresses cannot choose buckets.
 */
#define CT_SEEDS 11
struct ct_table_value {
	policyc_u32
		last_bucket[2]; /* of conntrack4, conntrack6: how many there are, a power of two, less one */
	policyc_u64 seed[CT_SEEDS];
};

/*
 * Of a key as 64-bit words, 2 or 5. Each pair of 32-bit words makes one product of sums with random numbers; the upper half of
 * the total is a strongly universal hash (multilinear hashing by half as many products).
 */
static inline __attribute__((always_inline)) policyc_u32 ct_hash(const struct ct_table_value *table,
								 const policyc_u64 *words, int count)
{
	policyc_u64 sum = table->seed[CT_SEEDS - 1];

	for (int i = 0; i < count; i++)
		sum += (table->seed[2 * i] + (policyc_u32)words[i]) *
		       (table->seed[2 * i + 1] + (words[i] >> 32));
	return (policyc_u32)(sum >> 32);
}

/* The tags of a key in its home bucket and as a guest: never 0, and never equal. */
static inline __attribute__((always_inline)) policyc_u16 ct_home_tag(policyc_u32 hash)
{
	return (policyc_u16)(0x8000U | hash >> 17);
}
static inline __attribute__((always_inline)) policyc_u16 ct_guest_tag(policyc_u32 hash)
{
	return (policyc_u16)(1U | hash >> 17);
}
static inline __attribute__((always_inline)) int ct_is_guest(policyc_u16 tag)
{
	return tag < 0x8000U;
}

/* From the home bucket of a key to the one whose guest it may be, and back. The same one if there is no other. */
static inline __attribute__((always_inline)) policyc_u32 ct_other_bucket(policyc_u32 bucket,
									 policyc_u16 guest_tag,
									 policyc_u32 last_bucket)
{
	return bucket ^ (guest_tag & last_bucket);
}

POLICYC_ASSERT(sizeof(struct ct_bucket) == 64 && offsetof(struct ct_bucket, lock) == 32);
POLICYC_ASSERT(sizeof(struct ct4_slot) == 80 && offsetof(struct ct4_slot, value) == 16);
POLICYC_ASSERT(sizeof(struct ct6_slot) == 104 && offsetof(struct ct6_slot, value) == 40);
POLICYC_ASSERT(sizeof(struct ct4_bucket) == 1344 && sizeof(struct ct6_bucket) == 1728);
POLICYC_ASSERT(sizeof(struct ct_table_value) == 96);

#ifdef __cplusplus
}
#endif
#endif /* POLICYC_RUNTIME_ABI_CONNTRACK_TABLE_H */
