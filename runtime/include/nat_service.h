/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets from outside to a frontend: which backend, and by which tuple. Only decides and remembers; packets are written
 * elsewhere (nat_skb.h).
 */
#ifndef POLICYC_RUNTIME_NAT_SERVICE_H
#define POLICYC_RUNTIME_NAT_SERVICE_H

#include "runtime/include/nat_inside.h"
#include "runtime/include/route.h"
#include "runtime/include/service.h"

/* What becomes of a packet. With NAT_REFUSE and NAT_REJECT the upper bits are the drop reason. */
enum nat_verdict {
	NAT_PASS,      /* nothing to translate */
	NAT_TRANSLATE, /* as nat_work.hit says */
	NAT_REFUSE,    /* drop */
	NAT_REJECT,    /* drop, and say that the port is unreachable */
};
#define NAT_VERDICT(verdict, reason) ((verdict) | (int)(reason) << 8)

/* Which backend Maglev gives: the same at every node. Clients with affinity get one whatever their port. */
static __always_inline __u32 client_hash(const struct packet *packet, bool ports,
					 const struct service_config_value *config)
{
	__u32 hash = hash_mix(config ? config->seed : 0, packet->source.words[0]);

	if (packet->family == 6) {
		hash = hash_mix(hash, packet->source.words[1]);
		hash = hash_mix(hash, packet->source.words[2]);
		hash = hash_mix(hash, packet->source.words[3]);
		hash = hash_mix(hash, packet->destination.words[1]);
		hash = hash_mix(hash, packet->destination.words[2]);
		hash = hash_mix(hash, packet->destination.words[3]);
	}
	hash = hash_mix(hash, packet->destination.words[0]);
	hash = hash_mix(hash, (__u32)packet->destination_port << 16 | (ports ? packet->source_port : 0));
	return hash_mix(hash, packet->protocol);
}

/* Without ports (a fragment whose first one was not seen, ICMP) only the address can be known. */
static __always_inline const struct frontend_value *nat_frontend(const struct packet *packet, bool ports)
{
	__be16 port = ports ? packet->destination_port : 0;
	__u8 protocol = ports ? packet->protocol : 0;

	return !have_ipv6 || packet->family == 4
		       ? frontend_lookup4(packet->destination.words[0], port, protocol)
		       : frontend_lookup6(packet->destination.words, port, protocol);
}

/* The source that the node gives on a device; false: it has none of the family. */
static __always_inline bool device_source(const struct device_value *device, __u8 family,
					  union address *source)
{
	if (!have_ipv6 || family == 4) {
		source->words[0] = device->ipv4;
		return device->ipv4 != 0;
	}
	__builtin_memcpy(source, device->ipv6, sizeof(*source));
	return (source->words[0] | source->words[1] | source->words[2] | source->words[3]) != 0;
}

/*
 * The terms for a backend of another node: the node's address on the device of the way is the source, and the backend answers
 * this node; with FRONTEND_DSR it answers the client.
 */
static __always_inline int nat_terms_remote(frame *context, const struct packet *packet,
					    struct nat_work *work, __u32 frontend_flags)
{
	const struct device_value *device;

	work->terms.state.flags |= NAT_FORWARD;
	if (frontend_flags & FRONTEND_DSR && work->hit.to.family == packet->family) {
		work->terms.state.flags |= NAT_DSR;
		return DROP_NONE;
	}
	device = device_lookup(route_device(context, &work->hit.to, &work->route));
	if (!device)
		return DROP_NAT_NO_ROUTE;
	work->hit.to.source = (union address){};
	if (!device_source(device, work->hit.to.family, &work->hit.to.source))
		return DROP_NAT_UNSUPPORTED;
	work->terms.port_first = device->port_first;
	work->terms.port_last = device->port_last;
	return DROP_NONE;
}

/*
 * Where the wrapper of a packet to the backend of `work->hit` goes, in `work->back`: from the node's address on that device. False: that
 * one has none, and what was there before stays.
 */
static __always_inline bool wrapper_way(struct nat_work *work, __u32 interface_index)
{
	const struct device_value *device = device_lookup(interface_index);
	struct nat_tuple way = {.family = work->hit.to.family, .destination = work->hit.to.destination};

	if (!device || !device_source(device, way.family, &way.source))
		return false;
	way.protocol = way.family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	work->back = way;
	return true;
}

/* Can a packet to this frontend go to a backend of the other IP family? */
static __always_inline bool nat_crosses(const struct packet *packet, __u32 frontend_flags)
{
	return have_ipv6 && frontend_flags & FRONTEND_OTHER_FAMILY && packet->protocol != IPPROTO_SCTP &&
	       packet->fragment == FRAGMENT_NONE;
}

