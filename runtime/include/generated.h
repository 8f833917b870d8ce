/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that a generated policy needs, without any system header. A policy object defines
 *
 *   int policy_verdict_ingress(const struct policy_context *context);
 *   int policy_verdict_egress(const struct policy_context *context);
 *   POLICYC_POLICY_PROGRAMS;
 *
 * Both functions are global, so the verifier checks them by themselves: it knows nothing of the argument but its type, so
 * they begin with `if (!context) return POLICYC_NO_DECISION;`.
 */
#ifndef POLICYC_RUNTIME_GENERATED_H
#define POLICYC_RUNTIME_GENERATED_H

#include "runtime/abi/abi.h"

#define POLICYC_INLINE static inline __attribute__((always_inline))

/* A call costs 1 ns; inlined, each would be compiled, verified and kept twice. */
int policy_verdict_ingress(const struct policy_context *context) __attribute__((noinline));
int policy_verdict_egress(const struct policy_context *context) __attribute__((noinline));

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
