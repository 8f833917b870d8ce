/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a frontend to a backend. Whoever balances (sockets, endpoints, devices) finds the frontend here and chooses one of its
 * backends; what becomes of the packet or the socket is its own business. Nothing here looks at a packet.
 */
#ifndef POLICYC_RUNTIME_SERVICE_H
#define POLICYC_RUNTIME_SERVICE_H

#include "runtime/include/service_maps.h"

/* Who asks for a backend. */
struct client {
	__u32 words[4]; /* address, or the cookie of a network namespace */
	__u32 hash;	/* of the connection, for Maglev; without affinity it should cover ports too */
	__u8 kind;	/* affinity_key.kind */
	__u8 scope;	/* policyc_scope */
	__u8 pad[2];
};

/* A backend that was chosen: number 0 if there is none. */
struct chosen {
	__u32 number;
	__u32 generation;
};

/* Mixes one word into a hash. Not for adversaries: the seed of service_config comes first. */
static __always_inline __u32 hash_mix(__u32 hash, __u32 word)
{
	hash ^= word;
	hash *= 0x85ebca6bU;
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35U;
	return hash ^ hash >> 16;
}

static __always_inline const struct service_config_value *service_config_lookup(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&service_config, &first);
}

/*
 * Null: no frontend. A value with number 0: no frontend, but the address is one of services alone. At address 0 stands what
 * sockets find at every address of the node: a packet that claims to go there goes nowhere.
 */
static __always_inline const struct frontend_value *frontend_lookup4(__be32 address, __be16 port,
								     __u8 protocol)
{
	struct frontend4_key key = {.address = address, .port = port, .protocol = protocol};
	const struct frontend_value *found;

	if (!address)
		return NULL;
	found = bpf_map_lookup_elem(&frontends4, &key);
	if (found)
		return found;
	key.port = 0;
	key.protocol = 0;
	return bpf_map_lookup_elem(&frontends4, &key);
}

static __always_inline const struct frontend_value *frontend_lookup6(const __u32 *address, __be16 port,
								     __u8 protocol)
{
	struct frontend6_key key = {.port = port, .protocol = protocol};
	const struct frontend_value *found;

	if (!(address[0] | address[1] | address[2] | address[3]))
		return NULL;
	__builtin_memcpy(key.address, address, sizeof(key.address));
	found = bpf_map_lookup_elem(&frontends6, &key);
	if (found)
		return found;
	key.port = 0;
	key.protocol = 0;
	return bpf_map_lookup_elem(&frontends6, &key);
}

static __always_inline const struct frontend_address *frontend_address_lookup(__u32 frontend)
{
	return bpf_map_lookup_elem(&frontends, &frontend);
}

static __always_inline const struct backend_value *backend_lookup(__u32 number)
{
	return bpf_map_lookup_elem(&backends, &number);
}

/* The backend that a connection was given; null if it is gone. */
static __always_inline const struct backend_value *backend_of(__u32 number, __u32 generation)
{
	const struct backend_value *backend = backend_lookup(number);

	if (!backend || backend->state == BACKEND_FREE || backend->generation != generation)
		return NULL;
	return backend;
}

/*
 * The state of the backends that new connections are given: those that are not active are listed only when none is active
 * (loader/service). BACKEND_FREE: there are none.
 */
static __always_inline __u8 listed_state(__u32 number)
{
	const struct service_value *service = bpf_map_lookup_elem(&services, &number);
	const struct backend_value *backend;
	__u32 first, *listed;

	if (!service || !*(const volatile __u32 *)&service->count)
		return BACKEND_FREE;
	first = *(const volatile __u32 *)&service->slots;
	listed = bpf_map_lookup_elem(&slots, &first);
	backend = listed ? backend_lookup(*listed) : NULL;
	return backend ? backend->state : BACKEND_FREE;
}