/* Gives a new connection of a client outside the backend that was chosen. A drop reason. */
static __always_inline int nat_connect(frame *context, const struct packet *packet, struct nat_work *work)
{
	const struct chosen *chosen = &work->chosen;
	const struct backend_value *backend = backend_of(chosen->number, chosen->generation);
	struct nat_terms *terms = &work->terms;
	__u64 now = clock_ticks();
	__u8 flags = ct_new_flags(packet, true);
	int reason = DROP_NONE;

	if (!backend)
		return DROP_SERVICE_BACKEND_GONE;
	if ((backend->family != packet->family && !nat_crosses(packet, work->found.flags)) ||
	    (packet->protocol == IPPROTO_SCTP && backend->port != packet->destination_port))
		return DROP_NAT_UNSUPPORTED;
	work->hit.to = work->from;
	__builtin_memcpy(&work->hit.to.destination, backend->address, sizeof(backend->address));
	work->hit.to.destination_port = backend->port;
	work->hit.to.family = backend->family;
	*terms = (struct nat_terms){
		.state.expires = now + ct_lifetime(packet->protocol, flags),
		.state.refreshed = (__u32)now,
		.state.frontend = work->found.frontend,
		.state.backend = chosen->number,
		.state.generation = chosen->generation,
		.state.flags = NAT_ORIGINAL | NAT_SERVICE | flags,
		.port_first = NAT_PORT_FIRST,
		.port_last = NAT_PORT_LAST,
	};
	if (backend->family != packet->family)
		terms->state.flags |= NAT_OTHER_FAMILY;
	if (backend->flags & BACKEND_LOCAL && terms->state.flags & NAT_OTHER_FAMILY)
		reason = nat_terms_inside(context, packet, work);
	else if (backend->flags & BACKEND_LOCAL)
		terms->any_port = true;
	else
		reason = nat_terms_remote(context, packet, work, work->found.flags);
	if (reason)
		return reason;
	if (!(terms->state.flags & NAT_DSR))
		return nat_begin(work);
	work->hit.state = terms->state;
	return nat_put(&work->from, &work->hit.to, &terms->state, true, now) < 0 ? DROP_CONNTRACK_FULL
										 : DROP_NONE;
}

/* A packet from outside, of no connection that is known: enum nat_verdict. */
__noinline int nat_admit(frame *context, const struct packet *packet, struct nat_work *work)
{
	const struct service_config_value *config = service_config_lookup();
	const struct frontend_value *found;
	struct client *client;
	bool ports;
	int reason;

	if (!packet || !work)
		return NAT_VERDICT(NAT_REFUSE, DROP_MISSING_STATE);
	ports = packet->kind == PACKET_FLOW && packet->destination_port != 0;
	found = nat_frontend(packet, ports);
	if (!found)
		return NAT_PASS;
	if (!found->frontend)
		return NAT_VERDICT(NAT_REFUSE, packet->fragment == FRAGMENT_LATER && !ports
						       ? DROP_NAT_UNSUPPORTED
						       : DROP_SERVICE_UNKNOWN_PORT);
	if (!(found->flags & FRONTEND_ROUTABLE))
		return NAT_VERDICT(NAT_REFUSE, DROP_SERVICE_NOT_ROUTABLE);
	if (!source_allowed(found, packet->source.words, packet->family))
		return NAT_VERDICT(NAT_REFUSE, DROP_SERVICE_SOURCE_RANGE);
	if (!makes_entry(packet))
		return NAT_VERDICT(NAT_REFUSE, DROP_CONNTRACK_INVALID);
	work->found = *found;
	client = &work->client;
	__builtin_memcpy(client->words, &packet->source, sizeof(client->words));
	client->hash = client_hash(packet, found->affinity_seconds == 0, config);
	client->kind = packet->family;
	client->scope = SCOPE_EXTERNAL;
	if (!work->is_wrapped)
		backend_choose(&work->found, client, &work->chosen, clock_ticks());
	else if (!work->chosen.number)
		return NAT_VERDICT(NAT_REFUSE, DROP_SERVICE_BACKEND_GONE);
	if (!work->chosen.number) {
		if (config && config->flags & SERVICE_NO_BACKEND_DROP)
			return NAT_VERDICT(NAT_REFUSE, DROP_SERVICE_NO_BACKEND);
		return NAT_VERDICT(NAT_REJECT, DROP_SERVICE_NO_BACKEND);
	}
	reason = nat_connect(context, packet, work);
	return reason ? NAT_VERDICT(NAT_REFUSE, reason) : NAT_TRANSLATE;
}

/* Is it the first packet of a connection, or one that has no state? */
static __always_inline bool packet_begins(const struct packet *packet)
{
	return packet->protocol != IPPROTO_TCP ||
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

/* What becomes of a connection to a backend. */
enum nat_continuation { NAT_GO_ON, NAT_CHOOSE_AGAIN, NAT_GIVE_UP };

/*
 * Whether a connection keeps its backend. One that terminates keeps what it has, but a connection that begins, or begins again,
 * goes to another one. Without its backend a TCP connection is over; what has no state starts anew.
 */
static __always_inline enum nat_continuation nat_continue(const struct packet *packet,
							  const struct nat_state *state)
{
	bool begins = packet_begins(packet);
	const struct backend_value *backend;

	if ((state->flags & (NAT_SERVICE | NAT_ORIGINAL)) != (NAT_SERVICE | NAT_ORIGINAL))
		return NAT_GO_ON;
	backend = backend_of(state->backend, state->generation);
	if (!backend)
		return begins ? NAT_CHOOSE_AGAIN : NAT_GIVE_UP;
	if (packet->protocol != IPPROTO_TCP || !begins)
		return NAT_GO_ON;
	if (state->flags & CT_CLOSED || (backend->state != BACKEND_ACTIVE && !(state->flags & CT_SEEN_REPLY)))
		return NAT_CHOOSE_AGAIN;
	return NAT_GO_ON;
}

#endif /* POLICYC_RUNTIME_NAT_SERVICE_H */
