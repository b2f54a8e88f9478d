# cargo.sh URL: a package that needs one of a registry whose archives are at URL, as crates.io's are at a host of their own.
set -euo pipefail
export GIT_CONFIG_GLOBAL=/tmp/gitconfig CARGO_HOME=/tmp/cargo
work=$(mktemp -d)
cd "$work"
printf '[user]\nname = t\nemail = t@example.com\n[safe]\ndirectory = *\n' >"$GIT_CONFIG_GLOBAL"
git init -q index
mkdir -p index/lo/ne
printf '{"dl": "%sfiles/{crate}-{version}.crate"}\n' "$1" >index/config.json
cp /served/lone.json index/lo/ne/lone
git -C index add .
git -C index commit -q -m index
mkdir -p own/src own/.cargo
: >own/src/lib.rs
printf '[package]\nname = "own"\nversion = "0.1.0"\n[dependencies]\nlone = "1.0.0"\n' >own/Cargo.toml
printf '[source.crates-io]\nreplace-with = "test"\n[source.test]\nregistry = "file://%s/index"\n[net]\nretry = 0\n' \
  "$work" >own/.cargo/config.toml
cd own
cargo fetch -q
cat "$CARGO_HOME"/registry/src/*/lone-1.0.0/src/lib.rs
rm -rf "$CARGO_HOME"
