# Installs what of tests/packages is missing, as root where apt is; else says the line to type, and the tests
# that need it are skipped. Costs a millisecond when all is there. Ends with 1 if something could not be had.
set -eu
cd "$(dirname "$0")"
PATH=$PATH:/usr/sbin:/sbin

# Names the packages of which something is missing.
missing() {
  while read -r package programs; do
    case $package in '' | '#'*) continue ;; esac
    for program in $programs; do
      if ! command -v "$program" >/dev/null && [ ! -e "$program" ]; then
        printf ' %s' "$package"
        break
      fi
    done
  done <packages
}

packages=$(missing)
[ -n "$packages" ] || exit 0
install='apt-get install -y --no-install-recommends'
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "Tests are skipped for want of what they use. To install it, as root: $install$packages" >&2
  exit 0
fi
echo "Installing what the tests use:$packages"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || echo "apt-get update failed" >&2
# One by one where that fails: one that this release doesn't have keeps the others from nobody.
# shellcheck disable=SC2086 # A list of packages.
$install -qq $packages >/dev/null || for package in $packages; do
  $install -qq "$package" >/dev/null || :
done
packages=$(missing)
[ -z "$packages" ] || {
  echo "Could not be installed:$packages. Tests that need it are skipped, and fail where CI=true." >&2
  exit 1
}
