// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that only the measurements use. */
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "runtime/abi/abi.h"

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

/* What a table of connections costs by itself: the datapath's keys and values in an LRU hash. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 262144);
	__type(key, struct ct4_key);
	__type(value, struct ct_value);
} bench_lru SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, struct ct4_key);
	__type(value, struct ct_value);
} bench_hash SEC(".maps");

#define FLOWS	   16384U /* a power of two */
#define FIRST_PORT 1024U
/* Odd factors: every flow comes once in each round. Flows are looked up in another order than they were made. */
#define MAKE 7U
#define USE  10501U

static __u32 flow;

static __always_inline __u16 next_port(__u32 factor)
{
	flow++;
	return (__u16)(FIRST_PORT + ((flow * factor) & (FLOWS - 1)));
}

/* Gives a frame (IPv4 without options or IPv6 without extensions) the next source port, then runs bench_target. */
static __always_inline int run_next(struct __sk_buff *skb, __u32 offset, __u32 factor)
{
	void *data = (void *)(long)skb->data;
	__u16 *port = data + offset;

	if ((void *)(port + 1) <= (void *)(long)skb->data_end)
		*port = bpf_htons(next_port(factor));
	bpf_tail_call(skb, &bench_target, 0);
	return 0;
}

SEC("tc")
int bench_next_flow4(struct __sk_buff *skb)
{
	return run_next(skb, 34, USE);
}

SEC("tc")
int bench_next_flow6(struct __sk_buff *skb)
{
	return run_next(skb, 54, USE);
}

SEC("tc")
int bench_make_flow4(struct __sk_buff *skb)
{
	return run_next(skb, 34, MAKE);
}

SEC("tc")
int bench_make_flow6(struct __sk_buff *skb)
{
	return run_next(skb, 54, MAKE);
}

static __always_inline struct ct4_key lru_key(__u16 port)
{
	return (struct ct4_key){.local_address = 1,
				.remote_address = 2,
				.local_port = bpf_htons(port),
				.remote_port = bpf_htons(80),
				.protocol = IPPROTO_TCP};
}

SEC("tc")
int bench_lru_fill(struct __sk_buff *skb)
{
	struct ct4_key key = lru_key(next_port(MAKE));
	struct ct_value value = {};

	(void)skb;
	return bpf_map_update_elem(&bench_lru, &key, &value, BPF_ANY) ? 2 : 0;
}

SEC("tc")
int bench_hash_fill(struct __sk_buff *skb)
{
	struct ct4_key key = lru_key(next_port(MAKE));
	struct ct_value value = {};

	(void)skb;
	return bpf_map_update_elem(&bench_hash, &key, &value, BPF_NOEXIST) ? 2 : 0;
}

SEC("tc")
int bench_lru_next(struct __sk_buff *skb)
{
	struct ct4_key key = lru_key(next_port(USE));

	(void)skb;
	return bpf_map_lookup_elem(&bench_lru, &key) ? 0 : 2;
}

SEC("tc")
int bench_lru_same(struct __sk_buff *skb)
{
	struct ct4_key key = lru_key(FIRST_PORT);

	(void)skb;
	return bpf_map_lookup_elem(&bench_lru, &key) ? 0 : 2;
}

char bench_license[] SEC("license") = "Dual BSD/GPL";
