# make            build ./mydocker: one file that runs on any glibc Linux of this architecture
# make run        build it, import a busybox image unless there is one, and open a shell in a container (as
#                 root)
# make check      formatting, width, lint, types, floors, and the machine code against its assembly source
# make test       build it and run the tests (as root); ONLY=exec,stop for those of every exec_test.ts and
#                 stop_test.ts
# make test-unit  the tests of single modules
# make test-vm    run those tests that cgroups matter to on a machine with cgroup v2 alone, in ../shared/vm
#                 (if it is there)
# make mutants    put small faults into a copy, one at a time, and see that tests notice (ONLY="words of a
#                 fault" for some)
# make bench      build it and measure (ONLY=exec,ps for some, RUNS=5 for a short run, WRITE=1 to put it
#                 into the documents)
# make install    copy it to $(DESTDIR)$(PREFIX)/bin, and a systemd unit that starts containers with the
#                 machine
# make clean      remove all that was built
#
# DENO=...        the deno to build with, and to pack; otherwise the one on PATH if new enough, or npm's
# DENORT_BIN=...  deno's base runtime, for `deno compile`; otherwise deno looks for one itself

PREFIX = /usr/local
DENO_AT_LEAST = 2.9
DENO_FROM_NPM = 2.9.6
# What `make test-vm` runs; each start of mydocker takes two seconds there.
VM = ../shared/vm/vm
VM_TESTS = unit/process isolation/namespaces isolation/limits \
	container/update container/pause container/stats \
	container/top isolation/devices attacks/proc attacks/cgroup
VM_SECONDS = 1800
# A test mostly waits for containers, so there can be more of them than processors.
JOBS = 4

# Packages come from npm, and the machine may know a certificate authority in between that deno alone doesn't.
export DENO_TLS_CA_STORE ?= system,mozilla

SHELL = /bin/sh
.SHELLFLAGS = -euc
.ONESHELL:
.DELETE_ON_ERROR:
.PHONY: all run check test test-unit test-vm mutants bench install clean help

NPM_NAME = $(if $(filter aarch64,$(shell uname -m)),linux-arm64-glibc,linux-x64-glibc)
SOURCES := main.ts deno.json deno.lock $(shell find lib ffi -name '*.ts' -o -name '*.json')
deno = .build/deno

all: mydocker

# A link to the deno to use. npm's package `deno` only wraps one package per platform, which has the
# executable.
.build/deno:
	@mkdir -p .build
	found="$(DENO)"
	if [ -z "$$found" ] && found=$$(command -v deno); then
		version=$$("$$found" --version | sed -n 's/^deno \([0-9.]*\).*/\1/p')
		printf '%s\n' $(DENO_AT_LEAST) "$$version" | sort -CV || found=
	fi
	if [ -z "$$found" ]; then
		echo "No deno $(DENO_AT_LEAST) on PATH: getting npm's $(DENO_FROM_NPM)"
		npm install --silent --no-save --ignore-scripts --prefix .build/npm deno@$(DENO_FROM_NPM)
		found=.build/npm/node_modules/@deno/$(NPM_NAME)/deno
		chmod +x "$$found"
	fi
	ln -sf "$$(realpath "$$found")" $@

