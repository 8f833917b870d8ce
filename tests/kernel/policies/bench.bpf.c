// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that only the measurements use. */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The floor of a test run. */
SEC("tc")
int bench_empty(struct __sk_buff *skb)
{
	(void)skb;
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_target SEC(".maps");

static __u32 flow;

/*
 * Gives an IPv4 frame without options another source port each time, then runs the program in
 * bench_target: every packet is a new connection.
 */
SEC("tc")
int bench_next_flow(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	__u16 *port = data + 34;

	flow++;
	if ((void *)(port + 1) <= (void *)(long)skb->data_end)
		*port = (__u16)flow;
	bpf_tail_call(skb, &bench_target, 0);
	return 0;
}

char bench_license[] SEC("license") = "Dual BSD/GPL";