static __always_inline void affinity_key_of(struct affinity_key *key, const struct client *client,
					    __u32 service)
{
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->client, client->words, sizeof(key->client));
	key->service = service;
	key->kind = client->kind;
}

/* The number of the backend that this client had last, if that was not too long ago and it takes new connections. */
static __always_inline __u32 affinity_recall(const struct affinity_key *key, __u32 seconds, __u64 now)
{
	struct affinity_value *value = bpf_map_lookup_elem(&affinity, key);
	const struct backend_value *backend;

	if (!value || now - value->used > (__u64)seconds * ticks_per_second)
		return 0;
	backend = backend_of(value->backend, value->generation);
	if (!backend || backend->service != key->service ||
	    (backend->state != BACKEND_ACTIVE && backend->state != listed_state(key->service)))
		return 0;
	value->used = now;
	return value->backend;
}

/* By the table of the service if it has one, else 0. */
static __always_inline __u32 maglev_choose(__u32 service, __u32 size, __u32 hash)
{
	void *table = bpf_map_lookup_elem(&maglev, &service);
	__u32 place, *number;

	if (!table || size == 0)
		return 0;
	place = hash % size;
	number = bpf_map_lookup_elem(table, &place);
	return number ? *number : 0;
}

/*
 * Chooses a backend for a new connection of `asking`. chosen->number 0: there is none. `found` and `asking` are copied to the
 * caller's stack: Linux 6.1 takes no map value for an argument of a global function. Always 0.
 */
__noinline int backend_choose(const struct frontend_value *found, const struct client *asking,
			      struct chosen *chosen, __u64 now)
{
	const struct backend_value *backend;
	const struct service_value *service;
	struct affinity_key key;
	struct affinity_value kept;
	__u32 number, count, slot, seconds, *listed;

	if (!found || !asking || !chosen)
		return 0;
	chosen->number = 0;
	chosen->generation = 0;
	number = asking->scope == SCOPE_INTERNAL ? found->service[SCOPE_INTERNAL]
						 : found->service[SCOPE_EXTERNAL];
	service = bpf_map_lookup_elem(&services, &number);
	if (!number || !service)
		return 0;
	count = *(const volatile __u32 *)&service->count;
	if (count == 0)
		return 0;
	seconds = found->affinity_seconds;
	affinity_key_of(&key, asking, number);
	if (seconds)
		chosen->number = affinity_recall(&key, seconds, now);
	if (!chosen->number && found->flags & FRONTEND_MAGLEV && asking->scope == SCOPE_EXTERNAL) {
		const struct service_config_value *config = service_config_lookup();

		if (config)
			chosen->number = maglev_choose(number, config->maglev_size, asking->hash);
	}
	if (!chosen->number) {
		slot = *(const volatile __u32 *)&service->slots + bpf_get_prandom_u32() % count;
		listed = bpf_map_lookup_elem(&slots, &slot);
		if (!listed)
			return 0;
		chosen->number = *listed;
	}
	backend = backend_lookup(chosen->number);
	if (!backend || backend->state == BACKEND_FREE) {
		chosen->number = 0;
		return 0;
	}
	chosen->generation = backend->generation;
	if (seconds) {
		kept.backend = chosen->number;
		kept.generation = chosen->generation;
		kept.used = now;
		bpf_map_update_elem(&affinity, &key, &kept, BPF_ANY);
	}
	return 0;
}

/* May a client from outside ask this frontend? */
static __always_inline bool source_allowed(const struct frontend_value *found, const __u32 *client,
					   __u8 family)
{
	struct source_range_key key = {.frontend = found->frontend};

	if (!(found->flags & FRONTEND_SOURCE_RANGES))
		return true;
	key.prefix_length = family == 4 ? 32 + 32 : 32 + 128;
	__builtin_memcpy(key.address, client, sizeof(key.address));
	return bpf_map_lookup_elem(&source_ranges, &key) != NULL;
}

#endif /* POLICYC_RUNTIME_SERVICE_H */
