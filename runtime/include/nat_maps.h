/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of address translation; keys and values are in runtime/abi/nat.h. The sizes are defaults that the loader may change. */
#ifndef POLICYC_RUNTIME_NAT_MAPS_H
#define POLICYC_RUNTIME_NAT_MAPS_H

#include "runtime/abi/nat.h"
#include "runtime/include/base.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 524288);
	__type(key, struct nat4_key);
	__type(value, struct nat_value);
} nat4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, struct nat6_key);
	__type(value, struct nat_value);
} nat6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32); /* interface index */
	__type(value, struct device_value);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct nat_exclusion4_key);
	__type(value, __u8);
} nat_exclusions4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct nat_exclusion6_key);
	__type(value, __u8);
} nat_exclusions6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NAT_TRIES_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} nat_tries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nat_collected_value);
} nat_collected SEC(".maps");

#endif /* POLICYC_RUNTIME_NAT_MAPS_H */
