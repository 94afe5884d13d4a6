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
soak: build/
	$(call configure,release)
	$(CMAKE) --build --preset release-all
	$(CTEST) --preset soak
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
	$(CMAKE) --build --preset release-all
	LEAT_SEED=$(SEED) $(CTEST) --preset check -R sim
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
