# SPDX-License-Identifier: GPL-2.0-or-later
# Everything that is made lies under build/. SAN=1 builds with ASan and UBSan under build/san/.
#
#   make                 the programs: build/xslice, build/xsliced
#   make test [T=name]   all tests, or those whose kind/name contains `name`: T=mux, T=unit/ (root for bpf/ and rig/)
#   make test-san [T=..] the same, of what is made with SAN=1; whatever any of its processes has to report fails a test (root)
#   make transfers       1 GiB over each pair of port kinds, offloads on and off, both families; by paging through a switch (root)
#   make soak            the tests of change, and of a hostile slice, in their long form, half an hour or so (root)
#   make reference       paging against its reference translator with PACKETS=1000000 packets (root)
#   make demo            figure 7 with real packets (root)
#   make bench [T=name]  ratios against floors (root)
#   make verify-kernels  what the verifiers of Debian's kernels say of the datapath (root; QEMU)
#   make test-qemu [T=..] network cards, VLAN devices, shared XDP, systemd and reboot on Debian's kernels (root; QEMU, some minutes each)
#   make fuzz            the readers under libFuzzer, FUZZ_TIME=600 seconds each
#   make install         programs and the unit xsliced@NODE.service, below PREFIX (/usr/local) in DESTDIR
#   make uninstall       takes away what install brought; what the programs made, `xslice clean` takes away before
#   make deps            the packages that building and testing need (root)
#   make clean           takes build/ away
#   make help            this list
#   V=1                  shows the commands

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

JOBS   ?= $(shell nproc)
Q      := $(if $(V),,@)
say     = @echo '  $(1) $@'
B      := $(if $(SAN),build/san,build)
CC     ?= gcc
ifeq ($(origin CC),default)
CC     := gcc
endif
CLANG  ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX ?= /usr/local
DESTDIR ?=
UNITDIR ?= $(PREFIX)/lib/systemd/system

PKGS   := libbpf libxdp libyang yaml-0.1 jansson libmnl libevent libcap-ng zlib
# Only the rules that compile need the libraries, so `make deps` works where there are none yet.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS))

WARN   := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wno-unused-parameter -Wpointer-arith \
          -Wvla -Wundef
comma  := ,
# Static: beside libasan.so, libubsan.so does not know where reports are to go. Clang's are.
SANSTATIC := $(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan)
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer $(SANSTATIC))
CFLAGS ?= -O2 -g
CPPFLAGS_ALL = -D_GNU_SOURCE -I. -I$(B)/gen -I$(B)/bpf $(PKG_CFLAGS)
CFLAGS_ALL   = -std=gnu11 $(CFLAGS) $(WARN) $(SANFLAGS)
BPF_CFLAGS   = -target bpf -g -O2 -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter -I. \
               -I/usr/include/$(shell gcc -dumpmachine)

