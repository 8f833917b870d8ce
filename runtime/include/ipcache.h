/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Address to identity and peer class. Exact addresses are in a hash (10 ns); the trie of prefixes (70 ns at 1,000
 * entries) is asked only when the node has prefixes of the family, and what neither knows is the world.
 */
#ifndef POLICYC_RUNTIME_IPCACHE_H
#define POLICYC_RUNTIME_IPCACHE_H

#include "runtime/include/maps.h"
#include "runtime/include/packet.h"

static __always_inline struct ipcache_value ipcache_lookup4(const union address *address,
							    const struct node_config_value *config)
{
	struct ipcache4_key key = {.address = address->words[0]};
	struct ipcache_value *value = bpf_map_lookup_elem(&ipcache4, &key);

	if (!value && config->flags & NODE_HAS_PREFIXES4) {
		struct ipcache4_prefix_key prefix = {.prefix_length = 32, .address = address->words[0]};

		value = bpf_map_lookup_elem(&ipcache4_prefix, &prefix);
	}
	if (value)
		return *value;
	return (struct ipcache_value){.identity = config->world4_identity,
				      .peer_class = config->world4_class};
}

static __always_inline struct ipcache_value ipcache_lookup6(const union address *address,
							    const struct node_config_value *config)
{
	struct ipcache6_key key;
	struct ipcache_value *value;

	/* Linux 6.1 takes no argument of a global function for a key, so it is copied to the stack. */
	__builtin_memcpy(key.address, address, sizeof(key.address));
	value = bpf_map_lookup_elem(&ipcache6, &key);
	if (!value && config->flags & NODE_HAS_PREFIXES6) {
		struct ipcache6_prefix_key prefix = {.prefix_length = 128};

		__builtin_memcpy(prefix.address, address, sizeof(prefix.address));
		value = bpf_map_lookup_elem(&ipcache6_prefix, &prefix);
	}
	if (value)
		return *value;
	return (struct ipcache_value){.identity = config->world6_identity,
				      .peer_class = config->world6_class};
}

static __always_inline struct ipcache_value ipcache_lookup(const struct packet *packet,
							   const union address *address,
							   const struct node_config_value *config)
{
	return !have_ipv6 || packet->family == 4 ? ipcache_lookup4(address, config)
						 : ipcache_lookup6(address, config);
}

#endif /* POLICYC_RUNTIME_IPCACHE_H */
