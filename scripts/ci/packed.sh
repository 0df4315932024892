#!/usr/bin/env bash
# Shows that what would be published works: builds and packs the package, installs it in an empty project without install
# scripts, and runs the whole loop from there in one process.
set -euo pipefail
cd "$(dirname "$0")/../.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
node="$PWD/node_modules/.bin/node"

npm run --silent build
npm pack --silent --ignore-scripts --pack-destination "$work" >/dev/null
mkdir "$work/project"
cd "$work/project"
echo '{"private":true}' >package.json
npm install --silent --ignore-scripts --no-audit --no-fund "$work"/thermoloop-*.tgz >"$work/log" 2>&1 || { tail -30 "$work/log" >&2; exit 1; }
"$node" node_modules/.bin/thermoloop demo --transport memory --out "$work/out" --json >/dev/null
test -s "$work/out/samples.npz"
echo "packed package: installs without install scripts and runs the demo"
