/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that a generated policy needs, without any system header. A policy object defines
 *
 *   POLICYC_VERDICT policy_verdict_ingress(const struct policy_context *context);
 *   POLICYC_VERDICT policy_verdict_egress(const struct policy_context *context);
 *   POLICYC_POLICY_PROGRAMS;
 *
 * which give a POLICYC_DECISION. Each is part of its program: where returns are guarded (x86 "return thunks") a call would
 * cost as much as the decision.
 */
#ifndef POLICYC_RUNTIME_GENERATED_H
#define POLICYC_RUNTIME_GENERATED_H

#include "runtime/abi/policy.h"

#define POLICYC_INLINE	static inline __attribute__((always_inline))
#define POLICYC_VERDICT POLICYC_INLINE int

/* bpf(2): BPF_MAP_TYPE_*, BPF_FUNC_map_lookup_elem, BPF_FUNC_tail_call. */
enum { POLICYC_MAP_TYPE_ARRAY = 2, POLICYC_MAP_TYPE_PROG_ARRAY = 3, POLICYC_MAP_TYPE_PERCPU_ARRAY = 6 };
enum { POLICYC_ROWS_MAP_ELEMENTS = 4096, POLICYC_MATRIX_MAP_ROWS = 256 };
static void *(*const policyc_map_lookup)(void *map, const void *key) = (void *)1;
static long (*const policyc_tail_call)(void *context, void *map, policyc_u32 index) = (void *)12;

/* Defines a map of matrix rows; the loader may resize it before it loads. */
#define POLICYC_ROWS_MAP(name)                                                                               \
	struct {                                                                                             \
		int (*type)[POLICYC_MAP_TYPE_ARRAY];                                                         \
		int (*max_entries)[POLICYC_ROWS_MAP_ELEMENTS];                                               \
		policyc_u32 *key;                                                                            \
		struct policy_rows_value *value;                                                             \
	} name __attribute__((section(".maps"), used))

/*
 * Defines the verdict matrix: row number -> for each port class a cell, the number of a decision. Row 0 and decision 0 are
 * default deny. Where a policy is a set of rule bits instead, the key is the peer class and a cell has the bits of 64 rules.
 */
#define POLICYC_MATRIX_MAP(name, type_of_cell, columns)                                                      \
	struct name##_value {                                                                                \
		type_of_cell cell[columns];                                                                  \
	};                                                                                                   \
	struct {                                                                                             \
		int (*type)[POLICYC_MAP_TYPE_ARRAY];                                                         \
		int (*max_entries)[POLICYC_MATRIX_MAP_ROWS];                                                 \
		policyc_u32 *key;                                                                            \
		struct name##_value *value;                                                                  \
	} name __attribute__((section(".maps"), used))

/* What a policy answers when it cannot decide. */
#define POLICYC_NO_DECISION POLICYC_DECISION(POLICY_DEFAULT_DENY, 0)

/*
 * The row of a peer class: a row number of the matrix, or, where the policy is a few compares, the predicates that are true
 * of the class, shifted left by one, with bit 0 set. POLICYC_UNKNOWN_ROW for a class that the map does not reach or that
 * nobody wrote yet: the caller answers default deny.
 */
#define POLICYC_UNKNOWN_ROW 0U

POLICYC_INLINE policyc_u32 policy_row(void *rows_map, policyc_u32 peer_class)
{
	policyc_u32 element = peer_class >> 2;
	const struct policy_rows_value *rows = policyc_map_lookup(rows_map, &element);

	if (!rows)
		return POLICYC_UNKNOWN_ROW;
	return rows->row[peer_class & 3];
}

/*
 * Tests without a branch, 1 or 0: what traffic controls cannot be predicted, and a branch on it costs more than the whole
 * decision. POLICYC_OPAQUE keeps the compiler from making branches of them again.
 */
#define POLICYC_OPAQUE(value) __asm__ volatile("" : "+r"(value))

POLICYC_INLINE policyc_u64 policy_is_zero(policyc_u64 difference)
{
	policyc_u64 result = (difference - 1) >> 63; /* difference is below 2^63 */

	POLICYC_OPAQUE(result);
	return result;
}

POLICYC_INLINE policyc_u64 policy_equals(policyc_u32 value, policyc_u32 wanted)
{
	return policy_is_zero(value ^ wanted);
}

