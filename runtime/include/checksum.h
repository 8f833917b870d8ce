/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Internet checksums of what changes (RFC 1624), without a helper's call. */
#ifndef POLICYC_RUNTIME_CHECKSUM_H
#define POLICYC_RUNTIME_CHECKSUM_H

#include "runtime/include/base.h"

/* By how much a sum grows when these words (a constant number) become others; as bpf_csum_diff gives it. */
static __always_inline __u32 checksum_change(const __be32 *before, const __be32 *after, __u32 words)
{
	__u64 sum = 0;

#pragma unroll
	for (__u32 i = 0; i < words; i++)
		sum += (__u64)(__u32)~before[i] + after[i];
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (__u32)(sum + (sum >> 32));
}

/* The checksum of what has changed by `change`. */
static __always_inline __be16 checksum_changed(__be16 checksum, __u32 change)
{
	__u32 sum = (__u32)(__be16)~checksum + (change & 0xffff) + (change >> 16);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__be16)~sum;
}

#endif /* POLICYC_RUNTIME_CHECKSUM_H */
