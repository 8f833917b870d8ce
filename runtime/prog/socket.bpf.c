/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Load balancing for the sockets of a cgroup: services cost nothing per packet. See docs/services-sockets.md. */
#include "runtime/include/socket_bind.h"
#include "runtime/include/socket_lb.h"

char socket_license[] SEC("license") = "Dual BSD/GPL";

static __always_inline int answer4(struct bpf_sock_addr *context, const struct socket_peer *peer,
				   enum socket_answer answer)
{
	if (answer == SOCKET_BACKEND)
		peer_write4(context, (const __u8 *)peer->words, peer->port);
	else if (answer != SOCKET_UNCHANGED)
		return refuse_answer(answer);
	return SOCKET_ACCEPT;
}

static __always_inline int answer6(struct bpf_sock_addr *context, const struct socket_peer *peer,
				   enum socket_answer answer)
{
	if (answer == SOCKET_BACKEND)
		peer_write6(context, (const __u8 *)peer->words, peer->port, peer->family);
	else if (answer != SOCKET_UNCHANGED)
		return refuse_answer(answer);
	return SOCKET_ACCEPT;
}

/* Shows the frontend in place of its backend. */
static __always_inline int reverse4(struct bpf_sock_addr *context)
{
	const struct socket_reverse_value *value;
	struct socket_peer peer;

	peer_read4(&peer, context);
	value = reverse_find(context, &peer);
	if (value)
		peer_write4(context, value->address, value->port);
	return SOCKET_ACCEPT;
}

static __always_inline int reverse6(struct bpf_sock_addr *context)
{
	const struct socket_reverse_value *value;
	struct socket_peer peer;

	peer_read6(&peer, context);
	value = reverse_find(context, &peer);
	if (value)
		peer_write6(context, value->address, value->port, peer.family);
	return SOCKET_ACCEPT;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *context)
{
	struct socket_peer peer;

	peer_read4(&peer, context);
	return answer4(context, &peer, socket_connect(context, &peer));
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *context)
{
	struct socket_peer peer;

	peer_read6(&peer, context);
	return answer6(context, &peer, socket_connect(context, &peer));
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *context)
{
	struct socket_peer peer;

	peer_read4(&peer, context);
	return answer4(context, &peer, socket_send(context, &peer));
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *context)
{
	struct socket_peer peer;

	peer_read6(&peer, context);
	return answer6(context, &peer, socket_send(context, &peer));
}

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *context)
{
	return reverse4(context);
}

SEC("cgroup/recvmsg6")
int recvmsg6(struct bpf_sock_addr *context)
{
	return reverse6(context);
}

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *context)
{
	return reverse4(context);
}

SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr *context)
{
	return reverse6(context);
}

SEC("cgroup/post_bind4")
int post_bind4(struct bpf_sock *context)
{
	return socket_may_bind4(context) ? SOCKET_ACCEPT : refuse(EADDRINUSE);
}

SEC("cgroup/post_bind6")
int post_bind6(struct bpf_sock *context)
{
	return socket_may_bind6(context) ? SOCKET_ACCEPT : refuse(EADDRINUSE);
}

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *context)
{
	socket_forget(context);
	return SOCKET_ACCEPT;
}