POLICYC_INLINE policyc_u64 policy_within(policyc_u32 value, policyc_u32 first, policyc_u32 last)
{
	return policy_is_zero(((policyc_u64)last - value) >> 63 | ((policyc_u64)value - first) >> 63);
}

/* Whether one of the predicates in `mask` is true of the peer: `peers` is its row. */
POLICYC_INLINE policyc_u64 policy_named(policyc_u32 peers, policyc_u32 mask)
{
	return 1 ^ policy_is_zero(peers & mask);
}

/* `decision` if the rule holds, else what the weaker rules say. */
POLICYC_INLINE policyc_u64 policy_choose(policyc_u64 holds, policyc_u64 decision, policyc_u64 weaker)
{
	return weaker ^ ((weaker ^ decision) & -holds);
}

/* Bit 0 of the row of every class that is known, where a policy is a few compares. */
#define POLICYC_EVERY_PEER 1U

/*
 * The strongest rule that both sets hold, counted from 1, 0 if there is none: `peer_rules` are the rules that name the
 * peer, `port_rules` those that name the port, bit 0 of word 0 the strongest. `words` is a constant.
 */
POLICYC_INLINE policyc_u32 policy_strongest(const policyc_u64 *peer_rules,
					    const volatile policyc_u64 *port_rules, policyc_u32 words)
{
	policyc_u64 number = 0;
	policyc_u32 word;

	/* The weakest first: what holds later takes over. */
#pragma unroll
	for (word = words; word > 0; word--) {
		policyc_u64 both = peer_rules[word - 1] & port_rules[word - 1];
		policyc_u64 minus = -both;
		/* Of no bit at all the count is undefined; with one that is not used it is not. */
		policyc_u64 lowest = (policyc_u64)__builtin_ctzll(both | 1ULL << 63);

		POLICYC_OPAQUE(minus); /* else LLVM compares `both` with 0 by a branch */
		number = policy_choose((both | minus) >> 63, (word - 1) * 64 + lowest + 1, number);
	}
	/* The compiler knows how large this gets and would drop the caller's mask; the verifier does not know. */
	POLICYC_OPAQUE(number);
	return (policyc_u32)number;
}

/*
 * Asks `verdict` about the packet in the scratch and goes on to the node's finish program; without one the packet is
 * dropped.
 */
#define POLICYC_POLICY_PROGRAM(name, verdict, direction)                                                     \
	__attribute__((section("tc"), used)) int name(void *packet)                                          \
	{                                                                                                    \
		policyc_u32 first = 0;                                                                       \
		struct policy_scratch *scratch = policyc_map_lookup(&policy_scratch, &first);                \
                                                                                                             \
		if (!scratch)                                                                                \
			return POLICYC_DROP;                                                                 \
		scratch->decision = (policyc_u32)verdict(&scratch->context);                                 \
		policyc_tail_call(packet, &policy_finish, direction);                                        \
		return POLICYC_DROP;                                                                         \
	}

/* The programs of a policy object, the node's maps that they use, and their licence. */
#define POLICYC_POLICY_PROGRAMS                                                                              \
	struct {                                                                                             \
		int (*type)[POLICYC_MAP_TYPE_PERCPU_ARRAY];                                                  \
		int (*max_entries)[1];                                                                       \
		policyc_u32 *key;                                                                            \
		struct policy_scratch *value;                                                                \
	} policy_scratch __attribute__((section(".maps"), used));                                            \
	struct {                                                                                             \
		int (*type)[POLICYC_MAP_TYPE_PROG_ARRAY];                                                    \
		int (*max_entries)[2];                                                                       \
		policyc_u32 *key;                                                                            \
		policyc_u32 *value;                                                                          \
	} policy_finish __attribute__((section(".maps"), used));                                             \
	POLICYC_POLICY_PROGRAM(policy_ingress, policy_verdict_ingress, POLICYC_INGRESS)                      \
	POLICYC_POLICY_PROGRAM(policy_egress, policy_verdict_egress, POLICYC_EGRESS)                         \
	char policy_license[] __attribute__((section("license"), used)) = "Dual BSD/GPL"

#endif /* POLICYC_RUNTIME_GENERATED_H */
