/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sockets believe that they are connected to: written when they are given a backend, read when they ask who it is. */
#ifndef POLICYC_RUNTIME_SOCKET_REVERSE_H
#define POLICYC_RUNTIME_SOCKET_REVERSE_H

#include "runtime/include/socket_maps.h"
#include "runtime/include/socket_peer.h"

static __always_inline void reverse_key_of(struct socket_reverse_key *key, __u64 cookie,
					   const struct socket_peer *peer)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->cookie = cookie;
	__builtin_memcpy(key->address, peer->words, sizeof(key->address));
	key->port = peer->port;
	key->protocol = peer->protocol;
	key->family = peer->family;
}

static __always_inline bool same_address(const __u8 *a, const __u8 *b)
{
	__u32 x[4], y[4];

	__builtin_memcpy(x, a, sizeof(x));
	__builtin_memcpy(y, b, sizeof(y));
	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

static __always_inline bool same_reverse(const struct socket_reverse_value *a,
					 const struct socket_reverse_value *b)
{
	return a->frontend == b->frontend && a->backend == b->backend && a->generation == b->generation &&
	       a->port == b->port && same_address(a->address, b->address);
}

/* Writes only what is not there yet. 0, or the error of the map. */
static __always_inline long reverse_remember(const struct socket_reverse_key *key,
					     const struct socket_reverse_value *value)
{
	const struct socket_reverse_value *old = bpf_map_lookup_elem(&socket_reverse, key);

	if (old && same_reverse(old, value))
		return 0;
	return bpf_map_update_elem(&socket_reverse, key, value, BPF_ANY);
}

/* Is what was written then still so? Numbers of frontends and backends are given anew. */
static __always_inline bool reverse_is_current(const struct socket_reverse_value *value, __u8 family)
{
	const struct frontend_address *frontend = frontend_address_lookup(value->frontend);
	const struct backend_value *backend = backend_lookup(value->backend);
	const __u8 any[16] = {};

	if (!frontend || frontend->family != family || frontend->port != value->port)
		return false;
	/* A port of every address of the node is asked for at any of them. */
	if (!same_address(frontend->address, value->address) && !same_address(frontend->address, any))
		return false;
	return backend && backend->generation == value->generation;
}

/* What the socket of `context` takes `peer` for; null: for what it is. A mapping that is not current is removed. */
static __always_inline const struct socket_reverse_value *reverse_find(struct bpf_sock_addr *context,
								       const struct socket_peer *peer)
{
	const struct socket_reverse_value *value;
	struct socket_reverse_key key;

	if (!has_services(peer->protocol))
		return NULL;
	reverse_key_of(&key, bpf_get_socket_cookie(context), peer);
	value = bpf_map_lookup_elem(&socket_reverse, &key);
	if (value && !reverse_is_current(value, peer->family)) {
		bpf_map_delete_elem(&socket_reverse, &key);
		return NULL;
	}
	return value;
}

#endif /* POLICYC_RUNTIME_SOCKET_REVERSE_H */
