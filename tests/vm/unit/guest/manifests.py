"""What the node is told to be."""

CONFIGURATION = """static-cnp-path: /etc/policyc/manifests
node-name: node-a
node-address: 192.0.2.1
kube-proxy-replacement: true
bpf-lb-sock: true
devices: [uplink]
enable-bpf-masquerade: true
bpf-ct-max: 4096
bpf-ipcache-max: 4096
prometheus-serve-addr: "127.0.0.1:9962"
"""

CLUSTER = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n" + "".join(f"""---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}
spec: {{nodeName: node-a, containers: [{{name: c, image: i}}]}}
""" for name in ("web", "client", "stranger"))

POLICY = """apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: client}}]
    toPorts: [{ports: [{port: "8080", protocol: ANY}]}]
  - fromEntities: [world, host]
    toPorts: [{ports: [{port: "8080", protocol: ANY}]}]
"""

SERVICE_ADDRESS, NODE_PORT = "10.96.0.10", 30080
SERVICE = f"""apiVersion: v1
kind: Service
metadata: {{name: web, namespace: shop}}
spec:
  type: NodePort
  clusterIP: {SERVICE_ADDRESS}
  clusterIPs: [{SERVICE_ADDRESS}]
  ports:
  - {{name: tcp, port: 80, protocol: TCP, targetPort: 8080, nodePort: {NODE_PORT}}}
  - {{name: udp, port: 80, protocol: UDP, targetPort: 8080, nodePort: {NODE_PORT}}}
"""


def slice_of(*addresses):
    endpoints = "".join(f"- {{addresses: [{address}], conditions: {{ready: true}}, nodeName: node-a}}\n" for address in addresses)
    return f"""apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, namespace: shop, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
ports:
- {{name: tcp, port: 8080, protocol: TCP}}
- {{name: udp, port: 8080, protocol: UDP}}
endpoints: {'' if endpoints else '[]'}
{endpoints}"""
