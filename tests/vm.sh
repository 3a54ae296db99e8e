# What `make test-vm` runs in the VM: the test files it is given. An import for each test would be most of the
# time.
set -eu
export MYDOCKER_TEMPLATE=/var/tmp/mydocker-template DENO_JOBS=2
MYDOCKER_ROOT=$MYDOCKER_TEMPLATE ./mydocker import .build/busybox.tar busybox
exec deno test -A --frozen --no-check --parallel "$@"
