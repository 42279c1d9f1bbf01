# SPDX-License-Identifier: MIT
# Fuzzers: a libFuzzer program for each target (`make fuzz MINUTES=n`), built by clang under AddressSanitizer and
# UndefinedBehaviorSanitizer, and one GoogleTest program of all targets (build/tests/fuzz), which uses the objects of the
# other host tests. Included by the top Makefile, after the fragments of those.

FUZZ_CXX := clang++-16
FUZZ_OUT := $(BUILD)/fuzz
# The target's source, and the component that it is linked with.
FUZZ_TARGETS_hypervisor := hypercalls
FUZZ_TARGETS_parsers := emulator kernel_file firmware
FUZZ_TARGETS_tools := store_wire store_journal definition
FUZZ_TARGETS_drivers := block network
FUZZ_TARGETS := $(FUZZ_TARGETS_hypervisor) $(FUZZ_TARGETS_parsers) $(FUZZ_TARGETS_tools) $(FUZZ_TARGETS_drivers)

FUZZ_INCLUDES_hypervisor := -Itests/host/fakes/hypervisor -Ihypervisor -Iguest-abi -Itests/host/hypervisor
FUZZ_INCLUDES_tools := -Idom0-tools -Iguest-abi -Ihypervisor $(DOM0_FLAGS_config) -Itests/host/dom0-tools
FUZZ_INCLUDES_drivers := -Ipv-drivers -Idom0-tools -Iguest-abi -Itests/host/pv-drivers
FUZZ_LIBS_tools := $(foreach room,$(DOM0_ROOMS),$(DOM0_LIBS_$(room)))

# What the targets of each component are linked with.
FUZZ_SOURCES_hypervisor := $(HOST_SOURCES) tests/host/fakes/machine.cpp
FUZZ_SOURCES_tools := $(foreach room,store config builder,$(wildcard dom0-tools/$(room)/*.cpp)) $(wildcard dom0-tools/xen/*.cpp)
FUZZ_SOURCES_drivers := $(DRIVER_SOURCES) $(wildcard dom0-tools/xen/*.cpp) tests/host/pv-drivers/fake_guest.cpp

# ---- for libFuzzer -----------------------------------------------------------------------------------------------------

# The macro: libstdc++ 12 offers <expected> only to compilers that claim all of C++20's concepts.
FUZZ_FLAGS := -std=c++2b -O1 -g1 -D__cpp_concepts=202002L -Wno-builtin-macro-redefined -w -fno-strict-aliasing \
	-fsanitize=address,undefined -fno-sanitize=vptr,function -fno-sanitize-recover=undefined
# Flags by the component that a file belongs to; a target's are its component's.
fuzz_component = $(or $(if $(filter hypervisor/% tests/host/fakes/% tests/fuzz/harness/%,$(1)),hypervisor),$(if $(filter dom0-tools/%,$(1)),tools),$(if $(filter \
	pv-drivers/% tests/host/pv-drivers/%,$(1)),drivers),$(strip $(foreach component,hypervisor tools drivers,$(if $(filter \
	$(FUZZ_TARGETS_$(component)),$(basename $(notdir $(1)))),$(component)))),hypervisor)
fuzz_flags = $(FUZZ_INCLUDES_$(call fuzz_component,$(1))) $(if $(filter hypervisor/%,$(1)),-fno-exceptions -fno-rtti)

# The product guides libFuzzer; what only watches it does not, and is spared the cost.
fuzz_guide = $(if $(filter tests/% hypervisor/audit/%,$(1)),,-fsanitize=fuzzer-no-link)

$(FUZZ_OUT)/obj/%.o: %.cpp
	@mkdir -p $(@D); echo "CLANG $<"
	@$(FUZZ_CXX) $(FUZZ_FLAGS) $(call fuzz_guide,$<) $(call fuzz_flags,$<) $(DEPENDENCIES) -c $< -o $@

fuzz_objects = $(patsubst %.cpp,$(FUZZ_OUT)/obj/%.o,$(FUZZ_SOURCES_$(1)) $(FUZZ_EXTRA_$(1)))
FUZZ_EXTRA_hypervisor := tests/fuzz/harness/guest_memory.cpp tests/fuzz/harness/no_devices.cpp
# Parsers that the builder shares with the hypervisor.
FUZZ_EXTRA_tools := $(DOM0_SHARED_SOURCES)
define fuzz_program
$(FUZZ_OUT)/bin/$(1): $(patsubst %,$(FUZZ_OUT)/obj/tests/fuzz/%.o,$(1) harness/libfuzzer) $(2)
	@mkdir -p $$(@D); echo "LINK  $$@"; $(FUZZ_CXX) -fsanitize=fuzzer,address,undefined -fno-sanitize=vptr,function -o $$@ $$^ -lgtest -pthread $(3)
endef
$(foreach component,hypervisor tools drivers,$(foreach name,$(FUZZ_TARGETS_$(component)),$(eval \
	$(call fuzz_program,$(name),$(call fuzz_objects,$(component)),$(FUZZ_LIBS_$(component))))))
# Parsers of the hypervisor need nothing of its domains: from a library they take what they call.
$(foreach name,$(FUZZ_TARGETS_parsers),$(eval $(call fuzz_program,$(name),$(FUZZ_OUT)/hypervisor.a)))
$(FUZZ_OUT)/hypervisor.a: $(call fuzz_objects,hypervisor)
	@rm -f $@; $(AR) rcs $@ $^

MINUTES ?= 10
.PHONY: fuzz fuzz-programs
fuzz-programs: $(addprefix $(FUZZ_OUT)/bin/,$(FUZZ_TARGETS))
fuzz:
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(FUZZ_PACKAGES)"
	@$(MAKE) --no-print-directory fuzz-programs
	@tests/fuzz/run $(BUILD) $(MINUTES) $(FUZZ_TARGETS)

# ---- for make test -----------------------------------------------------------------------------------------------------

FUZZ_TEST_FLAGS := -std=c++23 -O0 -g1 -fsanitize=address,undefined $(TESTS_UNWATCHED) -fno-sanitize-recover=undefined \
	-fno-strict-aliasing -Wall -Wextra -Werror -DRF_CORPUS='"$(abspath tests/fuzz/corpus)"'
FUZZ_TEST_SOURCES := $(addprefix tests/fuzz/,$(addsuffix .cpp,$(FUZZ_TARGETS))) $(wildcard tests/fuzz/harness/*.cpp)
FUZZ_TEST_OBJECTS := $(patsubst tests/fuzz/%.cpp,$(BUILD)/tests/fuzz.obj/%.o,$(filter-out %/libfuzzer.cpp,$(FUZZ_TEST_SOURCES)))
FUZZ_SHARED_OBJECTS := $(HOST_PARTS) $(HOST_OUT)/tests/host/fakes/machine.o $(call room_objects,$(DOM0_TEST_OUT),$(FUZZ_SOURCES_tools)) \
	$(call room_objects,$(DRIVER_TEST_OUT),$(filter-out dom0-tools/%,$(FUZZ_SOURCES_drivers)))

$(BUILD)/tests/fuzz.obj/%.o: tests/fuzz/%.cpp
	@mkdir -p $(@D); echo "HOST  $<"
	@$(CXX) $(FUZZ_TEST_FLAGS) $(call fuzz_flags,$<) $(DEPENDENCIES) -c $< -o $@

$(BUILD)/tests/fuzz: $(FUZZ_TEST_OBJECTS) $(FUZZ_SHARED_OBJECTS)
	@echo "LINK  $@"
	@$(CXX) -fsanitize=address,undefined -o $@ $^ -lgtest -lgtest_main -pthread -llzma -lzstd -llz4 -lz $(FUZZ_LIBS_tools)

-include $(FUZZ_TEST_OBJECTS:.o=.d) $(shell find $(FUZZ_OUT)/obj -name '*.d' 2>/dev/null)
