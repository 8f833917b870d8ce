/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Endpoints towards the outside: which connections leave with the node's address. Also the node's own connections from that
 * address, which are remembered as they are, so that no endpoint is given a port that one of them uses towards the same
 * destination.
 */
#ifndef POLICYC_RUNTIME_NAT_MASQUERADE_H
#define POLICYC_RUNTIME_NAT_MASQUERADE_H

#include "runtime/include/endpoint.h"
#include "runtime/include/ipcache.h"
#include "runtime/include/nat_service.h"

/* Of nobody in the cluster: the world, or a CIDR (scope 1 in the upper byte). */
static __always_inline bool identity_is_outside(__u32 identity)
{
	return identity == IDENTITY_UNKNOWN || identity == IDENTITY_WORLD ||
	       identity == IDENTITY_WORLD_IPV4 || identity == IDENTITY_WORLD_IPV6 || identity >> 24 == 1;
}

static __always_inline bool is_outside(const struct packet *packet, const union address *address,
				       const struct node_config_value *config)
{
	return identity_is_outside(ipcache_lookup(packet, address, config).identity);
}

/* Shall the destination see the endpoint's own address? */
static __always_inline bool nat_excluded(const struct packet *packet, const struct device_value *device)
{
	if (!have_ipv6 || packet->family == 4) {
		struct nat_exclusion4_key key = {.prefix_length = 32,
						 .address = packet->destination.words[0]};

		return device->flags & DEVICE_HAS_EXCLUSIONS4 && bpf_map_lookup_elem(&nat_exclusions4, &key);
	} else {
		struct nat_exclusion6_key key = {.prefix_length = 128};

		__builtin_memcpy(key.address, &packet->destination, sizeof(key.address));
		return device->flags & DEVICE_HAS_EXCLUSIONS6 && bpf_map_lookup_elem(&nat_exclusions6, &key);
	}
}

/* Begins a connection that keeps its destination. enum nat_verdict. */
static __always_inline int nat_keep(const struct packet *packet, struct nat_work *work,
				    const struct device_value *device, __u16 flags, bool any_port)
{
	__u8 closing = ct_new_flags(packet, true);
	__u64 now = clock_ticks();
	int reason;

	work->terms = (struct nat_terms){
		.state.expires = now + ct_lifetime(packet->protocol, closing),
		.state.refreshed = (__u32)now,
		.state.flags = NAT_ORIGINAL | flags | closing,
		.port_first = device->port_first,
		.port_last = device->port_last,
		.any_port = any_port,
	};
	reason = nat_begin(work);
	return reason ? NAT_VERDICT(NAT_REFUSE, reason) : NAT_TRANSLATE;
}

/* The node's own connection. One that does not fit into the table goes out as it is: the node must not be cut off. */
static __always_inline int nat_keep_own(const struct packet *packet, struct nat_work *work,
					const struct device_value *device)
{
	__u16 port = bpf_ntohs(work->from.source_port);
	int verdict;

	if (!makes_entry(packet) || packet->kind == PACKET_OTHER_PROTOCOL || port < device->port_first ||
	    port > device->port_last)
		return NAT_PASS;
	work->hit.to = work->from;
	verdict = nat_keep(packet, work, device, NAT_EGRESS, false);
	return verdict == NAT_VERDICT(NAT_REFUSE, DROP_CONNTRACK_FULL) ? NAT_PASS : verdict;
}

/* Does an endpoint of this node answer with this packet? Its own conntrack entry says so. */
__noinline int nat_answers(const struct packet *packet)
{
	const struct ct_value *entry = packet ? ct_lookup(packet, POLICYC_EGRESS, clock_ticks()) : NULL;

	return entry && entry->direction == POLICYC_INGRESS;
}

/*
 * A packet that leaves by a device and is of no connection that is known: enum nat_verdict. It is left alone unless it comes from
 * an endpoint of this node that begins a connection to the outside.
 */
