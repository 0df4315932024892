#!/usr/bin/env bash
# Shows that `npm ci` passes on a machine without compiler, make and Python, with the given major version of npm:
#   scripts/ci/npm-ci-stripped.sh 10
# A PATH of a dozen plain tools stands for that machine; the check at the end loads what came as prebuilt binaries.
set -euo pipefail
major="$1"
root="$(cd "$(dirname "$0")/../.." && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

(cd "$work" && mkdir npm && cd npm && echo '{"private":true}' >package.json && npm install --silent --no-audit --no-fund "npm@$major" >/dev/null)
mkdir "$work/bin" "$work/checkout"
for tool in node sh bash env ls cat mkdir rm cp mv ln tar gzip sed grep uname dirname readlink id; do
  ln -s "$(command -v "$tool")" "$work/bin/$tool"
done
ln -s "$work/npm/node_modules/npm/bin/npm-cli.js" "$work/bin/npm"
for absent in cc gcc g++ clang make python3 python; do
  if PATH="$work/bin" command -v "$absent" >/dev/null; then
    echo "npm-ci-stripped: $absent is still on the path" >&2
    exit 1
  fi
done

cp "$root/package.json" "$root/package-lock.json" "$root/.npmrc" "$work/checkout/"
cd "$work/checkout"
if ! PATH="$work/bin" npm ci >"$work/log" 2>&1; then
  tail -30 "$work/log" >&2
  exit 1
fi
node_modules/.bin/node -e "
  const Database = require('better-sqlite3');
  const one = new Database(':memory:').prepare('select 1 as one').get().one;
  require('serialport');
  if (one !== 1) process.exit(1);
  console.log('npm ci without compiler and Python: npm ' + process.argv[1] + ', Node ' + process.version + ', better-sqlite3 and serialport load');
" "$(PATH="$work/bin" npm --version)"
