/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose packet it is, and whether it may come from there. */
#ifndef POLICYC_RUNTIME_ENDPOINT_H
#define POLICYC_RUNTIME_ENDPOINT_H

#include "runtime/include/maps.h"
#include "runtime/include/parse.h"

/* Of the host side's interface index; null if there is none. */
static __always_inline struct endpoint_value *endpoint_by_interface(__u32 interface_index)
{
	struct endpoint_value *endpoint = bpf_map_lookup_elem(&endpoints, &interface_index);

	if (!endpoint)
		endpoint = bpf_map_lookup_elem(&endpoints_beyond, &interface_index);
	return endpoint && endpoint->endpoint_id ? endpoint : NULL;
}

/*
 * All bits, or none where the endpoint's interface has a queue. No branch: each doubles what the verifier of Linux 6.1 walks.
 */
static __always_inline __u32 unless_queued(__u32 endpoint_flags)
{
	return (endpoint_flags / ENDPOINT_QUEUED & 1) - 1;
}

/* The action for a packet of the endpoint that the host's stack takes on: POLICYC_PASS, or POLICYC_NEXT where there is a queue. */
static __always_inline int pass_on(__u32 endpoint_flags)
{
	return -(int)(endpoint_flags / ENDPOINT_QUEUED & 1);
}

static __always_inline struct node_config_value *node_config_lookup(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&node_config, &first);
}

/* Neighbour discovery starts from addresses that no endpoint owns: link-local, or none at all. */
static __always_inline bool neighbour_source_valid(const union address *source)
{
	if ((source->words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000))
		return true;
	return (source->words[0] | source->words[1] | source->words[2] | source->words[3]) == 0;
}

/* May the endpoint send with this source address? */
static __always_inline bool endpoint_owns_source(const struct endpoint_value *endpoint,
						 const struct packet *packet)
{
	if (packet->family == 4)
		return endpoint->ipv4 && endpoint->ipv4 == packet->source.words[0];
	if (packet->kind == PACKET_NEIGHBOUR && neighbour_source_valid(&packet->source))
		return true;
	/* An endpoint without IPv6 has the address zero. */
	return address_equal6(&packet->source, endpoint->ipv6) &&
	       (packet->source.words[0] | packet->source.words[1] | packet->source.words[2] |
		packet->source.words[3]) != 0;
}

static __always_inline bool knows_link(const struct endpoint_value *endpoint)
{
	return endpoint->mac[0] | endpoint->mac[1] | endpoint->mac[2] | endpoint->mac[3] | endpoint->mac[4] |
	       endpoint->mac[5];
}

/* Does the frame come from the endpoint's own MAC address? */
static __always_inline bool endpoint_owns_link(struct __sk_buff *skb, const struct endpoint_value *endpoint)
{
	const __u8 *own = endpoint->mac;
	__u8 source[8] __attribute__((aligned(4))) = {};

	if (packet_read(skb, 6, source, 6))
		return false;
	return !((source[0] ^ own[0]) | (source[1] ^ own[1]) | (source[2] ^ own[2]) | (source[3] ^ own[3]) |
		 (source[4] ^ own[4]) | (source[5] ^ own[5]));
}

/* Endpoints do not speak for routers: their advertisements and redirects need a policy like any ICMP. */
static __always_inline bool neighbour_passes(const struct packet *packet, enum policyc_direction direction)
{
	return direction == POLICYC_INGRESS ||
	       (packet->icmp_type != ICMP6_ROUTER_ADVERT && packet->icmp_type != ICMP6_REDIRECT);
}

#endif /* POLICYC_RUNTIME_ENDPOINT_H */
