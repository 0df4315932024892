#!/usr/bin/env bash
# Shows that what would be published works: builds and packs the package, installs it in an empty project without install
# scripts, runs the whole loop from there in one process, and compiles and runs a program that imports thermoloop/client.
set -euo pipefail
cd "$(dirname "$0")/../.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
root="$PWD"
node="$root/node_modules/.bin/node"

npm run --silent build
npm pack --silent --ignore-scripts --pack-destination "$work" >/dev/null
mkdir "$work/project"
cd "$work/project"
echo '{"private":true}' >package.json
npm install --silent --ignore-scripts --no-audit --no-fund "$work"/thermoloop-*.tgz >"$work/log" 2>&1 || { tail -30 "$work/log" >&2; exit 1; }
"$node" node_modules/.bin/thermoloop demo --transport memory --out "$work/out" --json >/dev/null
test -s "$work/out/samples.npz"
# Another program, compiled with the strictness of ours against the types that the package brings.
cp "$root/scripts/ci/packed-client.mjs" program.mjs
mkdir -p node_modules/@types
cp -r "$root/node_modules/@types/node" node_modules/@types/node
"$node" "$root/node_modules/typescript/bin/tsc" --allowJs --checkJs --noEmit --strict --target es2024 --module nodenext --types node program.mjs
"$node" program.mjs
echo "packed package: installs without install scripts, runs the demo, and its client works for another program"
