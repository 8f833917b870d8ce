/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sources that only this node's programs give to packets, and that are never on a wire. Endpoints have living connections with
 * them, whose packets pass without policy, so nobody outside may have one.
 */
#ifndef POLICYC_RUNTIME_NAT_INSIDE_H
#define POLICYC_RUNTIME_NAT_INSIDE_H

#include "runtime/include/nat_connection.h"

/*
 * What an endpoint sees in the place of a client of the other IP family: next to the loopback source of services 169.254.42.2, and
 * 64:ff9b:1:42::/96 (of RFC 8215) with the client's address behind it.
 */
const volatile __be32 inside4 = bpf_htonl(0xa9fe2a02);
const volatile __be32 inside6[3] = {bpf_htonl(0x0064ff9b), bpf_htonl(0x00010042), 0};

static __always_inline const struct device_value *device_lookup(__u32 interface_index)
{
	return bpf_map_lookup_elem(&devices, &interface_index);
}

static __always_inline bool is_inside(const union address *address, __u8 family)
{
	if (!have_ipv6 || family == 4)
		return address->words[0] == inside4;
	return address->words[0] == inside6[0] && address->words[1] == inside6[1] &&
	       address->words[2] == inside6[2];
}

/*
 * Does a packet from outside have one of those, or what a pod sees that reaches itself by a service? The IPv6 one of the latter may be
 * a neighbour's link-local address: that one speaks to the node alone.
 */
static __always_inline bool nat_forged(frame *context, const struct packet *packet)
{
	const struct service_config_value *config = service_config_lookup();
	const struct device_value *device;

	if (is_inside(&packet->source, packet->family))
		return true;
	if (!config)
		return false;
	if (!have_ipv6 || packet->family == 4)
		return packet->source.words[0] == config->loopback4 && config->loopback4;
	if (!address_equal6(&packet->source, config->loopback6) || !packet->source.words[0] ||
	    (packet->destination.words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000))
		return false;
	device = device_lookup(frame_interface(context));
	return device && !address_equal6(&packet->destination, device->ipv6);
}

/*
 * The terms for a backend of this node that has another IP family than its client: packets to the node's own address would not meet
 * a device's program again, but those to an inside address leave by one.
 */
static __always_inline int nat_terms_inside(frame *context, const struct packet *packet,
					    struct nat_work *work)
{
	const struct device_value *device = device_lookup(frame_interface(context));
	union address source = {};

	if (!device)
		return DROP_NAT_UNSUPPORTED;
	if (packet->family == 6) {
		source.words[0] = inside4;
		work->terms.port_first = device->port_first;
		work->terms.port_last = device->port_last;
	} else {
		source.words[0] = inside6[0];
		source.words[1] = inside6[1];
		source.words[2] = inside6[2];
		source.words[3] = packet->source.words[0];
		work->terms.any_port = true;
	}
	work->hit.to.source = source;
	return DROP_NONE;
}

#endif /* POLICYC_RUNTIME_NAT_INSIDE_H */
