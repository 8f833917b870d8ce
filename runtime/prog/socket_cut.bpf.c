/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Destroys connected sockets whose cookie and peer are in "cut_wanted"; of the network namespace of whoever reads from the
 * iterator, who is given the keys of those that were destroyed. Linux 6.5 or newer (bpf_sock_destroy); see loader/sockets/cut.h.
 */
#include <linux/in.h>

#include "runtime/abi/service.h"
#include "runtime/include/base.h"

char cut_license[] SEC("license") = "Dual BSD/GPL";

/* The kernel's own types; only the fields that are read, found by the kernel's BTF. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct in6_addr___kernel {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};
struct sock_common {
	__be32 skc_daddr;
	__be16 skc_dport;
	unsigned short skc_family;
	struct in6_addr___kernel skc_v6_daddr;
};
struct udp_sock;
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
#pragma clang attribute pop

/* What the iterators are given; each pointer takes eight bytes. */
struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
};
struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

extern int bpf_sock_destroy(struct sock_common *socket) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct socket_reverse_key);
	__type(value, __u8);
} cut_wanted SEC(".maps");

static __always_inline bool is_wanted(struct socket_reverse_key *key, struct sock_common *socket,
				      __u64 cookie, __u8 protocol)
{
	__u32 words[4];

	__builtin_memset(key, 0, sizeof(*key));
	key->cookie = cookie;
	key->port = socket->skc_dport;
	key->protocol = protocol;
	key->family = 4;
	if (socket->skc_family == 2 /* AF_INET */) {
		words[0] = socket->skc_daddr;
		__builtin_memcpy(key->address, words, sizeof(words[0]));
		return bpf_map_lookup_elem(&cut_wanted, key) != NULL;
	}
	if (socket->skc_family != 10 /* AF_INET6 */)
		return false;
	bpf_probe_read_kernel(words, sizeof(words), &socket->skc_v6_daddr);
	if (!words[0] && !words[1] && words[2] == bpf_htonl(0xffff)) {
		__builtin_memcpy(key->address, &words[3], sizeof(words[3]));
	} else {
		key->family = 6;
		__builtin_memcpy(key->address, words, sizeof(words));
	}
	return bpf_map_lookup_elem(&cut_wanted, key) != NULL;
}

SEC("iter/udp")
int cut_udp(struct bpf_iter__udp *context)
{
	struct udp_sock *socket = context->udp_sk;
	struct socket_reverse_key key;

	if (socket &&
	    is_wanted(&key, (struct sock_common *)socket, bpf_get_socket_cookie(socket), IPPROTO_UDP) &&
	    !bpf_sock_destroy((struct sock_common *)socket))
		bpf_seq_write(context->meta->seq, &key, sizeof(key));
	return 0;
}

SEC("iter/tcp")
int cut_tcp(struct bpf_iter__tcp *context)
{
	struct sock_common *socket = context->sk_common;
	struct socket_reverse_key key;

	if (socket && is_wanted(&key, socket, bpf_get_socket_cookie(socket), IPPROTO_TCP) &&
	    !bpf_sock_destroy(socket))
		bpf_seq_write(context->meta->seq, &key, sizeof(key));
	return 0;
}
