/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that a generated policy needs, without any system header. A policy object defines
 *
 *   int policy_verdict_ingress(const struct policy_context *context);
 *   int policy_verdict_egress(const struct policy_context *context);
 *   const volatile policyc_u32 policy_shape_tag = ...;
 *
 * Both functions are global, so the verifier checks them once and by themselves: it knows nothing of the argument but its
 * type, so they begin with `if (!context) return POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);`. An object defines no program
 * and no license section; the datapath has both.
 */
#ifndef POLICYC_RUNTIME_GENERATED_H
#define POLICYC_RUNTIME_GENERATED_H

#include "runtime/abi/abi.h"

#define POLICYC_INLINE static inline __attribute__((always_inline))

/* bpf(2): BPF_MAP_TYPE_ARRAY, BPF_FUNC_map_lookup_elem. */
enum { POLICYC_MAP_TYPE_ARRAY = 2, POLICYC_ROWS_MAP_ELEMENTS = 4096, POLICYC_MATRIX_MAP_ROWS = 256 };
static void *(*const policyc_map_lookup)(void *map, const void *key) = (void *)1;

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
 * The strongest rule that both sets hold, counted from 1, 0 if there is none: `peer_rules` are the rules that name the
 * peer, `port_rules` those that name the port, bit 0 of word 0 the strongest. `words` is a constant.
 */
POLICYC_INLINE policyc_u32 policy_strongest(const policyc_u64 *peer_rules,
					    const volatile policyc_u64 *port_rules, policyc_u32 words)
{
	policyc_u32 number = 0;
	policyc_u32 word;

#pragma unroll
	for (word = 0; word < words; word++) {
		policyc_u64 both = peer_rules[word] & port_rules[word];

		if (both) {
			number = word * 64 + (policyc_u32)__builtin_ctzll(both) + 1;
			break;
		}
	}
	/* The compiler knows how large this gets and would drop the caller's mask; the verifier does not know. */
	__asm__ volatile("" : "+r"(number));
	return number;
}

#endif /* POLICYC_RUNTIME_GENERATED_H */
