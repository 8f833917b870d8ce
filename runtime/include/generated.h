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

/* Defines the verdict matrix: row number -> one decision for each port class. Row 0 stays zero: default deny. */
#define POLICYC_MATRIX_MAP(name, columns)                                                                    \
	struct name##_value {                                                                                \
		policyc_u32 cell[columns];                                                                   \
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

#endif /* POLICYC_RUNTIME_GENERATED_H */