# ---- what there is ------------------------------------------------------------------------------------------------
MAINS      := loader/agent/main.c cli/main.c
LIB_SRC    := $(filter-out $(MAINS),$(wildcard maps/*.c loader/*/*.c))
CLI_SRC    := $(filter-out $(MAINS),$(wildcard cli/*.c))
YANG       := $(wildcard loader/model/*.yang)
UNIT_SRC   := $(wildcard selftests/unit/test_*.c)
BPFT_SRC   := $(wildcard selftests/bpf/test_*.c)
BENCH_SRC  := $(wildcard selftests/bench/*_main.c)
FUZZ_SRC   := $(wildcard selftests/fuzz/*_fuzz.c)
FUZZ_LIB   := $(wildcard loader/base/*.c loader/model/*.c loader/plan/*.c loader/image/*.c)
FUZZ_OBJ   := $(FUZZ_LIB:%.c=build/fuzz/obj/%.o)
FUZZ_BIN   := $(FUZZ_SRC:selftests/fuzz/%.c=build/fuzz/%)
AUX_BPF    := $(wildcard selftests/*/*.bpf.c)
HELPER_SRC := $(filter-out $(UNIT_SRC) $(BPFT_SRC) $(BENCH_SRC) $(AUX_BPF),$(wildcard selftests/unit/*.c selftests/bpf/*.c selftests/bench/*.c))

LIB_OBJ    := $(LIB_SRC:%.c=$(B)/obj/%.o)
CLI_OBJ    := $(CLI_SRC:%.c=$(B)/obj/%.o)
HELPER_OBJ := $(HELPER_SRC:%.c=$(B)/obj/%.o)
UNIT_BIN   := $(UNIT_SRC:selftests/unit/%.c=$(B)/selftests/unit/%)
BPFT_BIN   := $(BPFT_SRC:selftests/bpf/%.c=$(B)/selftests/bpf/%)
RIG_SHIM   := selftests/rig/fault.c selftests/rig/heap.c
RIG_BIN    := $(RIG_SHIM:%.c=$(B)/%.so) $(patsubst %.c,$(B)/%,$(filter-out $(RIG_SHIM),$(wildcard selftests/rig/*.c)))
BENCH_BIN  := $(BENCH_SRC:selftests/bench/%_main.c=$(B)/selftests/bench/%)
AUX_SKEL   := $(AUX_BPF:%.bpf.c=$(B)/gen/%.skel.h)
YANG_GEN   := $(YANG:loader/model/%=$(B)/gen/%.h)
GEN        := $(B)/bpf/xslice.skel.h $(B)/bpf/trial.skel.h $(B)/bpf/dispatcher.skel.h $(YANG_GEN)

.PHONY: all deps test test-san transfers soak reference demo bench verify-kernels test-qemu fuzz fuzzers install uninstall clean help compile_commands tests
all: $(B)/xslice $(B)/xsliced
tests: all $(UNIT_BIN) $(BPFT_BIN) $(BENCH_BIN) $(RIG_BIN)

deps:
	@scripts/deps

# ---- the datapath --------------------------------------------------------------------------------------------------
$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF )
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@

$(B)/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

$(B)/gen/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF )
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@

$(B)/gen/%.skel.h: $(B)/gen/%.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@

# A YANG module as a C string literal.
$(B)/gen/%.yang.h: loader/model/%.yang
	@mkdir -p $(@D)
	$(Q)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $< > $@

# ---- the programs --------------------------------------------------------------------------------------------------
$(B)/obj/%.o: %.c $(B)/flags | $(GEN) $(AUX_SKEL)
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# Objects are made anew when the compiler or its flags change.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS) $(SANFLAGS) $(WARN)' | cmp -s - $@ || echo '$(CC) $(CFLAGS) $(SANFLAGS) $(WARN)' > $@
FORCE:

$(B)/libxslice.a: $(LIB_OBJ)
	$(call say,AR  )
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(B)/xslice: $(B)/obj/cli/main.o $(CLI_OBJ) $(B)/libxslice.a
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

$(B)/xsliced: $(B)/obj/loader/agent/main.o $(B)/libxslice.a
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

# ---- the tests -----------------------------------------------------------------------------------------------------
$(B)/selftests/unit/%: $(B)/obj/selftests/unit/%.o $(filter $(B)/obj/selftests/unit/%,$(HELPER_OBJ)) $(B)/libxslice.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lcmocka -lpthread

$(B)/selftests/bpf/%: $(B)/obj/selftests/bpf/%.o $(filter $(B)/obj/selftests/bpf/%,$(HELPER_OBJ)) $(B)/libxslice.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lcmocka -lpthread

$(B)/selftests/bench/%: $(B)/obj/selftests/bench/%_main.o $(filter $(B)/obj/selftests/bench/%,$(HELPER_OBJ)) $(B)/libxslice.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lpthread

# ---- fuzzing: the pure stages once more, by clang, with libFuzzer and sanitizers -------------------------------------------
FUZZCC    ?= clang
FUZZ_TIME ?= 600
FUZZ_FLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

build/fuzz/obj/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	$(call say,FUZZ)
	$(Q)$(FUZZCC) $(CPPFLAGS_ALL) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

build/fuzz/%_fuzz: build/fuzz/obj/selftests/fuzz/%_fuzz.o $(FUZZ_OBJ)
	$(call say,LINK)
	$(Q)$(FUZZCC) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS)

fuzzers: $(B)/xslice $(FUZZ_BIN)

fuzz: deps
	@selftests/fuzz/test_fuzz.py $(FUZZ_TIME)

$(B)/selftests/qemu/%: $(B)/obj/selftests/qemu/%.o
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

# They go before libc in an agent; so they are built without sanitizers.
$(B)/selftests/rig/%.so: selftests/rig/%.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(CFLAGS) $(WARN) -fPIC -shared -o $@ $<

# Programs that rigs run: a file each.
$(B)/selftests/rig/%: selftests/rig/%.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS_ALL) -D_GNU_SOURCE -o $@ $<

# deps first and in a make of its own: what it installs must be there before anything is compiled.
test: deps
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@selftests/run $(T)

test-san: deps
	@$(MAKE) --no-print-directory -j$(JOBS) SAN=1 tests
	@SAN=1 selftests/run $(T)

transfers: deps
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@XSLICE_TRANSFER=1073741824 XSLICE_RIG_LIMIT=7200 selftests/run _transfers

soak: deps
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@XSLICE_CHANGES=200 XSLICE_STEPS=all XSLICE_KILLS=100 XSLICE_RIG_LIMIT=7200 selftests/run _changes
	@XSLICE_FLOOD=20 selftests/run hostile_slice
	@XSLICE_CHANGES=200 selftests/run test_growth

PACKETS ?= 1000000
reference: deps
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@XSLICE_PACKETS=$(PACKETS) XSLICE_SEED=$(or $(SEED),2) build/selftests/bpf/test_paging_differential

demo: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@scripts/demo

bench: deps
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@scripts/bench $(T)

verify-kernels: deps
	@$(MAKE) --no-print-directory build/selftests/qemu/verify
	@scripts/verify-kernels build/selftests/qemu/verify $(BPF_CFLAGS)

test-qemu: deps
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@scripts/test-qemu $(T)

# ---- the rest ------------------------------------------------------------------------------------------------------
SHAREDIR := $(PREFIX)/share/xslice
SHARED   := $(YANG) docs/examples/figure7.yaml

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SHAREDIR)
	install -m 755 $(B)/xslice $(DESTDIR)$(PREFIX)/bin/xslice
	install -m 755 $(B)/xsliced $(DESTDIR)$(PREFIX)/sbin/xsliced
	install -m 644 $(SHARED) $(DESTDIR)$(SHAREDIR)/
	sed 's,@PREFIX@,$(PREFIX),g' scripts/xsliced@.service > $(DESTDIR)$(UNITDIR)/xsliced@.service

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/xslice $(DESTDIR)$(PREFIX)/sbin/xsliced $(DESTDIR)$(UNITDIR)/xsliced@.service \
		$(addprefix $(DESTDIR)$(SHAREDIR)/,$(notdir $(SHARED)))
	[ ! -d $(DESTDIR)$(SHAREDIR) ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$(SHAREDIR)

help:
	@sed -n 's/^# \{3\}//p; /^$$/q' Makefile

compile_commands.json: compile_commands
compile_commands: | $(GEN) $(AUX_SKEL)
	@scripts/compile-commands '$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)' $(LIB_SRC) $(CLI_SRC) $(MAINS) $(UNIT_SRC) $(BPFT_SRC) \
		$(BENCH_SRC) $(HELPER_SRC) > build/compile_commands.json

clean:
	rm -rf build

-include $(patsubst %.c,$(B)/obj/%.d,$(LIB_SRC) $(CLI_SRC) $(MAINS) $(UNIT_SRC) $(BPFT_SRC) $(BENCH_SRC) $(HELPER_SRC))
-include $(FUZZ_OBJ:.o=.d) $(FUZZ_SRC:%.c=build/fuzz/obj/%.d)
-include $(wildcard $(B)/bpf/*.d $(B)/gen/selftests/*/*.d)
