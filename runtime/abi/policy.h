/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of the ABI that generated policies see: apart from the rest because clang reads it for every policy. Compiles as
 * BPF C and as C++.
 */
#ifndef POLICYC_RUNTIME_ABI_POLICY_H
#define POLICYC_RUNTIME_ABI_POLICY_H

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>
extern "C" {
typedef std::uint8_t policyc_u8;
typedef std::uint16_t policyc_u16;
typedef std::uint32_t policyc_u32;
typedef std::uint64_t policyc_u64;
#define POLICYC_ASSERT(condition) static_assert(condition)
#else
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
typedef unsigned char policyc_u8;
typedef unsigned short policyc_u16;
typedef unsigned int policyc_u32;
typedef unsigned long long policyc_u64;
#define POLICYC_ASSERT(condition) _Static_assert(condition, #condition)
#endif
typedef policyc_u16 policyc_be16;
typedef policyc_u32 policyc_be32;

#define POLICYC_ABI_VERSION 4
/*
 * Of the tables of connections and of what translates them: layout and meaning of "conntrack4", "conntrack6", their overflow tables,
 * "ct_table" and "ct_pressure", of all maps of services (service.h), of "nat4", "nat6", "devices" and the exclusions (nat.h), of
 * "socket_choices", and the place of `policy_epoch` in "node_config". An upgrade to another POLICYC_ABI_VERSION keeps all these where this
 * number stays. They refer to each other by numbers: whoever changes one of them raises it.
 */
#define POLICYC_CONNECTIONS_VERSION 0

enum policyc_verdict {
#define POLICYC_VERDICT(name, number, text) POLICY_##name = number,
#include "policy_verdicts.def"
#undef POLICYC_VERDICT
};

/* Direction as the endpoint sees it. */
enum policyc_direction { POLICYC_INGRESS = 0, POLICYC_EGRESS = 1 };

/*
 * What the programs return, the same numbers for tcx and clsact: TC_ACT_OK, TC_ACT_SHOT. POLICYC_NEXT is TC_ACT_UNSPEC: whoever comes
 * later on the hook sees the packet too, such as a filter that sends it through a queue with a rate. Where nobody has to, nobody
 * does: while an upgrade has old and new programs on a hook of tcx, one of them must be the last.
 */
enum policyc_action { POLICYC_NEXT = -1, POLICYC_PASS = 0, POLICYC_DROP = 2 };

/*
 * The argument of the generated functions policy_verdict_ingress and policy_verdict_egress, which give
 * POLICYC_DECISION(verdict, rule id). Rule id 0 means "no rule". A negative or unknown value is a drop.
 */
struct policy_context {
	policyc_u32 peer_class;	   /* of the other side; 0: a class that no endpoint program knows */
	policyc_u32 peer_identity; /* for events; generated code decides by class alone */
	policyc_u16
		host_port;   /* destination port, host order; the ICMP type for ICMP; 0 for other protocols */
	policyc_u8 protocol; /* IP protocol number */
	policyc_u8 family;   /* 4 or 6 */
};

/*
 * "policy_scratch": per-CPU array of one. What travels with a packet that asks the policy: from the program that the packet
 * met, by tail call through "policies" to the policy program of its endpoint's shape, and from there by tail call through
 * "policy_finish" to the node's finish program of that direction. Tail calls of one packet are not interrupted by another
 * one on their CPU.
 *
 * A policy program reads `context` and writes `decision`, nothing else. `continuation` is the datapath's own; its layout is
 * part of POLICYC_ABI_VERSION all the same, because finish programs are replaced one after the other.
 */
#define POLICYC_CONTINUATION_BYTES 136
struct policy_scratch {
	struct policy_context context;
	policyc_u32 decision; /* POLICYC_DECISION; POLICYC_UNDECIDED until the policy has answered */
	policyc_u32 epoch;    /* node_config.policy_epoch in which the policy is asked */
	policyc_u32 delivery; /* 1: the receiver's policy is asked on behalf of the sender's program */
	policyc_u8 continuation[POLICYC_CONTINUATION_BYTES];
};
#define POLICYC_UNDECIDED 0xffffffffU /* negative: drops */

/*
 * "policies": program array, one policy program for each direction of a slot; a slot belongs to one loaded shape, and an
 * endpoint's entry names the slot of its shape. Slot 0 is never filled. "policy_finish": program array of two, by
 * policyc_direction.
 */
#define POLICYC_POLICY_INDEX(slot, direction) ((policyc_u32)(slot) * 2U + (policyc_u32)(direction))

#define POLICYC_DECISION(verdict, rule_id) ((int)((policyc_u32)(verdict) | ((policyc_u32)(rule_id) << 8)))
#define POLICYC_DECISION_VERDICT(decision) ((policyc_u32)(decision) & 0x7fU)
#define POLICYC_DECISION_RULE(decision)	   (((policyc_u32)(decision) >> 8) & 0x7fffffU)
/*
 * Part of the verdict of a denial that only policies in audit mode ask for: the packet passes and the denial is reported.
 * With any other verdict it is not understood.
 */
#define POLICYC_DECISION_AUDITED 0x80U

/*
 * Peer class to matrix row, one array map per direction and endpoint shape ("policy_rows_in", "policy_rows_out"):
 * four rows to an element, row of class c = element[c >> 2].row[c & 3]. Row 0, and everything beyond the last element: default
 * deny. A row is a row number of policy_matrix_in/out, or (predicate bits << 1 | 1) where there is no matrix.
 */
struct policy_rows_value {
	policyc_u16 row[4];
};

POLICYC_ASSERT(sizeof(struct policy_context) == 12);
POLICYC_ASSERT(sizeof(struct policy_rows_value) == 8);
POLICYC_ASSERT(sizeof(struct policy_scratch) == 160 && offsetof(struct policy_scratch, continuation) == 24);

#ifdef __cplusplus
}
#endif
#endif /* POLICYC_RUNTIME_ABI_POLICY_H */
