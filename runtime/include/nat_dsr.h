/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Direct server return: the balancing node changes the destination alone, and the backend's node answers the client in the
 * frontend's name. It learns the frontend from an option of the packet, in the bytes that Cilium uses: an IPv4 option (0x9a), or an
 * IPv6 destination option (0x1b). Of TCP only a SYN carries it.
 */
#ifndef POLICYC_RUNTIME_NAT_DSR_H
#define POLICYC_RUNTIME_NAT_DSR_H

#include "runtime/include/checksum.h"
#include "runtime/include/nat_service.h"

#define DSR4_TYPE	   0x9a
#define DSR6_TYPE	   0x1b
#define DSR6_OPTION_LENGTH 20
#define IPV4_LARGEST	   60 /* bytes of a header */

struct dsr4_option {
	__u8 type;
	__u8 length;
	__be16 port;
	__be32 address;
};

/* An extension header with that option alone. */
struct dsr6_header {
	__u8 next_header;
	__u8 length; /* in units of 8 bytes, less one */
	__u8 type;
	__u8 option_length;
	union address address;
	__be16 port;
	__be16 pad;
};

static __always_inline bool dsr_carries(const struct packet *packet)
{
	return packet->protocol != IPPROTO_TCP || packet->tcp_flags & TCP_SYN;
}

/* Bytes that the option adds to a packet. */
static __always_inline __u32 dsr_size(const struct packet *packet)
{
	if (!dsr_carries(packet))
		return 0;
	return packet->family == 4 ? sizeof(struct dsr4_option) : sizeof(struct dsr6_header);
}

static __always_inline int dsr_put4(struct __sk_buff *skb, const struct packet *packet,
				    const struct nat_tuple *from)
{
	struct {
		__be32 head; /* version, header length, class, total length */
		struct dsr4_option option;
	} after = {};
	__u32 header = packet->transport_offset - packet->network_offset;
	__be32 before;
	__u32 change;

	if (header + sizeof(after.option) > IPV4_LARGEST ||
	    bpf_skb_load_bytes(skb, packet->network_offset, &before, sizeof(before)) ||
	    bpf_skb_adjust_room(skb, sizeof(after.option), BPF_ADJ_ROOM_NET, 0))
		return -1;
	/* Two words more of header, eight bytes more in all; the length cannot overflow, the MTU was asked. */
	after.head = bpf_htonl(bpf_ntohl(before) + 0x02000000 + sizeof(after.option));
	after.option = (struct dsr4_option){.type = DSR4_TYPE,
					    .length = sizeof(after.option),
					    .port = from->destination_port,
					    .address = from->destination.words[0]};
	change = (__u32)bpf_csum_diff(&before, sizeof(before), (__be32 *)&after, sizeof(after), 0);
	return bpf_l3_csum_replace(skb, packet->network_offset + 10, 0, change, 0) ||
	       bpf_skb_store_bytes(skb, packet->network_offset, &after.head, sizeof(after.head), 0) ||
	       bpf_skb_store_bytes(skb, packet->network_offset + sizeof(struct ipv4_header), &after.option,
				   sizeof(after.option), 0);
}

static __always_inline int dsr_put6(struct __sk_buff *skb, const struct packet *packet,
				    const struct nat_tuple *from)
{
	struct dsr6_header option = {.length = sizeof(option) / 8 - 1,
				     .type = DSR6_TYPE,
				     .option_length = DSR6_OPTION_LENGTH,
				     .address = from->destination,
				     .port = from->destination_port};
	struct {
		__be16 payload_length;
		__u8 next_header;
		__u8 hop_limit;
	} head;

	if (bpf_skb_load_bytes(skb, packet->network_offset + 4, &head, sizeof(head)) ||
	    bpf_skb_adjust_room(skb, sizeof(option), BPF_ADJ_ROOM_NET, 0))
		return -1;
	option.next_header = head.next_header;
	head.next_header = NEXTHDR_DESTINATION;
	head.payload_length = bpf_htons((__u16)(bpf_ntohs(head.payload_length) + sizeof(option)));
	return bpf_skb_store_bytes(skb, packet->network_offset + 4, &head, sizeof(head),
				   BPF_F_RECOMPUTE_CSUM) ||
	       bpf_skb_store_bytes(skb, packet->network_offset + sizeof(struct ipv6_header), &option,
				   sizeof(option), BPF_F_RECOMPUTE_CSUM);
}

