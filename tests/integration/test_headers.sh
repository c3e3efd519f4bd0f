#!/usr/bin/env bash
# Every public header compiles alone, as C17 and as C++17, without a warning.
set -eu
source_dir=${SKALD_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

count=0
for header in "$source_dir"/include/skald/*.h; do
    name=$(basename "$header")
    for line in "cc -std=c17 c" "c++ -std=c++17 cc"; do
        read -r compiler standard ending <<<"$line"
        command -v "$compiler" >/dev/null || { echo "$compiler is missing: scripts/install-deps build"; exit 1; }
        # twice: the guard holds
        printf '#include <skald/%s>\n#include <skald/%s>\n' "$name" "$name" >"$folder/one.$ending"
        "$compiler" "$standard" -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only \
            -I "$source_dir/include" "$folder/one.$ending"
        count=$((count + 1))
    done
done
[ "$count" -ge 14 ] || { echo "only $count compilations: where are the headers?"; exit 1; }
echo "headers: $count compilations without a warning"
