# Short names over CMake; CMakePresets.json holds the settings. `make` leaves build/release/leat.
CMAKE ?= cmake
CTEST ?= ctest
FORMAT ?= clang-format-14
SOURCES = $(shell find src include tests bench -name '*.[ch]')
configure = @$(CMAKE) --preset $(1) > build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }

.PHONY: all test check soak asan tsan fuzz bench fmt tidy docs sim cov install clean build
all: build/
	$(call configure,release)
	$(CMAKE) --build --preset release
build/:
	@mkdir -p build
test: build/
	$(call configure,release)
	$(CMAKE) --build --preset release-all
	$(CTEST) --preset fast
check: build/
	$(call configure,asan)
	$(CMAKE) --build --preset asan
	$(call configure,release)
	$(CMAKE) --build --preset release-all
	$(CTEST) --preset check
	$(call configure,fuzz)
	$(CMAKE) --build --preset fuzz
	$(CTEST) --preset fuzz
	$(CTEST) --preset asan
	$(call configure,tsan)
	$(CMAKE) --build --preset tsan --target leat text_functions test_functions
	$(CTEST) --preset threads
# The simulator's large count comes in slices of less than ten minutes: each `make soak` adds one (SOAK_SEEDS in all).
SOAK_SEEDS ?= 100000
soak: build/
	$(call configure,release)
	$(CMAKE) --build --preset release-all
	$(CTEST) --preset soak
	@mkdir -p build/soak
	@build/release/tests/sim/job_sim slice build/soak/sim.next build/soak/sim.log $(SOAK_SEEDS) 540 2 || \
	{ test $$? -eq 3 && echo "make soak goes on with the next slice"; }
asan tsan cov: build/
	$(call configure,$@)
	$(CMAKE) --build --preset $@
	$(CTEST) --preset $@
	@if [ $@ = cov ]; then gcovr --root . --filter src/ build/cov; fi
fuzz: build/
	$(call configure,fuzz)
	$(CMAKE) --build --preset fuzz
	$(CTEST) --preset fuzz
bench: build/
	$(call configure,release)
	$(CMAKE) --build --preset release-all
	bench/run build/release
sim: build/
	$(call configure,release)
	$(CMAKE) --build --preset release-all --target job_sim
	build/release/tests/sim/job_sim $(if $(SEED),seed $(SEED),random 1 2000 2)
fmt:
	$(FORMAT) -i $(SOURCES)
tidy: build/
	$(call configure,debug)
	clang-tidy-14 -p build/debug $(shell find src -name '*.c')
docs: all
	@if [ -x tools/gen_docs ]; then tools/gen_docs build/release/leat; else echo "docs: nothing is generated"; fi
install: all
	$(CMAKE) --install build/release --strip
clean:
	rm -rf build/release build/debug build/asan build/tsan build/cov build/fuzz
