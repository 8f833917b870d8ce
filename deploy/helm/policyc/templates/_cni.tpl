{{- /* The address of `cidr` as a list of numbers, "4,10,244,1,0" or "6" and eight of them. */}}
{{- define "policyc.groups" -}}
{{- $address := regexReplaceAll "/.*" . "" -}}
{{- if contains ":" $address -}}
{{- $groups := list -}}
{{- $ends := splitList "::" $address -}}
{{- range without (splitList ":" (first $ends)) "" }}{{ $groups = append $groups (printf "0x%s" . | int64) }}{{ end -}}
{{- if gt (len $ends) 1 -}}
{{- $tail := without (splitList ":" (last $ends)) "" -}}
{{- range until (int (sub 8 (add (len $groups) (len $tail)))) }}{{ $groups = append $groups 0 }}{{ end -}}
{{- range $tail }}{{ $groups = append $groups (printf "0x%s" . | int64) }}{{ end -}}
{{- end -}}
6,{{ join "," $groups }}
{{- else -}}
4,{{ replace "." "," $address }}
{{- end -}}
{{- end }}

{{- /* The network of the first `length` bits of `groups`, in one spelling. */}}
{{- define "policyc.network" -}}
{{- $numbers := splitList "," .groups -}}
{{- $length := .length -}}
{{- $width := ternary 8 16 (eq (first $numbers) "4") -}}
{{- $powers := list 1 2 4 8 16 32 64 128 256 512 1024 2048 4096 8192 16384 32768 65536 -}}
{{- $network := list (first $numbers) -}}
{{- range $i, $number := rest $numbers -}}
{{- $kept := max 0 (min $width (sub $length (mul $i $width))) -}}
{{- $network = append $network (sub $number (mod $number (index $powers (sub $width $kept)))) -}}
{{- end -}}
{{ join "," $network }}/{{ $length }}
{{- end }}

{{- /* Fails when an address is in the ranges of two nodes, or in two ranges of one. */}}
{{- define "policyc.checkNodeRanges" -}}
{{- $owners := dict }}{{ $lengths := dict }}{{ $prefixes := list -}}
{{- range $node, $sets := .Values.ipam.nodeRanges }}{{ range $sets }}{{ range . -}}
{{- $groups := include "policyc.groups" . -}}
{{- $length := regexReplaceAll ".*/" . "" | int -}}
{{- $network := include "policyc.network" (dict "groups" $groups "length" $length) -}}
{{- if hasKey $owners $network }}{{ fail (printf "ipam.nodeRanges: %s of node %s is a range of node %s already" . $node (get $owners $network)) }}{{ end -}}
{{- $_ := set $owners $network $node -}}
{{- $_ := set $lengths (printf "%s/%d" (substr 0 1 $groups) $length) (list (substr 0 1 $groups) $length) -}}
{{- $prefixes = append $prefixes (list . $node $groups $length) -}}
{{- end }}{{ end }}{{ end -}}
{{- range $prefix := $prefixes }}{{ range $lengths -}}
{{- if and (eq (first .) (substr 0 1 (index $prefix 2))) (lt (last .) (last $prefix)) -}}
{{- $network := include "policyc.network" (dict "groups" (index $prefix 2) "length" (last .)) -}}
{{- if hasKey $owners $network }}{{ fail (printf "ipam.nodeRanges: %s of node %s lies in a range of node %s" (first $prefix) (index $prefix 1) (get $owners $network)) }}{{ end -}}
{{- end -}}
{{- end }}{{ end -}}
{{- end }}

{{- /* What the plugin is told as `ipam`, of ranges as the values have them. */}}
{{- define "policyc.ranges" -}}
{{- $ranges := list -}}
{{- range . -}}
{{- $set := list -}}
{{- range . }}{{ $set = append $set (dict "subnet" .) }}{{ end -}}
{{- $ranges = append $ranges $set -}}
{{- end -}}
{{ dict "type" "policyc" "ranges" $ranges | toJson }}
{{- end }}

{{- /* Who gives addresses: "chained", "delegated", "single" or "nodes". Fails where pods of two nodes would get one address. */}}
{{- define "policyc.addresses" -}}
{{- $ipam := .Values.ipam -}}
{{- if ne .Values.cni.chainingMode "none" -}}
chained
{{- else if eq $ipam.mode "delegated" -}}
{{- if not (hasKey $ipam.delegate "type") }}{{ fail "ipam.mode is delegated: set ipam.delegate, with the `type` of the plugin that gives addresses" }}{{ end -}}
delegated
{{- else if $ipam.singleNode -}}
{{- if $ipam.nodeRanges }}{{ fail "ipam.singleNode and ipam.nodeRanges exclude each other" }}{{ end -}}
{{- if not $ipam.ranges }}{{ fail "ipam.singleNode: set ipam.ranges, as in [[\"10.244.0.0/24\"]]" }}{{ end -}}
single
{{- else if $ipam.ranges -}}
{{- fail "ipam.ranges goes to every node, and each gives its addresses without asking the others: pods of two nodes would get the same one. Set ipam.nodeRanges (a node's name -> its ranges), or ipam.singleNode=true for a cluster that stays at one node" -}}
{{- else if not $ipam.nodeRanges -}}
{{- fail "no node has addresses for its pods: set ipam.nodeRanges (a node's name -> its ranges, as in {node-a: [[\"10.244.1.0/24\"]]}); or ipam.mode=delegated, cni.chainingMode, cni.install=false where something else gives them; or ipam.singleNode=true and ipam.ranges for a cluster of one node" -}}
{{- else -}}
{{- include "policyc.checkNodeRanges" . -}}
nodes
{{- end -}}
{{- end }}

{{- /* A configuration list as JSON; `ipam` is JSON too, empty for a chained plugin. */}}
{{- define "policyc.conflist" -}}
{{- $values := .root.Values -}}
{{- $plugin := dict "type" "policyc-cni" -}}
{{- if .ipam }}{{ $_ := set $plugin "ipam" (fromJson .ipam) }}{{ else }}{{ $_ := set $plugin "chaining-mode" $values.cni.chainingMode }}{{ end -}}
{{- if $values.MTU }}{{ $_ := set $plugin "mtu" ($values.MTU | int) }}{{ end -}}
{{- /* Plugins of others may not know 1.1.0, and runtimes ask for GC and STATUS only there. */ -}}
{{- dict "cniVersion" .version "name" "policyc" "plugins" (append $values.cni.chainedPlugins $plugin) | toJson -}}
{{- end }}
