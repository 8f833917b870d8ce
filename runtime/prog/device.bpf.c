// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The programs of the node's native devices: from_device (tcx ingress) and to_device (tcx egress).
 *
 *   parse -> the connection's element -> translate, forward or leave to the stack
 *
 * What has no element is a new connection: from_device asks whether it goes to a frontend (nat_service.h), to_device whether it
 * is to be masqueraded (nat_masquerade.h). A device sees everything, so what is not understood here is left to the stack, unless
 * it is for an address that only services have.
 */
#include "runtime/include/device.h"
#include "runtime/include/device_cross.h"
#include "runtime/include/device_ipip.h"
#include "runtime/include/fragments.h"
#include "runtime/include/nat_collect.h"
#include "runtime/include/nat_ipip.h"
#include "runtime/include/nat_masquerade.h"

/* An ICMP error: about a connection that is translated, or nothing of ours. */
__noinline int device_error(struct __sk_buff *skb, const struct packet *packet, __u32 direction)
{
	struct nat_work *work = nat_work_lookup();
	int verdict, action = POLICYC_DROP;
	bool egress;

	if (!packet || !work)
		return POLICYC_DROP;
	if (!nat_quoted(skb, packet, &work->quoted, work)) {
		if (direction == POLICYC_EGRESS)
			return POLICYC_PASS;
		if (device_wrapper_error(skb, packet, work, &action))
			return action;
		verdict = nat_admit(skb, packet, work);
		return verdict == NAT_PASS ? POLICYC_PASS
					   : device_drop(skb, packet, direction, (__u32)verdict >> 8);
	}
	egress = work->hit.state.flags & NAT_EGRESS;
	if (egress != (direction == POLICYC_EGRESS))
		return POLICYC_PASS;
	if (work->hit.state.flags & NAT_OTHER_FAMILY)
		return device_cross_error(skb, packet, work, direction);
	if (work->hit.state.flags & NAT_FORWARD)
		return device_forward(skb, packet, work, &work->quoted);
	if (device_write(skb, packet, work, &work->quoted))
		return device_drop(skb, packet, direction, DROP_NAT_UNSUPPORTED);
	return POLICYC_PASS;
}

/* The tuple of the packet and what is known of it; true if there is a living element for packets of this direction. */
static __always_inline bool device_known(struct packet *packet, struct nat_work *work,
					 enum policyc_direction direction)
{
	__u16 hook = direction == POLICYC_EGRESS ? NAT_EGRESS : 0;

	/* Later fragments whose first one was not seen have no ports, and are not of any connection. */
	if (packet->fragment != FRAGMENT_NONE && packet->kind == PACKET_FLOW)
		fragments_resolve(packet);
	work->from = nat_tuple_of(packet);
	work->hit.to = (struct nat_tuple){};
	if (packet->kind == PACKET_ICMP_OTHER || packet->kind == PACKET_OTHER_PROTOCOL)
		return false;
	return nat_lookup(&work->from, &work->hit, clock_ticks()) &&
	       (work->hit.state.flags & NAT_EGRESS) == hook;
}

/* Is there anything between the IP header and the transport's? */
static __always_inline bool device_has_options(const struct packet *packet)
{
	return packet->transport_offset - packet->network_offset >
	       (packet->family == 4 ? sizeof(struct ipv4_header) : sizeof(struct ipv6_header));
}

/*
 * Does an endpoint, or the node, begin again what has ended? The old elements would end in the midst of it, since a closed connection is
 * not prolonged.
 */
static __always_inline bool device_reopens(const struct packet *packet, const struct nat_state *state)
{
	return (state->flags & (CT_CLOSED | NAT_ORIGINAL | NAT_SERVICE)) == (CT_CLOSED | NAT_ORIGINAL) &&
	       packet_begins(packet);
}

static __always_inline bool device_takes_dsr(const struct __sk_buff *skb)
{
	const struct device_value *device = device_lookup(skb->ifindex);

	return device && device->flags & DEVICE_DSR;
}

static __always_inline int device_refuse(struct __sk_buff *skb, const struct packet *packet,
					 enum policyc_direction direction, int verdict)
{
	if ((verdict & 0xff) == NAT_REJECT)
		return device_answer(skb, packet, (__u32)verdict >> 8, 0);
	return device_drop(skb, packet, direction, (__u32)verdict >> 8);
}

