#!/bin/sh
# Makes gplmt/reporting/page/assets/libraries.js anew: what reports need of Apache ECharts, Preact
# and htm, in one file with their licences. Wants node and npm. The versions are pinned in
# tools/report_libraries: for others, change package.json there, have npm make the lock file with
# `npm install --package-lock-only --omit-lockfile-registry-resolved`, and run this.
set -eu
cd "$(dirname "$0")"
made=$PWD/../gplmt/reporting/page/assets/libraries.js
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp report_libraries/* "$scratch"
cd "$scratch"
npm ci --no-audit --no-fund --silent
node_modules/.bin/esbuild entry.js --bundle --minify --format=iife --global-name=library \
    --target=es2020 --legal-comments=none --log-level=warning --outfile=bundle.js

{
    echo '/*! Parts of these libraries, put together by tools/vendor_report_libraries.sh:'
    for name in echarts zrender preact htm tslib; do
        version=$(sed -n 's/^ *"version": "\(.*\)".*/\1/p' "node_modules/$name/package.json")
        printf '\n======== %s %s\n\n' "$name" "$version"
        for file in "node_modules/$name"/NOTICE "node_modules/$name"/LICENSE \
            "node_modules/$name"/LICENSE.txt "node_modules/$name"/licenses/LICENSE-d3; do
            [ ! -e "$file" ] || cat "$file"
        done
    done
    printf '*/\n'
    cat bundle.js
} >libraries.js
if grep -qi '</script' libraries.js; then
    echo 'the bundle would end the script element that holds it' >&2
    exit 1
fi
mv libraries.js "$made"
