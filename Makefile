# SPDX-License-Identifier: Apache-2.0
# One Makefile, no recursion, no configure. `make help` lists what there is.

PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= gcc
V       ?= 0
Q       := $(if $(filter 0,$(V)),@,)

B       := build$(if $(SAN),/san,)
GEN     := $(B)/gen

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wmissing-prototypes -Wstrict-prototypes \
           -Wformat=2 $(if $(DEV)$(CI),-Werror,)
HARDEN  := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
           -fcf-protection=full -ftrivial-auto-var-init=zero -fPIE
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
MODE    := $(if $(SAN),-O1 $(SANITIZE),-O2 $(HARDEN))
CFLAGS  ?= -g
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -I. -I$(GEN) -I/usr/include/postgresql \
           -DGAVEL_VERSION='"$(shell cat VERSION)"' -DGAVEL_DATADIR='"$(PREFIX)/share/gavel"' \
           $(WARN) $(MODE) -MMD -MP $(CFLAGS)
ALL_LDFLAGS := $(if $(SAN),$(SANITIZE),$(HARDEN_LD)) $(LDFLAGS)

LIBS_lib   := -lyajl -lfyaml -lyaml -lcrypto -lssl -levent -levent_openssl -lcurl -lpq -lwslay -larchive
LIBS_lease := -lsecp256k1 -lsodium
LIBS       := $(LIBS_lease) $(LIBS_lib) -lsqlite3 -lresolv

# --- what there is: a folder is an archive, a client an archive of its own ---
clients  := market/client.c provider/gateway/client.c
src_of    = $(filter-out $(clients) $(mains),$(wildcard $(1)/*.c $(1)/*/*.c))
mains    := market/market.c provider/provider.c tenant/gavel.c
objs      = $(patsubst %.c,$(B)/%.o,$(1))

LIB      := $(B)/lib.a
DEPLOY   := $(B)/deploy.a
LEASE    := $(B)/lease.a
MARKET   := $(B)/market.a
PROVIDER := $(B)/provider.a
TENANT   := $(B)/tenant.a
MARKET_CLIENT   := $(B)/market_client.a
PROVIDER_CLIENT := $(B)/provider_client.a

PROGRAMS := $(B)/gavel $(B)/gavel-market $(B)/gavel-provider

.PHONY: all
all: $(PROGRAMS)

$(LIB):      $(call objs,$(call src_of,lib))
$(DEPLOY):   $(call objs,$(call src_of,deploy))
$(LEASE):    $(call objs,$(call src_of,lease))
$(MARKET):   $(call objs,$(call src_of,market)) $(B)/gen/query.o
$(PROVIDER): $(call objs,$(call src_of,provider))
$(TENANT):   $(call objs,$(call src_of,tenant))
$(MARKET_CLIENT):   $(call objs,market/client.c)
$(PROVIDER_CLIENT): $(call objs,provider/gateway/client.c)

# Arrows of the house: a program links what its folder may use.
$(B)/gavel-market:   $(call objs,market/market.c) $(MARKET) $(LEASE) $(DEPLOY) $(LIB)
$(B)/gavel-provider: $(call objs,provider/provider.c) $(PROVIDER) $(MARKET_CLIENT) $(LEASE) $(DEPLOY) $(LIB)
$(B)/gavel:          $(call objs,tenant/gavel.c) $(TENANT) $(MARKET_CLIENT) $(PROVIDER_CLIENT) $(LEASE) $(DEPLOY) $(LIB)

