// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The fast way of what a device forwards: packets of outside clients to backends of other nodes and the replies, before there is an
 * skb. It decides as from_device does, with the same tables (nat_service.h); whatever it does not carry out itself (local
 * backends, ICMP, fragments, IPv4 options, refusals, packets that are too large or at their last hop, unknown
 * neighbours) goes on to from_device as it came.
 */
#define POLICYC_XDP

#include "runtime/include/ipip.h"
#include "runtime/include/nat_service.h"
#include "runtime/include/nat_xdp.h"

/* Is the frame for this device? XDP also sees what others on the link get, if the device is told to listen. */
static __always_inline bool xdp_is_ours(struct xdp_md *context)
{
	const struct device_value *device = device_lookup(context->ingress_ifindex);
	const __u8 *to = (void *)(long)context->data;

	if (!device || (void *)(to + 6) > (void *)(long)context->data_end)
		return false;
	return !((to[0] ^ device->mac[0]) | (to[1] ^ device->mac[1]) | (to[2] ^ device->mac[2]) |
		 (to[3] ^ device->mac[3]) | (to[4] ^ device->mac[4]) | (to[5] ^ device->mac[5]));
}

/* Does the packet go to its backend's node inside of another one? */
static __always_inline bool xdp_wraps(const struct xdp_md *context, const struct nat_work *work)
{
	const struct device_value *device;

	if (!(work->hit.state.flags & NAT_DSR))
		return false;
	device = device_lookup(context->ingress_ifindex);
	return device && device->flags & DEVICE_DSR_IPIP;
}

/* Whether the packet is of a connection that is forwarded; `work->hit` is how. */
static __always_inline bool xdp_known(struct xdp_md *context, const struct packet *packet,
				      struct nat_work *work)
{
	__u64 now = clock_ticks();

	if (!nat_lookup(&work->from, &work->hit, now)) {
		if (nat_admit(context, packet, work) != NAT_TRANSLATE)
			return false;
	} else if (work->hit.state.flags & NAT_EGRESS ||
		   nat_continue(packet, &work->hit.state) != NAT_GO_ON) {
		return false;
	} else if (nat_is_news(&work->hit.state, packet, now)) {
		/* An end that this reports is from_device's to report. */
		if (work->hit.state.flags & NAT_FORWARD && nat_refresh(packet, work))
			return false;
	}
	/* Room for another header is from_device's to make. */
	if (work->hit.state.flags & NAT_OTHER_FAMILY)
		return false;
	/* Of what the backend answers itself, packets with the frontend in an option are made by from_device. */
	if (work->hit.state.flags & NAT_DSR && !xdp_wraps(context, work) &&
	    (packet->protocol != IPPROTO_TCP || packet->tcp_flags & TCP_SYN))
		return false;
	return work->hit.state.flags & NAT_FORWARD;
}

SEC("xdp")
int xdp_device(struct xdp_md *context)
{
	struct nat_work *work = nat_work_lookup();
	struct packet packet = {};
	__u8 *ethernet;
	__u32 length;
	bool wraps;

	if (!work || parse_packet(context, &packet) || packet.kind != PACKET_FLOW ||
	    packet.fragment != FRAGMENT_NONE || packet.network_offset != ETHERNET_HEADER ||
	    packet.protocol == IPPROTO_SCTP || packet.hop_limit <= 1 || !xdp_is_ours(context) ||
	    nat_forged(context, &packet))
		return XDP_PASS;
	length = packet.end - packet.network_offset;
	work->from = nat_tuple_of(&packet);
	work->hit.to = (struct nat_tuple){};
	if (!xdp_known(context, &packet, work))
		return XDP_PASS;
	wraps = xdp_wraps(context, work);
	if (wraps) {
		if (!wrapper_way(work, context->ingress_ifindex))
			return XDP_PASS;
		length += ipip_size(packet.family);
	} else {
		work->back = work->hit.to;
	}
	if (route_find(context, &work->back, length, &work->route) != BPF_FIB_LKUP_RET_SUCCESS)
		return XDP_PASS;
	if (wraps) {
		wrapper_way(work, work->route.ifindex);
		if (ipip_put_xdp(context, &packet, &work->back))
			return XDP_DROP;
	} else if (xdp_write(context, &packet, &work->from, &work->hit.to)) {
		return XDP_DROP;
	}
	ethernet = (void *)(long)context->data;
	if ((void *)(ethernet + ETHERNET_HEADER) > (void *)(long)context->data_end)
		return XDP_DROP;
	__builtin_memcpy(ethernet, work->route.dmac, 6);
	__builtin_memcpy(ethernet + 6, work->route.smac, 6);
	if (work->route.ifindex == context->ingress_ifindex)
		return XDP_TX;
	return (int)bpf_redirect(work->route.ifindex, 0);
}

char xdp_license[] SEC("license") = "Dual BSD/GPL";
