/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets that ask for a frontend are given a backend of it when they connect or send, so their packets need no translation.
 *
 * Clients are sockets of this node, inside of the cluster, so it is always the internal scope that is asked: Cilium looks into
 * the external one only while both hold the same backends (externalTrafficPolicy and internalTrafficPolicy equal), and into the
 * internal one otherwise. externalTrafficPolicy=Local thus does not bind pods that ask for a NodePort or a load balancer's
 * address; internalTrafficPolicy=Local does. What the scope holds is the loader's business.
 */
#ifndef POLICYC_RUNTIME_SOCKET_LB_H
#define POLICYC_RUNTIME_SOCKET_LB_H

#include <asm-generic/errno.h>

#include "runtime/include/socket_reverse.h"

#define SOCKET_ACCEPT 1
#define SOCKET_REFUSE 0

/* bpf_set_retval for these hooks, kernel 6.1; else a refusal is EPERM. */
const volatile __u8 have_set_retval = 1;

/* What becomes of the address that a socket asked for. */
enum socket_answer {
	SOCKET_UNCHANGED,
	SOCKET_BACKEND,	   /* `peer` is the backend now */
	SOCKET_NO_BACKEND, /* of a frontend without one */
	SOCKET_NO_PORT,	   /* the address is one of services, but has no such port */
	SOCKET_NO_MEMORY,
};

static __always_inline int refuse(int error)
{
	if (have_set_retval)
		bpf_set_retval(-error);
	return SOCKET_REFUSE;
}

static __always_inline int refuse_answer(enum socket_answer answer)
{
	return refuse(answer == SOCKET_NO_BACKEND ? EHOSTUNREACH
		      : answer == SOCKET_NO_PORT  ? ECONNREFUSED
						  : ENOMEM);
}

/* The backend that a socket has already, if it may get it again; null: it needs another. */
static __always_inline const struct backend_value *backend_again(const struct frontend_value *found,
								 const struct socket_reverse_value *had)
{
	const struct backend_value *backend;

	if (had->frontend != found->frontend)
		return NULL;
	backend = backend_of(had->backend, had->generation);
	if (!backend || backend->service != found->service[SCOPE_INTERNAL])
		return NULL;
	if (backend->state == BACKEND_ACTIVE)
		return backend;
	return backend->state == listed_state(backend->service) ? backend : NULL;
}

/* Chooses for the network namespace of `context`, which is the client of session affinity. Null: there is no backend. */
static __always_inline const struct backend_value *
backend_for(void *context, const struct frontend_value *found, struct chosen *chosen)
{
	struct frontend_value copy = *found;
	struct client asking = {.scope = SCOPE_INTERNAL};

	if (copy.affinity_seconds) {
		__u64 cookie = bpf_get_netns_cookie(context);

		asking.words[0] = (__u32)cookie;
		asking.words[1] = (__u32)(cookie >> 32);
	}
	backend_choose(&copy, &asking, chosen, clock_ticks());
	return chosen->number ? backend_of(chosen->number, chosen->generation) : NULL;
}

static __always_inline void peer_of_backend(struct socket_peer *peer, const struct backend_value *backend)
{
	__builtin_memcpy(peer->words, backend->address, sizeof(peer->words));
	peer->port = backend->port;
}

static __always_inline void reverse_value_of(struct socket_reverse_value *value,
					     const struct frontend_value *found,
					     const struct socket_peer *asked, const struct chosen *chosen)
{
	__builtin_memset(value, 0, sizeof(*value));
	__builtin_memcpy(value->address, asked->words, sizeof(value->address));
	value->port = asked->port;
	value->frontend = found->frontend;
	value->backend = chosen->number;
	value->generation = chosen->generation;
}

/* The peer of a socket that is connected. */
static __always_inline void connected_peer(struct socket_peer *peer, const struct bpf_sock *socket)
{
	__builtin_memset(peer, 0, sizeof(*peer));
	peer->port = socket->dst_port;
	peer->protocol = (__u8)socket->protocol;
	if (socket->family == 2 /* AF_INET */) {
		peer->words[0] = socket->dst_ip4;
		peer->family = 4;
		return;
	}
	peer_from_words(peer, socket->dst_ip6[0], socket->dst_ip6[1], socket->dst_ip6[2], socket->dst_ip6[3]);
}

/* Of a frontend that translates, or why not. */
static __always_inline enum socket_answer frontend_answer(struct bpf_sock_addr *context,
							  const struct socket_peer *peer,
							  const struct frontend_value **found)
{
	if (!has_services(peer->protocol))
		return SOCKET_UNCHANGED;
	*found = frontend_find(context, peer);
	if (!*found)
		return SOCKET_UNCHANGED;
	if (!(*found)->frontend)
		return SOCKET_NO_PORT;
	return is_left_alone(*found, peer) ? SOCKET_UNCHANGED : SOCKET_BACKEND;
}