%.a:
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(PROGRAMS):
	@printf '  LD   %s\n' $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@printf '  CC   %s\n' $<
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(GEN)/query.h: sql/generate.awk $(wildcard sql/query/*.sql)
	@mkdir -p $(@D)
	$(Q)awk -v header=1 -f sql/generate.awk $(sort $(wildcard sql/query/*.sql)) >$@.new && mv $@.new $@
$(GEN)/query.c: sql/generate.awk $(wildcard sql/query/*.sql)
	@mkdir -p $(@D)
	$(Q)awk -v header=0 -f sql/generate.awk $(sort $(wildcard sql/query/*.sql)) >$@.new && mv $@.new $@
$(GEN)/query.o: $(GEN)/query.c $(GEN)/query.h
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(call objs,$(call src_of,market)): | $(GEN)/query.h

# --- tests: each links only the floors its name allows -----------------------
# An upward call does not link. tests/floors.mk says which test is of which floor.
include tests/floors.mk

existing  := $(patsubst tests/unit/%_test.c,%,$(wildcard tests/unit/*_test.c))
$(foreach f,lib deploy lease provider,$(eval FLOOR_$(f) := $(filter $(FLOOR_$(f)),$(existing))))
unit       = $(patsubst %,$(B)/tests/unit/%_test,$(1))
UNIT      := $(call unit,$(FLOOR_lib) $(FLOOR_deploy) $(FLOOR_lease) $(FLOOR_provider))
link_test  = $(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(call unit,$(FLOOR_lib)):      $(B)/tests/unit/%: $(B)/tests/unit/%.o $(LIB); $(link_test)
$(call unit,$(FLOOR_deploy)):   $(B)/tests/unit/%: $(B)/tests/unit/%.o $(DEPLOY) $(LIB); $(link_test)
$(call unit,$(FLOOR_lease)):    $(B)/tests/unit/%: $(B)/tests/unit/%.o $(LEASE) $(DEPLOY) $(LIB); $(link_test)
$(call unit,$(FLOOR_provider)): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(PROVIDER) $(LEASE) $(DEPLOY) $(LIB); $(link_test)

$(B)/tests/unit/untar_test: $(B)/tests/e2e/images/archives.o $(B)/tests/e2e/images/tarball.o

SIM := $(B)/tests/sim/sim
$(SIM): $(call objs,$(wildcard tests/sim/*.c)) $(LEASE) $(DEPLOY) $(LIB); $(link_test)

REPLAY := $(B)/tests/replay/replay
$(REPLAY): $(B)/tests/replay/replay.o $(LEASE) $(DEPLOY) $(LIB); $(link_test)

REFERENCE := $(B)/tests/reference/cases
$(REFERENCE): $(B)/tests/reference/cases.o $(LEASE) $(DEPLOY) $(LIB); $(link_test)

# The auction's rules on simulated markets; floating point lives here only.
AUCTION_BENCH := $(B)/tests/bench/auction
$(AUCTION_BENCH): $(call objs,$(wildcard tests/bench/auction*.c)) $(LEASE) $(DEPLOY) $(LIB)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lm
$(call objs,$(wildcard tests/bench/auction*.c)): WARN += -Wno-conversion

CORPUS := $(B)/tests/corpus/corpus
$(CORPUS): $(call objs,$(wildcard tests/corpus/*.c)) $(DEPLOY) $(LIB); $(link_test)

$(B)/tests/e2e/jail_test $(B)/tests/e2e/volumes_test $(B)/tests/e2e/ingress_agent: $(B)/tests/e2e/%: $(B)/tests/e2e/%.o $(B)/tests/e2e/layout.o $(PROVIDER) $(LEASE) $(DEPLOY) $(LIB)
	@mkdir -p $(@D)
	$(link_test)
BENCHES := $(B)/tests/bench/containers $(B)/tests/bench/sdl $(B)/tests/bench/vouchers
MARKET_BENCH := $(B)/tests/bench/market $(B)/tests/bench/market_orders
$(MARKET_BENCH): %: %.o $(B)/tests/bench/load.o $(B)/tests/bench/streams.o $(LEASE) $(DEPLOY) $(LIB)
	$(link_test)
$(call objs,$(wildcard tests/bench/load.c tests/bench/streams.c tests/bench/market*.c)): WARN += -Wno-conversion
$(B)/tests/bench/vouchers: %: %.o $(LEASE) $(DEPLOY) $(LIB)
	$(link_test)
$(B)/tests/bench/vouchers.o: WARN += -Wno-conversion
$(B)/tests/bench/sdl: %: %.o $(DEPLOY) $(LIB)
	$(link_test)
$(B)/tests/bench/containers: %: %.o $(B)/tests/bench/jail.o $(B)/tests/e2e/layout.o $(PROVIDER) $(LEASE) $(DEPLOY) $(LIB)
	$(link_test)
IMAGES := $(B)/tests/e2e/images/images_test $(B)/tests/e2e/images/pull_test
$(B)/tests/e2e/images/images_test: $(B)/tests/e2e/images/archives.o
$(IMAGES): %: %.o $(B)/tests/e2e/images/tarball.o $(PROVIDER) $(LEASE) $(DEPLOY) $(LIB)
	@mkdir -p $(@D)
	$(link_test)

# The suite links everything of the provider; the probe runs in an image that has
# no libraries, and beside it in the build directory.
PROBE     := $(B)/tests/e2e/isolation/probe
ISOLATION := $(B)/tests/e2e/isolation/isolation
isolation_src := $(filter-out tests/e2e/isolation/probe%,$(wildcard tests/e2e/isolation/*.c))
$(ISOLATION): $(call objs,$(isolation_src)) $(B)/tests/e2e/layout.o $(PROVIDER) $(LEASE) $(DEPLOY) $(LIB) | $(PROBE)
	$(link_test)
$(PROBE): $(wildcard tests/e2e/isolation/probe*.c) tests/e2e/isolation/probe.h
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -g $(WARN) -static -o $@ $(filter %.c,$^)
.PRECIOUS: $(B)/tests/%.o

# A unit test that is listed nowhere would never run.
unlisted := $(filter-out $(UNIT),$(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/*_test.c)))

$(call unit,chain viem): | contracts
.PHONY: contracts
contracts:
	$(Q)lease/contracts/build.sh $(B)/contracts

.PHONY: check check-here check-unit check-corpus check-fuzz check-contracts check-db check-e2e
# Sets the machine up first, like demo: either may be the first command.
check: setup
	$(Q)$(MAKE) --no-print-directory check-here
check-here: $(PROGRAMS) $(UNIT) $(SIM) $(REPLAY) $(CORPUS) $(REFERENCE)
	$(if $(unlisted),$(error not in tests/floors.mk: $(unlisted)))
	$(Q)BUILD=$(B) tests/run.sh $(UNIT) $(SIM) tests/replay/run.sh tests/corpus.sh tests/tidy.sh \
		tests/openapi.sh tests/properties.sh tests/cli/sdl.sh tests/cli/deploy.sh tests/cli/price.sh \
		tests/reference/run.sh lease/contracts/test/gas.sh

# The same without the programs and the house rules: for SAN=1.
check-unit: $(UNIT) $(SIM) $(REPLAY) $(CORPUS)
	$(Q)BUILD=$(B) tests/run.sh $(UNIT) $(SIM) tests/replay/run.sh tests/corpus.sh

# Deployment files of others, and mutants of them; see tests/corpus.sh.
check-corpus: $(CORPUS)
	$(Q)BUILD=$(B) tests/run.sh tests/corpus.sh

# The auction's rules in C against their second reading in Python.
.PHONY: check-reference
check-reference: $(REFERENCE)
	$(Q)BUILD=$(B) REFERENCE_AUCTIONS=$(or $(AUCTIONS),1000000) tests/run.sh tests/reference/run.sh

# Property 16 over a million rounds, with real keys and boxes: a quarter of an hour of CPU.
.PHONY: check-rounds
check-rounds: $(B)/tests/unit/sealed_rounds_test
	$(Q)$(B)/tests/unit/sealed_rounds_test $(or $(ROUNDS),1000000)

check-contracts:
	$(Q)tests/run.sh lease/contracts/check.sh

DB_TESTS := tests/db/queries.sh
DB_TESTS += tests/db/outbox.sh
DB_TESTS += tests/db/ticks.sh
DB_TESTS += tests/db/index.sh
DB_TESTS += tests/db/answers.sh
DB_TESTS += tests/db/nodes.sh
DB_TESTS += tests/db/choice.sh
DB_TESTS += tests/db/slash.sh
DB_TESTS += tests/db/failures.sh
DB_TESTS += tests/db/bad_bids.sh
DB_TESTS += tests/db/contract.sh
DB_TESTS += tests/db/heads.sh
DB_TESTS += tests/db/mixed.sh
DB_TESTS += tests/db/bonds.sh
DB_TESTS += tests/db/spread.sh
DB_TESTS += tests/db/quota.sh

$(B)/tests/db/sign $(B)/tests/db/papers: %: %.o $(LEASE) $(DEPLOY) $(LIB); $(link_test)
check-db: $(PROGRAMS) $(B)/tests/db/sign $(B)/tests/db/papers $(MARKET_BENCH) | contracts
	$(Q)BUILD=$(B) tests/run.sh $(DB_TESTS)

# Programs that the end-to-end tests need, and the tests: programs one after another,
# then scripts beside each other, the longest first.
E2E_BINS  := $(B)/tests/db/sign $(B)/tests/e2e/jail_test $(B)/tests/e2e/volumes_test $(B)/tests/e2e/ingress_agent $(ISOLATION) $(IMAGES)
E2E_TESTS := tests/e2e/dry.sh
E2E_TESTS += tests/e2e/alone.sh
E2E_TESTS += tests/e2e/kills.sh
E2E_TESTS += tests/e2e/money.sh
E2E_TESTS += tests/e2e/spot.sh
E2E_TESTS += tests/e2e/spread.sh
E2E_TESTS += tests/e2e/fast.sh
E2E_TESTS += tests/e2e/life.sh
E2E_TESTS += tests/e2e/exec.sh
E2E_TESTS += tests/e2e/faults.sh
E2E_TESTS += tests/e2e/shop.sh
E2E_TESTS += tests/e2e/placements.sh
E2E_TESTS += tests/e2e/pricing.sh
E2E_TESTS += tests/e2e/ingress.sh
E2E_TESTS += tests/e2e/chain.sh
E2E_TESTS += tests/e2e/escrow.sh
E2E_TESTS += tests/e2e/storage.sh
E2E_TESTS += tests/e2e/choice.sh
E2E_TESTS += tests/e2e/names.sh
E2E_TESTS += tests/e2e/demo.sh

check-e2e: $(PROGRAMS) $(E2E_BINS)
	$(Q)BUILD=$(B) tests/run.sh $(B)/tests/e2e/jail_test $(B)/tests/e2e/volumes_test $(ISOLATION) $(IMAGES); \
		first=$$?; BUILD=$(B) tests/e2e/lanes.sh $(E2E_TESTS) && exit $$first

FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
$(B)/fuzz/%: tests/fuzz/%.c $(wildcard lib/*.c) $(wildcard deploy/*.c)
	@mkdir -p $(@D)
	$(Q)clang -g -O1 -std=gnu11 -D_GNU_SOURCE -I. -I/usr/include/postgresql -fsanitize=fuzzer,address,undefined \
		-o $@ $^ $(LIBS_lib)
# Each target for a while; a crash leaves its input in the build directory.
.PHONY: fuzz
fuzz check-fuzz: $(FUZZERS)
	$(Q)FUZZ_SECONDS=$(or $(FUZZ_SECONDS),15) tests/run.sh tests/fuzz/run.sh

.PHONY: lint
lint:
	$(Q)tests/lint.sh

.PHONY: demo demo-shop demo-stop setup
setup:
	$(Q)demo/setup.sh
demo: setup
	$(Q)$(MAKE) --no-print-directory all
	$(Q)demo/run.sh
demo-shop: setup
	$(Q)$(MAKE) --no-print-directory all
	$(Q)demo/shop.sh
demo-stop:
	$(Q)demo/stop.sh

.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/gavel/sql
	install -m 755 $(B)/gavel $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(B)/gavel-market $(B)/gavel-provider $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 sql/schema/*.sql $(DESTDIR)$(PREFIX)/share/gavel/sql/
	install -m 644 docs/openapi.yaml docs/sdl.schema.json $(DESTDIR)$(PREFIX)/share/gavel/
	for page in docs/man/*.scd; do \
		section=$$(echo $$page | sed 's/.*\.\([0-9]\)\.scd/\1/'); \
		install -d $(DESTDIR)$(PREFIX)/share/man/man$$section; \
		scdoc <$$page >$(DESTDIR)$(PREFIX)/share/man/man$$section/$$(basename $$page .scd); \
	done

.PHONY: clean help
clean:
	rm -rf build
help:
	@echo 'make           build gavel, gavel-market, gavel-provider in $(B)/'
	@echo 'make demo      install what is missing, run one order from start to finish'
	@echo 'make demo-shop the same with three services, an update and a volume'
	@echo 'make check     unit tests, simulator, tidy'
	@echo 'make check-contracts | check-db | check-e2e    the tests with real parts'
	@echo 'make lint      clang-format, clang-tidy, cppcheck'
	@echo 'SAN=1          with AddressSanitizer and UBSan;  V=1 shows commands'

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- figures: on a quiet machine, as root --------------------------------------
.PHONY: bench
bench: $(PROGRAMS) $(BENCHES) $(MARKET_BENCH)
	$(Q)tests/bench/market.sh
	$(Q)tests/bench/containers.sh
	$(Q)tests/bench/leases.sh
	$(Q)tests/bench/sdl.sh
	$(Q)tests/bench/order_to_running.sh
	$(Q)tests/bench/images.sh
	$(Q)tests/bench/ledger.sh
.PHONY: bench-market
bench-market: $(PROGRAMS) $(MARKET_BENCH)
	$(Q)tests/bench/market.sh
# What the auction is worth, beside its goals: a minute, and one more as root, with a market.
.PHONY: bench-auction
bench-auction: $(AUCTION_BENCH) $(PROGRAMS) $(B)/tests/db/sign $(B)/tests/db/papers
	$(Q)$(AUCTION_BENCH)
	$(Q)[ "$$(id -u)" != 0 ] || BUILD=$(B) tests/bench/auction_times.sh
