# shellcheck shell=bash disable=SC2034  # whoever sources this reads the lists
# Shared by scripts/demo and scripts/test: say what happens, check the machine, install what is missing, build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PACKAGES=(
  g++ cmake ninja-build ccache pkg-config python3 iproute2
  clang-19 clang-format-19 llvm-19 llvm-19-dev libclang-19-dev libclang-rt-19-dev libclang-cpp19-dev lld-19
  libbpf-dev libelf-dev zlib1g-dev libzstd-dev libyaml-cpp-dev libre2-dev libcli11-dev nlohmann-json3-dev libssl-dev libnl-route-3-dev
  antlr4 libantlr4-runtime-dev default-jre-headless
  libprotobuf-dev protobuf-compiler libseccomp-dev libcap-ng-dev
  libjemalloc-dev uuid-dev libgrpc++-dev protobuf-compiler-grpc prometheus-cpp-dev libcpp-httplib-dev libsystemd-dev
  libgtest-dev libgmock-dev
)
# What tests and benchmarks meet: other service implementations, shells, a browser. CNI plugins, shells.
PEER_PACKAGES=(iptables nftables ipset containernetworking-plugins zsh fish groff-base chromium)
# The Helm chart is rendered by Go's templates, and linted, as are scripts; the deb is made and looked at.
DEPLOY_PACKAGES=(golang-go golang-github-masterminds-sprig-dev golang-gopkg-yaml.v3-dev yamllint shellcheck python3-yaml python3-jsonschema dpkg-dev file lintian)
# What tests/vm boots and makes its image with.
VM_PACKAGES=(qemu-system-x86 busybox-static binutils cpio kmod util-linux systemd crun e2fsprogs)
KERNEL_SERIES=(6.1 6.12)

say() { printf '\n== %s\n' "$*"; }

die() { printf 'error: %s\n' "$*" >&2; exit 3; }

require_root_and_bpf() {
  [ "$(id -u)" = 0 ] || die "needs root: it loads BPF programs and makes network namespaces (run it with sudo)"
  [ -e /sys/kernel/btf/vmlinux ] || die "this kernel has no BTF (/sys/kernel/btf/vmlinux): BPF programs cannot be loaded"
}

# install_packages [MORE...]
# shellcheck disable=SC2120  # a demo needs no more
install_packages() {
  local wanted=("${PACKAGES[@]}" "$@") missing=() package
  for package in "${wanted[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "packages: all ${#wanted[@]} are installed"
    return
  fi
  say "packages: installing ${#missing[@]} of ${#wanted[@]} (${missing[*]})"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

newest_kernel() {
  apt-cache search --names-only "^linux-image-${1//./\\.}\\.[0-9].*-cloud-amd64\$" | cut -d' ' -f1 | sort -V | tail -n 1
}

# Debian's kernels for tests/vm, unpacked below build/kernels and not installed. Without one its test fails and says so.
fetch_kernels() {
  local series attempt package
  for series in "${KERNEL_SERIES[@]}"; do
    for attempt in first second; do
      if [ -d "build/kernels/$series" ]; then break; fi
      if [ "$attempt" = second ]; then apt-get update -qq || true; fi  # old lists name packages that are gone
      package=$(newest_kernel "$series")
      say "kernel $series: ${package:-none is in the package lists}"
      if [ -n "$package" ]; then unpack_kernel "$package" "build/kernels/$series" || true; fi
    done
    [ -d "build/kernels/$series" ] || printf 'warning: no kernel %s; its test will fail\n' "$series" >&2
  done
}

# unpack_kernel PACKAGE FOLDER: whole or not at all.
unpack_kernel() {
  local package=$1 folder=$2 half_made=$2.new
  rm -rf "$half_made" && mkdir -p "$half_made" || return 1
  (cd "$half_made" && apt-get download -qq -o APT::Sandbox::User=root "$package") || return 1
  dpkg-deb -x "$half_made"/*.deb "$half_made" && rm "$half_made"/*.deb || return 1
  depmod -b "$half_made" "${package#linux-image-}" || return 1
  mv "$half_made" "$folder"
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  say "configure ($preset)"
  cmake --preset "$preset" --log-level=WARNING >/dev/null
  say "build ($preset); a first build takes some minutes, clang's headers are large"
  NINJA_STATUS='[%f/%t %es] ' cmake --build --preset "$preset" ${1:+--target "$@"}
}
