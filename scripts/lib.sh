# Shared by scripts/demo and scripts/test: say what happens, check the machine, install what is missing, build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PACKAGES=(
  g++ cmake ninja-build ccache pkg-config python3 iproute2
  clang-19 clang-format-19 llvm-19 llvm-19-dev libclang-19-dev libclang-cpp19-dev lld-19
  libbpf-dev libelf-dev zlib1g-dev libzstd-dev libyaml-cpp-dev libre2-dev libcli11-dev nlohmann-json3-dev libssl-dev
  antlr4 libantlr4-runtime-dev default-jre-headless
  libgtest-dev libgmock-dev
)

say() { printf '\n== %s\n' "$*"; }

die() { printf 'error: %s\n' "$*" >&2; exit 3; }

require_root_and_bpf() {
  [ "$(id -u)" = 0 ] || die "needs root: it loads BPF programs and makes network namespaces (run it with sudo)"
  [ -e /sys/kernel/btf/vmlinux ] || die "this kernel has no BTF (/sys/kernel/btf/vmlinux): BPF programs cannot be loaded"
}

install_packages() {
  local missing=() package
  for package in "${PACKAGES[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "packages: all ${#PACKAGES[@]} are installed"
    return
  fi
  say "packages: installing ${#missing[@]} of ${#PACKAGES[@]} (${missing[*]})"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
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