SEC("tc")
int from_device(struct __sk_buff *skb)
{
	struct nat_work *work = nat_work_lookup();
	struct packet packet = {};
	int verdict = NAT_TRANSLATE, reason;
	__u32 local = 0;

	if (!work || skb->pkt_type != PACKET_TO_HOST || parse_packet(skb, &packet) ||
	    packet.kind == PACKET_ARP || packet.kind == PACKET_NEIGHBOUR)
		return POLICYC_PASS;
	/* What to_device has told an endpoint of this node comes in as if somebody outside had. */
	if (skb->mark == POLICYC_ANSWER_MARK) {
		skb->mark = 0;
		return POLICYC_PASS;
	}
	if (nat_forged(skb, &packet))
		return device_drop(skb, &packet, POLICYC_INGRESS, DROP_INVALID_SOURCE_ADDRESS);
	work->is_wrapped = false;
	if (packet.kind == PACKET_ICMP_ERROR)
		return device_error(skb, &packet, POLICYC_INGRESS);
	if (ipip_is(&packet) && device_takes_dsr(skb)) {
		reason = ipip_take(skb, &packet, work);
		if (!reason && work->is_wrapped && nat_forged(skb, &packet))
			reason = DROP_INVALID_SOURCE_ADDRESS;
		if (reason)
			return device_drop(skb, &packet, POLICYC_INGRESS, (__u32)reason);
	}
	if (device_has_options(&packet) && device_takes_dsr(skb)) {
		reason = dsr_take(skb, &packet, work);
		if (reason)
			return device_drop(skb, &packet, POLICYC_INGRESS, (__u32)reason);
	}
	if (device_known(&packet, work, POLICYC_INGRESS)) {
		switch (ipip_elsewhere(&packet, work) ? NAT_CHOOSE_AGAIN
						      : nat_continue(&packet, &work->hit.state)) {
		case NAT_GIVE_UP:
			return device_drop(skb, &packet, POLICYC_INGRESS, DROP_SERVICE_BACKEND_GONE);
		case NAT_CHOOSE_AGAIN:
			nat_abandon(work);
			break;
		case NAT_GO_ON:
			if (nat_is_news(&work->hit.state, &packet, clock_ticks()) &&
			    nat_refresh(&packet, work))
				return device_drop(skb, &packet, POLICYC_INGRESS, DROP_NAT_NO_PORT);
			goto translate;
		}
	} else {
		verdict = nat_arrive(skb, &packet, work, &local);
		if (local && verdict == NAT_PASS)
			return POLICYC_PASS;
	}
	if (!local)
		verdict = nat_admit(skb, &packet, work);
	if (verdict == NAT_PASS)
		return POLICYC_PASS;
	if (verdict != NAT_TRANSLATE)
		return device_refuse(skb, &packet, POLICYC_INGRESS, verdict);
translate:
	if (work->hit.state.flags & NAT_OTHER_FAMILY)
		return device_cross(skb, &packet, work, POLICYC_INGRESS);
	if (work->hit.state.flags & NAT_FORWARD) {
		if (device_wraps(skb, work))
			return device_forward_wrapped(skb, &packet, work);
		return device_forward(skb, &packet, work, NULL);
	}
	if (device_write(skb, &packet, work, NULL))
		return device_drop(skb, &packet, POLICYC_INGRESS, DROP_NAT_UNSUPPORTED);
	return POLICYC_PASS;
}

SEC("tc")
int to_device(struct __sk_buff *skb)
{
	struct nat_work *work = nat_work_lookup();
	struct packet packet = {};
	bool known;
	int verdict;

	if (skb->mark == POLICYC_TRANSLATED_MARK || skb->mark == POLICYC_ANSWER_MARK ||
	    skb->mark == POLICYC_ANSWERED_MARK) {
		skb->mark = 0;
		return POLICYC_PASS;
	}
	if (!work || parse_packet(skb, &packet) || packet.kind == PACKET_ARP ||
	    packet.kind == PACKET_NEIGHBOUR)
		return POLICYC_PASS;
	if (packet.kind == PACKET_ICMP_ERROR)
		return device_error(skb, &packet, POLICYC_EGRESS);
	known = device_known(&packet, work, POLICYC_EGRESS);
	if (known && device_reopens(&packet, &work->hit.state)) {
		nat_abandon(work);
		known = false;
	}
	if (known) {
		if (nat_is_news(&work->hit.state, &packet, clock_ticks()) && nat_refresh(&packet, work))
			return device_drop(skb, &packet, POLICYC_EGRESS, DROP_NAT_NO_PORT);
	} else {
		verdict = nat_leave(skb, &packet, work);
		if (verdict == NAT_PASS)
			return POLICYC_PASS;
		if (verdict != NAT_TRANSLATE)
			return device_refuse(skb, &packet, POLICYC_EGRESS, verdict);
	}
	if (work->hit.state.flags & NAT_OTHER_FAMILY)
		return device_cross(skb, &packet, work, POLICYC_EGRESS);
	if (device_write(skb, &packet, work, NULL))
		return device_drop(skb, &packet, POLICYC_EGRESS, DROP_NAT_UNSUPPORTED);
	return POLICYC_PASS;
}

/* Run by user space: removes elements that have expired. */
SEC("tc")
int nat_collect(struct __sk_buff *skb)
{
	return nat_collect_keys(skb);
}

char device_license[] SEC("license") = "Dual BSD/GPL";
