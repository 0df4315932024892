#!/usr/bin/env bash
# Shows that the kernel has the same bits on other Nodes: fetches them from the npm registry (the package for this machine
# that npm's `node` would fetch, so that no install script has to run) and computes the golden states there.
#   scripts/ci/other-nodes.sh 22 26
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$#" -gt 0 ] || set -- 22 26
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
package="$(node -p "(process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin-' : 'node-') + process.platform + '-' + process.arch")"

for major in "$@"; do
  mkdir "$work/$major"
  echo '{"private":true}' >"$work/$major/package.json"
  if ! npm install --prefix "$work/$major" --loglevel error --ignore-scripts --no-audit --no-fund "$package@$major" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    echo "other-nodes: cannot fetch $package@$major from the npm registry, so nothing is known about Node $major" >&2
    exit 1
  fi
  fetched="$work/$major/node_modules/$package/bin/node"
  case "$("$fetched" --version)" in
    "v$major."*) ;;
    *)
      echo "other-nodes: $package@$major brought $("$fetched" --version)" >&2
      exit 1
      ;;
  esac
  "$fetched" --disable-warning=ExperimentalWarning scripts/ci/kernel-states.ts
done
