/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every header of the datapath needs: kernel types, helpers, byte order, the ABI, the clock. */
#ifndef POLICYC_RUNTIME_BASE_H
#define POLICYC_RUNTIME_BASE_H

#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "runtime/abi/abi.h"

#define NANOSECONDS_PER_SECOND 1000000000ULL

/*
 * The coarse clock moves with the timer tick and costs 3 ns instead of 28. The loader clears the switch on kernels
 * before 5.11, which lack the helper; the verifier then removes the branch before it looks at the call.
 */
const volatile __u8 have_coarse_clock = 1;

static __always_inline __u64 clock_now(void)
{
	return have_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}

#endif /* POLICYC_RUNTIME_BASE_H */
