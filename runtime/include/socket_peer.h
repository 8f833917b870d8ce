/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The address that a process gives to the kernel or gets from it, and the frontend that it names. */
#ifndef POLICYC_RUNTIME_SOCKET_PEER_H
#define POLICYC_RUNTIME_SOCKET_PEER_H

#include <linux/in.h>

#include "runtime/include/ipcache_maps.h"
#include "runtime/include/service.h"

/* The network namespace of the node's own processes; 0: the kernel's first one. Set by the loader, which runs in it. */
const volatile __u64 host_netns_cookie = 0;

struct socket_peer {
	__u32 words[4]; /* IPv4, also of an IPv6 socket (::ffff:a.b.c.d): the first, the others 0 */
	__be16 port;
	__u8 protocol;
	__u8 family; /* 4 or 6 */
};

#define MAPPED_PREFIX bpf_htonl(0xffff) /* third word of ::ffff:a.b.c.d */

/* The hooks never see SCTP; UDP-Lite has no services. */
static __always_inline bool has_services(__u32 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static __always_inline void peer_from_words(struct socket_peer *peer, __u32 a, __u32 b, __u32 c, __u32 d)
{
	if (a == 0 && b == 0 && c == MAPPED_PREFIX) {
		peer->words[0] = d;
		peer->family = 4;
		return;
	}
	peer->words[0] = a;
	peer->words[1] = b;
	peer->words[2] = c;
	peer->words[3] = d;
	peer->family = 6;
}

static __always_inline void peer_read4(struct socket_peer *peer, const struct bpf_sock_addr *context)
{
	__builtin_memset(peer, 0, sizeof(*peer));
	peer->words[0] = context->user_ip4;
	peer->port = (__be16)context->user_port;
	peer->protocol = (__u8)context->protocol;
	peer->family = 4;
}

static __always_inline void peer_read6(struct socket_peer *peer, const struct bpf_sock_addr *context)
{
	__builtin_memset(peer, 0, sizeof(*peer));
	peer->port = (__be16)context->user_port;
	peer->protocol = (__u8)context->protocol;
	peer_from_words(peer, context->user_ip6[0], context->user_ip6[1], context->user_ip6[2],
			context->user_ip6[3]);
}

static __always_inline void peer_write4(struct bpf_sock_addr *context, const __u8 *address, __be16 port)
{
	__u32 word;

	__builtin_memcpy(&word, address, sizeof(word));
	context->user_ip4 = word;
	context->user_port = port;
}

/* `family`: of the address; that of an IPv4 one stays mapped into IPv6. */
static __always_inline void peer_write6(struct bpf_sock_addr *context, const __u8 *address, __be16 port,
					__u8 family)
{
	__u32 words[4];

	__builtin_memcpy(words, address, sizeof(words));
	if (family == 4) {
		context->user_ip6[3] = words[0];
	} else {
		context->user_ip6[0] = words[0];
		context->user_ip6[1] = words[1];
		context->user_ip6[2] = words[2];
		context->user_ip6[3] = words[3];
	}
	context->user_port = port;
}

static __always_inline bool is_any(const struct socket_peer *peer)
{
	return !(peer->words[0] | peer->words[1] | peer->words[2] | peer->words[3]);
}

/* What names the network namespace's own host: 127.0.0.0/8, ::1, and 0.0.0.0 and :: when they are connected to. */
static __always_inline bool is_loopback(const struct socket_peer *peer)
{
	if (is_any(peer))
		return true;
	if (peer->family == 4)
		return (peer->words[0] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
	return !(peer->words[0] | peer->words[1] | peer->words[2]) && peer->words[3] == bpf_htonl(1);
}

static __always_inline bool in_host(void *context)
{
	__u64 host = host_netns_cookie;

	return bpf_get_netns_cookie(context) == (host ? host : bpf_get_netns_cookie(NULL));
}

/* By the IP cache; IDENTITY_UNKNOWN if it does not hold the address itself. */
static __always_inline __u32 peer_identity(const struct socket_peer *peer)
{
	const struct ipcache_value *value;

	if (peer->family == 4) {
		struct ipcache4_key key = {.address = peer->words[0]};

		value = bpf_map_lookup_elem(&ipcache4, &key);
	} else {
		struct ipcache6_key key;

		__builtin_memcpy(key.address, peer->words, sizeof(key.address));
		value = bpf_map_lookup_elem(&ipcache6, &key);
	}
	return value ? value->identity : IDENTITY_UNKNOWN;
}

/* Also that of a node with the API server, and those of single nodes (scope 2), which policies tell apart by their labels. */
static __always_inline bool is_remote_node(__u32 identity)
{
	return identity == IDENTITY_REMOTE_NODE || identity == IDENTITY_KUBE_APISERVER || identity >> 24 == 2;
}

static __always_inline const struct frontend_value *exact_frontend(const struct socket_peer *peer)
{
	return peer->family == 4 ? frontend_lookup4(peer->words[0], peer->port, peer->protocol)
				 : frontend_lookup6(peer->words, peer->port, peer->protocol);
}

/* A NodePort or hostPort of every address of the node: it stands at 0.0.0.0 or ::. */
static __always_inline const struct frontend_value *frontend_of_any(__u8 family, __be16 port, __u8 protocol)
{
	if (family == 4) {
		struct frontend4_key key = {.port = port, .protocol = protocol};

		return bpf_map_lookup_elem(&frontends4, &key);
	} else {
		struct frontend6_key key = {.port = port, .protocol = protocol};

		return bpf_map_lookup_elem(&frontends6, &key);
	}
}

/*
 * The frontend that a socket asks for, as Cilium's socket load balancer finds it (spec: bpf_sock). What is at no address of its
 * own may be a NodePort of this or another node, or a hostPort of this one. Loopback addresses are the node's only for the
 * node's own processes; a pod's loopback is its own.
 */
static __always_inline const struct frontend_value *frontend_find(struct bpf_sock_addr *context,
								  const struct socket_peer *peer)
{
	const bool loopback = is_loopback(peer);
	const struct frontend_value *found;
	__u32 identity;

	if (loopback && !in_host(context))
		return NULL;
	found = exact_frontend(peer);
	if (found)
		return found;
	found = frontend_of_any(peer->family, peer->port, peer->protocol);
	if (!found)
		return NULL;
	if (loopback)
		return found->flags & (FRONTEND_NODE_PORT | FRONTEND_HOST_PORT) ? found : NULL;
	if (found->flags & FRONTEND_LOOPBACK)
		return NULL;
	identity = peer_identity(peer);
	if (identity == IDENTITY_HOST)
		return found->flags & (FRONTEND_NODE_PORT | FRONTEND_HOST_PORT) ? found : NULL;
	if (is_remote_node(identity))
		return found->flags & FRONTEND_NODE_PORT ? found : NULL;
	return NULL;
}

/*
 * Whether the socket keeps the address that it asked for although it is a frontend:
 *   - an external IP may be any address of the internet, and a service must not take over what pods send there, unless the
 *     address is this node's; the same for hostPorts at addresses other than the node's (Cilium does so);
 *   - backends of the other IP family cannot be reached by this socket; packets are translated one by one.
 */
static __always_inline bool is_left_alone(const struct frontend_value *found, const struct socket_peer *peer)
{
	if (found->flags & FRONTEND_OTHER_FAMILY)
		return true;
	if (found->flags & FRONTEND_EXTERNAL_IP || (found->flags & FRONTEND_HOST_PORT && !is_loopback(peer)))
		return peer_identity(peer) != IDENTITY_HOST;
	return false;
}

#endif /* POLICYC_RUNTIME_SOCKET_PEER_H */
