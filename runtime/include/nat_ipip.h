/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Direct server return by IPIP: at the backend's node a wrapped packet of a client to a frontend is taken out and goes on as if the
 * client had sent it here, but to the backend that the balancing node chose, which is the wrapper's destination. Its replies
 * then leave as every local backend's do. Pods need not know of any of this; newer Cilium ends IPIP
 * at devices too.
 */
#ifndef POLICYC_RUNTIME_NAT_IPIP_H
#define POLICYC_RUNTIME_NAT_IPIP_H

#include "runtime/include/fragments.h"
#include "runtime/include/ipip.h"
#include "runtime/include/link.h"
#include "runtime/include/nat_masquerade.h"

static __always_inline bool ipip_is(const struct packet *packet)
{
	return packet->kind == PACKET_OTHER_PROTOCOL && packet->fragment == FRAGMENT_NONE &&
	       packet->protocol == (packet->family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6);
}

/*
 * Which backend of a service has the address, on this node? `chosen->number` is 0 if none has. One that terminates is taken too: the
 * balancing node may not have heard of it yet. Always 0.
 */
__noinline int backend_at(__u32 number, const union address *address, struct chosen *chosen)
{
	struct local_backend_key key = {.service = number};
	const struct backend_value *backend;
	const __u32 *listed;

	if (!address || !chosen)
		return 0;
	chosen->number = 0;
	__builtin_memcpy(key.address, address, sizeof(key.address));
	listed = bpf_map_lookup_elem(&local_backends, &key);
	if (!listed)
		return 0;
	backend = backend_lookup(*listed);
	if (!backend || backend->service != number || !(backend->flags & BACKEND_LOCAL) ||
	    !address_equal6(address, backend->address) || backend->state == BACKEND_FREE ||
	    backend->state == BACKEND_MAINTENANCE)
		return 0;
	chosen->number = *listed;
	chosen->generation = backend->generation;
	return 0;
}

/*
 * An address of the cluster inside of a wrapper is believed when a node is outside: else whoever can send here could speak in the
 * name of a pod, past whatever keeps forged sources away.
 */
static __always_inline bool ipip_believed(const struct packet *outer, const struct packet *inner)
{
	const struct node_config_value *config = node_config_lookup();
	__u32 identity;

	if (!config)
		return false;
	if (is_outside(inner, &inner->source, config))
		return true;
	identity = ipcache_lookup(outer, &outer->source, config).identity;
	return identity == IDENTITY_HOST || identity == IDENTITY_REMOTE_NODE ||
	       identity == IDENTITY_KUBE_APISERVER;
}

/* Does a living connection of the inner packet, `work->from`, end at this node? */
static __always_inline bool ipip_known(struct nat_work *work)
{
	__u16 flags;

	if (!nat_find(&work->from, &work->hit))
		return false;
	flags = work->hit.state.flags;
	return (flags & (NAT_SERVICE | NAT_ORIGINAL | NAT_FORWARD)) == (NAT_SERVICE | NAT_ORIGINAL);
}

/*
 * For a packet that carries another one, on a device with DEVICE_DSR. If that is a client's to a frontend with FRONTEND_DSR, and the
 * wrapper is for one of its backends on this node, takes the wrapper off: `packet` is then the client's and `work->wrapped` the backend's
 * address. What is somebody else's tunnel, or on its way to another node, stays as it is. A drop reason.
 */
__noinline int ipip_take(struct __sk_buff *skb, struct packet *packet, struct nat_work *work)
{
	const struct frontend_value *found;
	struct packet *inner;
	bool known;
	__u32 size;

	if (!packet || !work)
		return DROP_MISSING_STATE;
	size = packet->transport_offset - packet->network_offset;
	if (size != ipip_size(packet->family) || !is_plain(skb, packet))
		return DROP_NONE;
	inner = &work->quoted.packet;
	__builtin_memset(inner, 0, sizeof(*inner));
	if (parse_wrapped(skb, packet, inner) || inner->kind != PACKET_FLOW)
		return DROP_NONE;
	if (inner->fragment != FRAGMENT_NONE && fragments_resolve(inner))
		return DROP_NONE;
	found = nat_frontend(inner, true);
	if (!found || !found->frontend || !(found->flags & FRONTEND_DSR))
		return DROP_NONE;
	work->found = *found;
	work->wrapped = packet->destination;
	work->from = nat_tuple_of(inner);
	known = ipip_known(work) && address_equal6(&work->hit.to.destination, work->wrapped.bytes);
	work->chosen.number = 0;
	if (!known || packet_begins(inner))
		backend_at(work->found.service[SCOPE_EXTERNAL], &work->wrapped, &work->chosen);
	if (!known && !work->chosen.number)
		return DROP_NONE;
	if (!ipip_believed(packet, inner))
		return DROP_INVALID_SOURCE_ADDRESS;
	if (bpf_skb_adjust_room(skb, -(int)size, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return DROP_NAT_UNSUPPORTED;
	*packet = *inner;
	packet->network_offset -= size;
	packet->transport_offset -= size;
	packet->end -= size;
	work->is_wrapped = true;
	return DROP_NONE;
}

/* Does the connection of `work->hit` not go where the wrapper says? One that lives keeps its backend of this node. */
static __always_inline bool ipip_elsewhere(const struct packet *packet, const struct nat_work *work)
{
	if (!work->is_wrapped)
		return false;
	return work->hit.state.flags & NAT_FORWARD ||
	       (packet_begins(packet) && !address_equal6(&work->hit.to.destination, work->wrapped.bytes));
}

#endif /* POLICYC_RUNTIME_NAT_IPIP_H */