/* Puts the option with the frontend, the destination of `from`, behind the IP header. Not zero: it cannot be. */
__noinline int dsr_put(struct __sk_buff *skb, const struct packet *packet, const struct nat_tuple *from)
{
	if (!packet || !from)
		return -1;
	if (!dsr_carries(packet))
		return 0;
	if (!have_ipv6 || packet->family == 4)
		return dsr_put4(skb, packet, from);
	return dsr_put6(skb, packet, from);
}

/* Is the first option of the packet one of ours? `frontend` is then what it says, as a destination. */
static __always_inline bool dsr_find(struct __sk_buff *skb, const struct packet *packet,
				     struct packet *frontend)
{
	__u32 header = packet->transport_offset - packet->network_offset;

	if (!have_ipv6 || packet->family == 4) {
		struct dsr4_option option = {};

		if (header < sizeof(struct ipv4_header) + sizeof(option) ||
		    packet_read(skb, packet->network_offset + sizeof(struct ipv4_header), &option,
				sizeof(option)) ||
		    option.type != DSR4_TYPE || option.length != sizeof(option))
			return false;
		frontend->destination.words[0] = option.address;
		frontend->destination_port = option.port;
	} else {
		struct dsr6_header option = {};
		__u8 next[4] = {};

		if (header < sizeof(struct ipv6_header) + sizeof(option) ||
		    packet_read(skb, packet->network_offset + 4, next, sizeof(next)) ||
		    next[2] != NEXTHDR_DESTINATION ||
		    packet_read(skb, packet->network_offset + sizeof(struct ipv6_header), &option,
				sizeof(option)) ||
		    option.type != DSR6_TYPE || option.length != sizeof(option) / 8 - 1 ||
		    option.option_length != DSR6_OPTION_LENGTH)
			return false;
		frontend->destination = option.address;
		frontend->destination_port = option.port;
	}
	frontend->family = packet->family;
	frontend->protocol = packet->protocol;
	return true;
}

/*
 * Takes the option off. What a sum of the whole packet (CHECKSUM_COMPLETE) loses with it, the header's new fields give back, so they
 * are stored with BPF_F_RECOMPUTE_CSUM.
 */
static __always_inline int dsr_remove4(struct __sk_buff *skb, const struct packet *packet)
{
	struct {
		__be32 head;
		struct dsr4_option option;
	} before;
	__be32 after;
	__be16 checksum;
	__u32 change;

	if (bpf_skb_load_bytes(skb, packet->network_offset, &before.head, sizeof(before.head)) ||
	    bpf_skb_load_bytes(skb, packet->network_offset + sizeof(struct ipv4_header), &before.option,
			       sizeof(before.option)) ||
	    bpf_skb_load_bytes(skb, packet->network_offset + 10, &checksum, sizeof(checksum)))
		return -1;
	after = bpf_htonl(bpf_ntohl(before.head) - 0x02000000 - sizeof(before.option));
	change = (__u32)bpf_csum_diff((__be32 *)&before, sizeof(before), &after, sizeof(after), 0);
	checksum = checksum_changed(checksum, change);
	return bpf_skb_store_bytes(skb, packet->network_offset, &after, sizeof(after),
				   BPF_F_RECOMPUTE_CSUM) ||
	       bpf_skb_store_bytes(skb, packet->network_offset + 10, &checksum, sizeof(checksum),
				   BPF_F_RECOMPUTE_CSUM) ||
	       bpf_skb_adjust_room(skb, -(int)sizeof(before.option), BPF_ADJ_ROOM_NET, 0);
}