# The default filter of system calls as bytes: compiling it takes longer than a container may take to start.
.build/default_filter.ts: $(wildcard lib/seccomp/*.ts) lib/security/capabilities.ts | .build/deno
	@$(deno) run --frozen lib/seccomp/write_default.ts >$@

.build/js/full.js: $(SOURCES) .build/default_filter.ts | .build/deno
	@rm -rf $(@D)
	$(deno) run -A --frozen lib/launcher/bundle.ts $(@D)

# The attempt to get deno's base runtime is made once; .build/no-denort remembers that it failed, and why. A
# compiled program would keep its code cache in /tmp under a name anyone can guess, and run what it finds
# there: not for root.
mydocker: .build/js/full.js lib/launcher/first.js lib/launcher/launcher.sh lib/launcher/pack.sh | .build/deno
	@export DENO_NO_UPDATE_CHECK=1
	own=$$(cd .build/js && ls *.js | sed -n 's/^\([^.]*\)\.js$$/\1/p' | tr '\n' ' ')
	sed "s/@OWN@/$$own/" lib/launcher/first.js >.build/first.js
	if { [ -n "$${DENORT_BIN-}" ] || [ ! -e .build/no-denort ]; } && timeout 60 $(deno) compile --quiet -A \
		--no-config --no-check --no-code-cache --v8-flags=--single-threaded -o .build/compiled \
		--include .build/js .build/first.js >.build/compile.log 2>&1; then
		mv .build/compiled $@
		echo "Built ./mydocker with deno compile"
	else
		[ ! -e .build/compile.log ] || mv .build/compile.log .build/no-denort
		sh lib/launcher/pack.sh $(deno) $@ .build/js/*.js
		echo "Built ./mydocker as a self-extracting file (deno compile found no base runtime: .build/no-denort)"
	fi

# A root file system of nothing but busybox: this machine's, if it needs no libraries, or Debian's.
.build/busybox.tar:
	@mkdir -p .build
	rm -rf .build/busybox .build/debian
	mkdir -p .build/busybox/bin .build/busybox/etc .build/busybox/root .build/busybox/tmp .build/debian
	chmod 700 .build/busybox/root
	chmod 1777 .build/busybox/tmp
	busybox=$$(command -v busybox) || busybox=
	if [ -z "$$busybox" ] || ldd "$$busybox" >/dev/null 2>&1; then
		(cd .build/debian && apt-get download -qq busybox-static && dpkg-deb -x busybox-static_*.deb .)
		busybox=$$(find .build/debian -type f -name busybox)
	fi
	cp -L "$$busybox" .build/busybox/bin/busybox
	for applet in $$(.build/busybox/bin/busybox --list); do
		[ -e ".build/busybox/bin/$$applet" ] || ln -s busybox ".build/busybox/bin/$$applet"
	done
	echo root:x:0:0:root:/root:/bin/sh >.build/busybox/etc/passwd
	echo root:x:0: >.build/busybox/etc/group
	tar -C .build/busybox --owner=0 --group=0 --numeric-owner -cf $@ .

run: mydocker .build/busybox.tar
	@./mydocker image inspect busybox:latest >/dev/null 2>&1 ||
		./mydocker import .build/busybox.tar busybox:latest >/dev/null
	if [ -t 0 ]; then tty=-it; else tty=-i; fi
	exec ./mydocker run $$tty --rm busybox sh

check: .build/deno .build/default_filter.ts
	$(deno) fmt --check
	$(deno) lint
	$(deno) check --frozen main.ts lib/launcher/bundle.ts lib/launcher/unpack.ts tests
	$(deno) run -A --frozen tests/check_stub.ts
	$(deno) run -A --frozen tests/check_layers.ts
	$(deno) run -A --frozen tests/check_lines.ts

# Adds up deno's summaries in a log, "ok | 12 passed (3 steps) | 0 failed (5s)", into the last line; $(2) of
# them there have to be.
count = sed -nE 's/^(ok|FAILED) \| ([0-9]+) passed.* \| ([0-9]+) failed.*/\2 \3/p' $(1) | awk -v runs=$(2) \
	'{ passed += $$1; failed += $$2 } \
	END { if (NR != runs) failed++; print passed + 0 " passed, " failed + 0 " failed"; exit !passed }'

# Runs deno's tests with these arguments, a line each, and counts them as $(call tests,...) has lines.
define tests
	@export DENO_JOBS=$(JOBS) NO_COLOR=1
	{
		status=0
		$(1)
		echo $$status >.build/test.status
	} 2>&1 | tee .build/test.log
	$(call count,.build/test.log,$(2))
	[ "$$(cat .build/test.status)" -eq 0 ]
endef

# What the tests use is installed, or skipped and said.
.PHONY: tools
tools:
	@sh tests/packages.sh || :

# The tests of single modules one after another: test files that run in parallel are threads of one process,
# and what they test sets its umask.
SERIAL = $(deno) test -A --frozen --no-check
PARALLEL = $(SERIAL) --parallel
UNIT = $(SERIAL) tests/unit || status=$$?;
OTHERS = $(PARALLEL) --ignore=tests/unit tests || status=$$?;
comma = ,
# ONLY=exec is every exec_test.ts below tests/, ONLY=attacks/exec one of them, ONLY=attacks/ a folder. A
# file's path is as good. A name without a file is a mistake, also beside others.
WANTED = $(patsubst %_test,%,$(patsubst tests/%,%,$(patsubst %.ts,%,$(subst $(comma), ,$(ONLY)))))
files_of = $(or $(wildcard tests/$(1)_test.ts tests/*/$(1)_test.ts),$(wildcard tests/$(1)/*_test.ts))
SOME = $(sort $(foreach name,$(WANTED),$(call files_of,$(name))))
UNKNOWN = $(strip $(foreach name,$(WANTED),$(if $(call files_of,$(name)),,$(name))))
SOME_UNIT = $(filter tests/unit/%,$(SOME))
SOME_OTHERS = $(filter-out tests/unit/%,$(SOME))
SOME_RUNS = $(if $(SOME_UNIT),$(SERIAL) $(SOME_UNIT) || status=$$?;) \
	$(if $(SOME_OTHERS),$(PARALLEL) $(SOME_OTHERS) || status=$$?;)

ifeq ($(ONLY),)
test: mydocker tools
	$(call tests,$(UNIT) $(OTHERS),2)
else
test: mydocker tools
	@[ -z "$(UNKNOWN)" ] || { echo "There are no tests of that name: $(UNKNOWN)" >&2; exit 1; }
	$(call tests,$(SOME_RUNS),$(words $(and $(SOME_UNIT),unit) $(and $(SOME_OTHERS),others)))
endif

test-unit: .build/deno .build/default_filter.ts tools
	$(call tests,$(UNIT),1)

test-vm: mydocker .build/busybox.tar
	@if [ ! -x $(VM) ]; then
		echo "test-vm: skipped, as there is no $(VM), which boots a machine with cgroup v2"
		exit 0
	fi
	$(VM) --list | grep -q . || $(VM) --setup
	{
		status=0
		$(VM) --exclude .git --exclude .build/npm --exclude .build/js --deno "$$(realpath $(deno))" \
			--time $(VM_SECONDS) --env NO_COLOR=1 -- sh tests/vm.sh $(VM_TESTS:%=tests/%_test.ts) || status=$$?
		echo $$status >.build/test-vm.status
	} 2>&1 | tee .build/test-vm.log
	$(call count,.build/test-vm.log,1)
	[ "$$(cat .build/test-vm.status)" -eq 0 ]

# The faults are in tests/mutants/table.ts; too slow for every run of the tests, which see that each still has
# its place.
mutants: .build/deno .build/default_filter.ts .build/busybox.tar
	$(deno) run -A --frozen tests/mutants/run.ts $(if $(ONLY),"$(ONLY)")

bench: mydocker
	$(deno) run -A --frozen tests/bench/run.ts $(if $(ONLY),--only "$(ONLY)") $(if $(RUNS),--runs "$(RUNS)") \
		$(if $(WRITE),--write)

install: mydocker
	@install -D -m 755 mydocker "$(DESTDIR)$(PREFIX)/bin/mydocker"
	unit="$(DESTDIR)$(PREFIX)/lib/systemd/system/mydocker-restore.service"
	mkdir -p "$${unit%/*}"
	sed 's#@BIN@#$(PREFIX)/bin#' lib/launcher/mydocker-restore.service >"$$unit"
	chmod 644 "$$unit"
	echo "For containers with a restart policy to come up with the machine: systemctl enable mydocker-restore"

clean:
	rm -rf .build mydocker

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile
