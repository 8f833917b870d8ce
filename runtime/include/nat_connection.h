/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Translated connections: the elements of the two directions are made, renewed and repaired together. */
#ifndef POLICYC_RUNTIME_NAT_CONNECTION_H
#define POLICYC_RUNTIME_NAT_CONNECTION_H

#include "runtime/include/nat_table.h"

/* Of the element of the other direction: what a device's element is at one hook, the other one is at the other. */
static __always_inline __u16 nat_other_flags(__u16 flags)
{
	return flags ^ (flags & NAT_FORWARD ? NAT_ORIGINAL : NAT_ORIGINAL | NAT_EGRESS);
}

static __always_inline void nat_count_tries(__u32 tries)
{
	__u64 *count = bpf_map_lookup_elem(&nat_tries, &tries);

	if (count)
		*count += 1;
}

/* Are there other ports to give, if the client's own is taken? SCTP's checksum covers them. */
static __always_inline bool nat_gives_ports(const struct nat_tuple *to)
{
	return to->protocol != IPPROTO_SCTP;
}

/*
 * Remembers a connection on `work->terms`: packets of the tuple `work->from` become `work->hit.to`, and those that come back are
 * turned into what the client knows. The source port of `hit.to` is what is wanted; another one is searched if it is taken. A drop
 * reason. When another CPU has begun the same connection meanwhile, `work->hit` is what that one has found.
 */
__noinline int nat_begin(struct nat_work *work)
{
	__u32 port, count, start, tries;
	__u64 now = clock_ticks();
	struct nat_tuple *to;
	int result = 1;

	if (!work || work->terms.port_first > work->terms.port_last)
		return DROP_MISSING_STATE;
	to = &work->hit.to;
	work->back = nat_turned(&work->from);
	work->state = work->terms.state;
	work->state.flags = nat_other_flags(work->state.flags);
	port = bpf_ntohs(to->source_port);
	count = work->terms.port_last - work->terms.port_first + 1U;
	start = bpf_get_prandom_u32();
	for (tries = 0; tries <= NAT_TRIES; tries++) {
		if (tries == 0 && !work->terms.any_port && nat_gives_ports(to) &&
		    (port < work->terms.port_first || port > work->terms.port_last))
			continue;
		if (tries != 0) {
			if (!nat_gives_ports(to))
				break;
			to->source_port =
				bpf_htons((__u16)(work->terms.port_first + (start + tries) % count));
		}
		work->reply = nat_turned(to);
		result = nat_put(&work->reply, &work->back, &work->state, false, now);
		if (result <= 0)
			break;
	}
	if (result > 0) {
		nat_count_tries(NAT_TRIES_NONE);
		return DROP_NAT_NO_PORT;
	}
	if (result < 0)
		return DROP_CONNTRACK_FULL;
	nat_count_tries(tries);
	work->state.flags = work->terms.state.flags;
	result = nat_put(&work->from, to, &work->state, false, now);
	work->hit.state = work->state;
	if (result == 0)
		return DROP_NONE;
	nat_end(&work->reply);
	if (result < 0)
		return DROP_CONNTRACK_FULL;
	return nat_find(&work->from, &work->hit) ? DROP_NONE : DROP_MISSING_STATE;
}

/*
 * Ends the connection of `work->hit`, which was found for `work->from`. Its other element may be gone for long and its place
 * another connection's: that one stays. Always 0.
 */
__noinline int nat_abandon(struct nat_work *work)
{
	if (!work)
		return 0;
	nat_end(&work->from);
	if (work->hit.state.flags & NAT_DSR)
		return 0;
	work->reply = nat_turned(&work->hit.to);
	work->back = nat_turned(&work->from);
	if (nat_find(&work->reply, &work->present) && nat_equal(&work->present.to, &work->back))
		nat_end(&work->reply);
	return 0;
}

/* Does the packet tell something that the elements do not know, or was the lifetime looked after a second ago? */
static __always_inline bool nat_is_news(const struct nat_state *state, const struct packet *packet, __u64 now)
{
	__u8 flags = ct_new_flags(packet, state->flags & NAT_ORIGINAL);
	__u64 young = ticks_per_second - (__u64)((__u32)now - state->refreshed);

	return (flags & ~(__u8)state->flags) | young >> 63;
}

static __always_inline void nat_renew(struct nat_state *state, __u8 flags, __u64 expires, __u64 now)
{
	state->flags |= flags;
	state->refreshed = (__u32)now;
	*(volatile __u64 *)&state->expires = expires;
}

/*
 * In ticks. The balancing node of DSR sees one direction: what is not a SYN says that the backend has answered, and after a FIN the
 * connection lives as long as packets come.
 */
static __always_inline __u64 nat_lifetime(const struct packet *packet, __u16 flags)
{
	if (flags & NAT_DSR && !(packet->tcp_flags & TCP_SYN) && !(flags & CT_CLOSED))
		flags |= CT_SEEN_REPLY;
	return ct_lifetime(packet->protocol, (__u8)flags);
}

/*
 * Renews both elements of a connection and makes the other one again if it is missing. `work->hit` is what was found for
 * `work->from`. Not zero: the other one's place is another connection's; this one has ended.
 */
__noinline int nat_refresh(const struct packet *packet, struct nat_work *work)
{
	struct nat_state *own, *other;
	__u64 now = clock_ticks(), expires;
	__u8 flags;

	if (!packet || !work)
		return -1;
	own = nat_state_of(&work->from);
	if (!own || nat_version(own) != work->hit.state.version)
		return 0;
	work->state = work->hit.state;
	flags = (__u8)(work->state.flags & (CT_CLOSED | CT_SEEN_REPLY));
	expires = work->state.expires;
	if ((flags & CT_CLOSED) != CT_CLOSED) {
		flags |= ct_new_flags(packet, work->state.flags & NAT_ORIGINAL);
		expires = now + nat_lifetime(packet, work->state.flags | flags);
	}
	if (work->state.flags & NAT_DSR_END) {
		work->reply = nat_turned(&work->from);
		other = nat_state_of(&work->reply);
		if (other && other->flags & NAT_DSR_END && other->expires > now)
			nat_renew(other, flags, expires, now);
	} else if (!(work->state.flags & NAT_DSR)) {
		work->reply = nat_turned(&work->hit.to);
		work->back = nat_turned(&work->from);
		if (nat_find(&work->reply, &work->present)) {
			other = nat_state_of(&work->reply);
			if (!other || !nat_equal(&work->present.to, &work->back))
				goto lost;
			nat_renew(other, flags, expires, now);
		} else {
			work->state.flags = nat_other_flags(work->state.flags) | flags;
			work->state.expires = expires;
			work->state.refreshed = (__u32)now;
			if (nat_put(&work->reply, &work->back, &work->state, false, now))
				goto lost;
		}
	}
	nat_renew(own, flags, expires, now);
	return 0;
lost:
	nat_end(&work->from);
	return 1;
}

#endif /* POLICYC_RUNTIME_NAT_CONNECTION_H */