static __always_inline int dsr_remove6(struct __sk_buff *skb, const struct packet *packet)
{
	struct {
		__be16 payload_length;
		__u8 next_header;
		__u8 hop_limit;
	} head;

	if (bpf_skb_load_bytes(skb, packet->network_offset + 4, &head, sizeof(head)) ||
	    bpf_skb_load_bytes(skb, packet->network_offset + sizeof(struct ipv6_header), &head.next_header,
			       1))
		return -1;
	head.payload_length = bpf_htons((__u16)(bpf_ntohs(head.payload_length) - sizeof(struct dsr6_header)));
	return bpf_skb_store_bytes(skb, packet->network_offset + 4, &head, sizeof(head),
				   BPF_F_RECOMPUTE_CSUM) ||
	       bpf_skb_adjust_room(skb, -(int)sizeof(struct dsr6_header), BPF_ADJ_ROOM_NET, 0);
}

/* Remembers in whose name the endpoint answers. The elements are found by the same two ends; only one is translated. */
static __always_inline int dsr_remember(const struct packet *packet, struct nat_work *work,
					const struct packet *frontend, __u32 number)
{
	__u8 flags = ct_new_flags(packet, true);
	__u64 now = clock_ticks();
	int result;

	work->from = nat_tuple_of(packet);
	work->reply = nat_turned(&work->from);
	work->back = work->reply;
	work->back.source = frontend->destination;
	work->back.source_port = frontend->destination_port;
	work->hit.to = (struct nat_tuple){};
	if (nat_lookup(&work->reply, &work->hit, now) && nat_equal(&work->hit.to, &work->back) &&
	    !(work->hit.state.flags & CT_CLOSED))
		return DROP_NONE;
	work->state = (struct nat_state){.expires = now + ct_lifetime(packet->protocol, flags),
					 .refreshed = (__u32)now,
					 .frontend = number,
					 .flags = NAT_EGRESS | NAT_DSR_END | flags};
	/* Who comes with another frontend from the same port gives up what it had: the backend cannot tell the two apart. */
	result = nat_put(&work->reply, &work->back, &work->state, true, now);
	work->state.flags = NAT_ORIGINAL | NAT_DSR_END | flags;
	if (!result)
		result = nat_put(&work->from, &work->from, &work->state, true, now);
	return result ? DROP_CONNTRACK_FULL : DROP_NONE;
}

/*
 * For a packet with an option behind its IP header, on a device with DEVICE_DSR. If it is ours, takes it off and remembers the frontend;
 * `packet` is then what is left. A drop reason: only what this node too knows as a frontend with FRONTEND_DSR may be answered for.
 */
__noinline int dsr_take(struct __sk_buff *skb, struct packet *packet, struct nat_work *work)
{
	const struct frontend_value *found;
	struct packet frontend = {};
	__u32 size, number;

	if (!packet || !work)
		return DROP_MISSING_STATE;
	if (!dsr_find(skb, packet, &frontend))
		return DROP_NONE;
	if (packet->kind != PACKET_FLOW || packet->network_offset != ETHERNET_HEADER)
		return DROP_NAT_UNSUPPORTED;
	found = nat_frontend(&frontend, true);
	if (!found || !found->frontend || !(found->flags & FRONTEND_DSR))
		return DROP_SERVICE_UNKNOWN_PORT;
	number = found->frontend;
	if (!have_ipv6 || packet->family == 4) {
		size = sizeof(struct dsr4_option);
		if (dsr_remove4(skb, packet))
			return DROP_NAT_UNSUPPORTED;
	} else {
		size = sizeof(struct dsr6_header);
		if (dsr_remove6(skb, packet))
			return DROP_NAT_UNSUPPORTED;
	}
	packet->transport_offset -= size;
	packet->end -= size;
	/* Ports of a later fragment come from its first one, which has brought the frontend too. */
	if (packet->fragment == FRAGMENT_LATER || !makes_entry(packet))
		return DROP_NONE;
	return dsr_remember(packet, work, &frontend, number);
}

#endif /* POLICYC_RUNTIME_NAT_DSR_H */
