/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map of the datapath; keys and values are in runtime/abi/abi.h. The sizes are defaults that the loader may change
 * before it loads. All but the policies' own row maps are shared by all endpoints of a node.
 */
#ifndef POLICYC_RUNTIME_MAPS_H
#define POLICYC_RUNTIME_MAPS_H

#include "runtime/include/base.h"
#include "runtime/include/ipcache_maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32); /* interface index */
	__type(value, struct endpoint_value);
} endpoints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* interface index that `endpoints` does not reach */
	__type(value, struct endpoint_value);
} endpoints_beyond SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct node_config_value);
} node_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache4_prefix_key);
	__type(value, struct ipcache_value);
} ipcache4_prefix SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache6_prefix_key);
	__type(value, struct ipcache_value);
} ipcache6_prefix SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384); /* a power of two */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32); /* bucket */
	__type(value, struct ct4_bucket);
} conntrack4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384); /* a power of two */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32); /* bucket */
	__type(value, struct ct6_bucket);
} conntrack6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_table_value);
} ct_table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct ct4_key);
	__type(value, struct ct_value);
} conntrack4_overflow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct ct6_key);
	__type(value, struct ct_value);
} conntrack6_overflow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_pressure_value);
} ct_pressure SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_collected_value);
} ct_collected SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct fragment_key);
	__type(value, struct fragment_value);
} fragments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, POLICYC_MAX_REASONS * 2);
	__type(key, __u32); /* POLICYC_METRICS_INDEX */
	__type(value, struct metrics_value);
} metrics SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8192);
	__type(key, __u32); /* endpoint_id * 2 + policyc_direction */
	__type(value, struct traffic_value);
} traffic SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rule_hit_key);
	__type(value, struct metrics_value);
} rule_hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RECENT_HITS);
	__type(key, __u32);
	__type(value, struct recent_hit_value);
} recent_hits SEC(".maps");

/* The loader gives both room for every possible CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32); /* CPU */
	__type(value, struct event_head);
} event_heads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EVENT_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32); /* CPU * EVENT_SLOTS + number of the event % EVENT_SLOTS */
	__type(value, struct event);
} event_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct policy_scratch);
} policy_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8192);
	__type(key, __u32); /* POLICYC_POLICY_INDEX */
	__type(value, __u32);
} policies SEC(".maps");

/* Used by the policy programs; declared here as well, so that whoever loads the datapath makes it. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32); /* policyc_direction */
	__type(value, __u32);
} policy_finish SEC(".maps");

#endif /* POLICYC_RUNTIME_MAPS_H */
