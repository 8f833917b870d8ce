/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets and bytes by outcome. */
#ifndef POLICYC_RUNTIME_METRICS_H
#define POLICYC_RUNTIME_METRICS_H

#include "runtime/include/maps.h"

static __always_inline void count_forwarded(enum policyc_direction direction, __u32 bytes)
{
	__u32 key = direction;
	struct metrics_value *value = bpf_map_lookup_elem(&forwarded, &key);

	if (value) {
		value->packets++;
		value->bytes += bytes;
	}
}

static __always_inline void count_dropped(__u32 reason, enum policyc_direction direction, __u32 bytes)
{
	struct metrics_key key = {.reason = (__u16)reason, .direction = (__u8)direction};
	struct metrics_value *value = bpf_map_lookup_elem(&metrics, &key);

	if (value) {
		value->packets++;
		value->bytes += bytes;
	} else {
		struct metrics_value first = {.packets = 1, .bytes = bytes};

		bpf_map_update_elem(&metrics, &key, &first, BPF_ANY);
	}
}

#endif /* POLICYC_RUNTIME_METRICS_H */
