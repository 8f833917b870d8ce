/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ports of fragments: the first one has them and leaves them for the others. */
#ifndef POLICYC_RUNTIME_FRAGMENTS_H
#define POLICYC_RUNTIME_FRAGMENTS_H

#include "runtime/include/maps.h"
#include "runtime/include/parse.h"

/* Gives a later fragment its ports; a drop reason when nobody knows them. */
static __always_inline int fragments_resolve(struct packet *packet)
{
	struct fragment_key key = {};
	struct fragment_value *known;

	__builtin_memcpy(key.source, &packet->source, sizeof(key.source));
	__builtin_memcpy(key.destination, &packet->destination, sizeof(key.destination));
	key.id = packet->fragment_id;
	key.protocol = packet->protocol;
	key.family = packet->family;
	if (packet->fragment == FRAGMENT_FIRST) {
		struct fragment_value ports = {packet->source_port, packet->destination_port};

		/* Without room the later fragments will find nothing and be dropped. */
		bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
		return DROP_NONE;
	}
	known = bpf_map_lookup_elem(&fragments, &key);
	if (!known)
		return DROP_FRAGMENT_WITHOUT_FIRST;
	packet->source_port = known->source_port;
	packet->destination_port = known->destination_port;
	return DROP_NONE;
}

#endif /* POLICYC_RUNTIME_FRAGMENTS_H */
