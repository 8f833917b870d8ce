/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The beginning and the end of a socket: where the node's processes may bind, and what a closed socket left behind. */
#ifndef POLICYC_RUNTIME_SOCKET_BIND_H
#define POLICYC_RUNTIME_SOCKET_BIND_H

#include "runtime/include/socket_lb.h"

#define FRONTEND_NOT_BOUND (FRONTEND_NODE_PORT | FRONTEND_EXTERNAL_IP | FRONTEND_LOAD_BALANCER)

/*
 * A process of the node may not take an address and port that clients outside reach as a service: it would never see a packet
 * of theirs, or would take what is not for it. A port bound at all addresses, or at one of the node's, is compared with the
 * NodePorts; an IPv6 socket at :: may accept IPv4 too, so it is compared with those of both families.
 */
static __always_inline bool may_bind(const struct socket_peer *own)
{
	const struct frontend_value *found = exact_frontend(own);

	if (found && found->frontend)
		return !(found->flags & FRONTEND_NOT_BOUND);
	if (is_loopback(own) || peer_identity(own) == IDENTITY_HOST) {
		found = frontend_of_any(own->family, own->port, own->protocol);
		if (found && found->flags & FRONTEND_NODE_PORT)
			return false;
	}
	if (own->family == 6 && is_any(own)) {
		found = frontend_of_any(4, own->port, own->protocol);
		return !found || !(found->flags & FRONTEND_NODE_PORT);
	}
	return true;
}

/* The kernel lets each of the two hooks see the addresses of its own family alone. */
static __always_inline bool socket_may_bind4(struct bpf_sock *context)
{
	struct socket_peer own = {};

	if (!has_services(context->protocol) || !in_host(context))
		return true;
	own.protocol = (__u8)context->protocol;
	own.port = bpf_htons((__u16)context->src_port);
	own.words[0] = context->src_ip4;
	own.family = 4;
	return may_bind(&own);
}

static __always_inline bool socket_may_bind6(struct bpf_sock *context)
{
	struct socket_peer own = {};

	if (!has_services(context->protocol) || !in_host(context))
		return true;
	own.protocol = (__u8)context->protocol;
	own.port = bpf_htons((__u16)context->src_port);
	peer_from_words(&own, context->src_ip6[0], context->src_ip6[1], context->src_ip6[2],
			context->src_ip6[3]);
	return may_bind(&own);
}

/* Removes what a socket that is closed has in socket_reverse: of its connection, and of its last SOCKET_CHOICES frontends. */
static __always_inline void socket_forget(struct bpf_sock *context)
{
	const struct socket_choices *all;
	struct socket_reverse_key key;
	struct socket_peer peer;
	__u64 cookie;
	__u32 i;

	if (!has_services(context->protocol))
		return;
	cookie = bpf_get_socket_cookie(context);
	if (context->dst_port) {
		connected_peer(&peer, context);
		reverse_key_of(&key, cookie, &peer);
		bpf_map_delete_elem(&socket_reverse, &key);
	}
	if (context->protocol != IPPROTO_UDP)
		return;
	all = bpf_sk_storage_get(&socket_choices, context, NULL, 0);
	if (!all)
		return;
	for (i = 0; i < SOCKET_CHOICES; i++) {
		const struct socket_choice *choice = &all->choices[i];

		if (!choice->family)
			continue;
		__builtin_memset(&key, 0, sizeof(key));
		key.cookie = cookie;
		__builtin_memcpy(key.address, choice->address, sizeof(key.address));
		key.port = choice->port;
		key.protocol = IPPROTO_UDP;
		key.family = choice->family;
		bpf_map_delete_elem(&socket_reverse, &key);
	}
}

#endif /* POLICYC_RUNTIME_SOCKET_BIND_H */