/*
 * connect(2). `peer`: what the socket asks for, then what it gets. A UDP socket that connects again to the same frontend keeps
 * its backend; one that connects to something else leaves nothing behind in socket_reverse.
 */
static __always_inline enum socket_answer socket_connect(struct bpf_sock_addr *context,
							 struct socket_peer *peer)
{
	const struct backend_value *backend = NULL;
	const struct frontend_value *found = NULL;
	const struct bpf_sock *socket = context->sk;
	struct socket_reverse_value *had = NULL;
	struct socket_reverse_value value;
	struct socket_reverse_key key, old;
	struct chosen chosen = {};
	struct socket_peer before;
	enum socket_answer answer = frontend_answer(context, peer, &found);
	__u64 cookie;

	if (peer->protocol == IPPROTO_UDP && socket && socket->dst_port) {
		connected_peer(&before, socket);
		reverse_key_of(&old, bpf_get_socket_cookie(context), &before);
		had = bpf_map_lookup_elem(&socket_reverse, &old);
	}
	if (answer == SOCKET_BACKEND && found) {
		if (had && !found->affinity_seconds) {
			backend = backend_again(found, had);
			chosen.number = had->backend;
			chosen.generation = had->generation;
		}
		if (!backend)
			backend = backend_for(context, found, &chosen);
		if (!backend)
			answer = SOCKET_NO_BACKEND;
	}
	if (answer != SOCKET_BACKEND || !found || !backend) {
		if (had)
			bpf_map_delete_elem(&socket_reverse, &old);
		return answer;
	}
	reverse_value_of(&value, found, peer, &chosen);
	if (had && same_reverse(had, &value)) {
		peer_of_backend(peer, backend);
		return SOCKET_BACKEND;
	}
	if (had)
		bpf_map_delete_elem(&socket_reverse, &old);
	peer_of_backend(peer, backend);
	cookie = bpf_get_socket_cookie(context);
	reverse_key_of(&key, cookie, peer);
	return bpf_map_update_elem(&socket_reverse, &key, &value, BPF_ANY) ? SOCKET_NO_MEMORY
									   : SOCKET_BACKEND;
}

/* The choice of an earlier datagram to this frontend; null: there was none, or it was forgotten. */
static __always_inline struct socket_choice *choice_of(struct socket_choices *all, __u32 frontend)
{
	__u32 i;

	for (i = 0; i < SOCKET_CHOICES; i++) {
		if (all->choices[i].family && all->choices[i].value.frontend == frontend)
			return &all->choices[i];
	}
	return NULL;
}

/* A datagram of a socket that is not connected, or not to where it sends. `peer` as for socket_connect(). */
static __always_inline enum socket_answer socket_send(struct bpf_sock_addr *context, struct socket_peer *peer)
{
	const struct backend_value *backend = NULL;
	const struct frontend_value *found = NULL;
	enum socket_answer answer = frontend_answer(context, peer, &found);
	struct socket_reverse_value value;
	struct socket_reverse_key key;
	struct socket_choices *all;
	struct socket_choice *choice;
	struct chosen chosen = {};

	if (answer != SOCKET_BACKEND || !found)
		return answer;
	all = context->sk
		      ? bpf_sk_storage_get(&socket_choices, context->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE)
		      : NULL;
	if (!all)
		return SOCKET_NO_MEMORY;
	choice = choice_of(all, found->frontend);
	if (choice && !found->affinity_seconds) {
		backend = backend_again(found, &choice->value);
		chosen.number = choice->value.backend;
		chosen.generation = choice->value.generation;
	}
	if (!backend)
		backend = backend_for(context, found, &chosen);
	if (!backend)
		return SOCKET_NO_BACKEND;
	reverse_value_of(&value, found, peer, &chosen);
	peer_of_backend(peer, backend);
	reverse_key_of(&key, bpf_get_socket_cookie(context), peer);
	if (!choice)
		choice = &all->choices[all->next++ & (SOCKET_CHOICES - 1)];
	choice->value = value;
	__builtin_memcpy(choice->address, peer->words, sizeof(choice->address));
	choice->port = peer->port;
	choice->family = peer->family;
	return reverse_remember(&key, &value) ? SOCKET_NO_MEMORY : SOCKET_BACKEND;
}

#endif /* POLICYC_RUNTIME_SOCKET_LB_H */
