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
#include "runtime/abi/conntrack_table.h"

/*
 * What the loader knows of the node before it loads; the verifier removes the branches that are not taken, before it looks at
 * what they call.
 */
const volatile __u8 have_coarse_clock = 1; /* bpf_ktime_get_coarse_ns, kernel 5.11: 3 ns instead of 28 */
const volatile __u8 have_redirect_peer =
	1; /* bpf_redirect_peer, kernel 5.10; else everything goes by the stack */
const volatile __u8 have_store_order = 1;    /* x86-64: other CPUs see stores in order, without a barrier */
const volatile __u8 have_ipv6 = 1;	     /* else IPv6 is an unknown ethertype and has no code */
const volatile __u32 ticks_per_second = 250; /* CONFIG_HZ */

/* Ticks of the kernel's clock: read from memory, so it costs nothing. Lifetimes of connections are counted in it. */
static __always_inline __u64 clock_ticks(void)
{
	return bpf_jiffies64();
}

/* CLOCK_MONOTONIC in nanoseconds, as exact as a tick; for events. */
static __always_inline __u64 clock_ns(void)
{
	return have_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}

#endif /* POLICYC_RUNTIME_BASE_H */