__noinline int nat_leave(frame *context, const struct packet *packet, struct nat_work *work)
{
	const struct device_value *device = device_lookup(frame_interface(context));
	const struct node_config_value *config = node_config_lookup();
	union address source = {};

	if (!packet || !work)
		return NAT_VERDICT(NAT_REFUSE, DROP_MISSING_STATE);
	/* The answer of an endpoint to a client of the other family whose connection is over. */
	if (is_inside(&packet->destination, packet->family))
		return NAT_VERDICT(NAT_REFUSE, DROP_CONNTRACK_INVALID);
	if (!device || !config || !device_source(device, packet->family, &source))
		return NAT_PASS;
	if (address_equal6(&packet->source, source.bytes))
		return nat_keep_own(packet, work, device);
	if (!(device->flags & (packet->family == 4 ? DEVICE_MASQUERADE4 : DEVICE_MASQUERADE6)) ||
	    !is_outside(packet, &packet->destination, config) || nat_excluded(packet, device) ||
	    !ipcache_lookup(packet, &packet->source, config).interface_index)
		return NAT_PASS;
	if (packet->kind == PACKET_OTHER_PROTOCOL || packet->kind == PACKET_ICMP_OTHER ||
	    (packet->fragment == FRAGMENT_LATER && !packet->destination_port))
		return NAT_VERDICT(NAT_REFUSE, DROP_NAT_UNSUPPORTED);
	/* It answers someone outside, who knows it by its own address. */
	if (nat_answers(packet))
		return NAT_PASS;
	/*
	 * A reset of a connection that is forgotten here still ends it at its other end. It is remembered for the seconds of a closed
	 * connection, because the port it gets must not be that of a living one.
	 */
	if (!makes_entry(packet) && packet->kind != PACKET_FLOW)
		return NAT_VERDICT(NAT_REFUSE, DROP_CONNTRACK_INVALID);
	work->hit.to = work->from;
	work->hit.to.source = source;
	return nat_keep(packet, work, device, NAT_EGRESS, false);
}

/*
 * A packet from outside of no connection that is known: is it for an endpoint of this node? What an endpoint answers is told
 * apart from what it begins by its own conntrack entry; one that no policy selects has none, so the connection is remembered
 * here. NAT_PASS with `*local`.
 */
__noinline int nat_arrive(frame *context, const struct packet *packet, struct nat_work *work, __u32 *local)
{
	const struct device_value *device = device_lookup(frame_interface(context));
	const struct node_config_value *config = node_config_lookup();
	const struct endpoint_value *endpoint;
	__u32 interface_index = 0;

	if (!packet || !work || !local)
		return NAT_VERDICT(NAT_REFUSE, DROP_MISSING_STATE);
	if (!config)
		return NAT_PASS;
	if (!have_ipv6 || packet->family == 4) {
		struct ipcache4_key key = {.address = packet->destination.words[0]};
		const struct ipcache_value *value = bpf_map_lookup_elem(&ipcache4, &key);

		interface_index = value ? value->interface_index : 0;
	} else {
		struct ipcache6_key key;
		const struct ipcache_value *value;

		__builtin_memcpy(key.address, &packet->destination, sizeof(key.address));
		value = bpf_map_lookup_elem(&ipcache6, &key);
		interface_index = value ? value->interface_index : 0;
	}
	if (!interface_index)
		return NAT_PASS;
	*local = 1;
	endpoint = endpoint_by_interface(interface_index);
	if (!endpoint || !(endpoint->flags & ENDPOINT_UNENFORCED) || !device || !makes_entry(packet) ||
	    packet->kind == PACKET_OTHER_PROTOCOL ||
	    !(device->flags & (packet->family == 4 ? DEVICE_MASQUERADE4 : DEVICE_MASQUERADE6)) ||
	    !is_outside(packet, &packet->source, config))
		return NAT_PASS;
	work->hit.to = work->from;
	return nat_keep(packet, work, device, 0, true);
}

#endif /* POLICYC_RUNTIME_NAT_MASQUERADE_H */
