# SPDX-License-Identifier: MIT
# Dom0's programs, their library and their host tests. Included by the top Makefile.
# To add a room, create the folder; to add a program, add its name to DOM0_PROGRAMS and its sources to dom0-tools/bin/<name>/.
# While a room is in pieces, leave it out: make ... DOM0_ROOMS='xen store rpc'

BUILD ?= build

DOM0_PROGRAMS := rf-stored rf-consoled rf rfd
# What a room needs to compile, and the libraries that a room (in the tests) or a program needs to link.
DOM0_FLAGS_config := -I/usr/include/libxml2
DOM0_LIBS_config := -lxml2
DOM0_LIBS_rf := -lxml2
DOM0_LIBS_rfd := -lxml2

DOM0_ROOMS := $(filter-out bin,$(notdir $(patsubst %/,%,$(wildcard dom0-tools/*/))))
DOM0_SOURCES := $(foreach room,$(DOM0_ROOMS),$(wildcard dom0-tools/$(room)/*.cpp))
# The hypervisor's parsers of kernel files, which the domain builder shares: pure code that knows no hypervisor.
DOM0_SHARED_SOURCES := $(addprefix hypervisor/dom0/,elf.cpp notes.cpp bzimage.cpp decompress.cpp plan.cpp) \
	$(wildcard hypervisor/dom0/codec/*.cpp)
DOM0_BIN_SOURCES := $(foreach program,$(DOM0_PROGRAMS),$(wildcard dom0-tools/bin/$(program)/*.cpp))
DOM0_TEST_SOURCES := $(foreach room,$(DOM0_ROOMS),$(wildcard tests/host/dom0-tools/$(room)/*.cpp))

DOM0_CXX := $(CXX) -std=c++23 -O2 -g1 -Wall -Wextra -Werror -Idom0-tools -Iguest-abi -Ihypervisor
DOM0_SPLIT := -ffunction-sections -fdata-sections
# No optimization: compiling the sanitizers' code takes four times as long with it, and running it takes seconds.
DOM0_SANITIZERS := -O0 -fsanitize=address,undefined -fno-sanitize-recover=undefined
DOM0_LINK := -static-libstdc++ -static-libgcc -Wl,--gc-sections

DOM0_OUT := $(BUILD)/dom0/obj
DOM0_TEST_OUT := $(BUILD)/tests/host_tools.obj
DOM0_LIBRARY := $(BUILD)/dom0/libdom0.a
DOM0_LIBRARY_SOURCES := $(DOM0_SOURCES) $(DOM0_SHARED_SOURCES)
DOM0_BINARIES := $(addprefix $(BUILD)/dom0/,$(DOM0_PROGRAMS))
DOM0_TEST_OBJECTS := $(call room_objects,$(DOM0_TEST_OUT),$(DOM0_LIBRARY_SOURCES) $(DOM0_TEST_SOURCES))

.PHONY: tools host-tools-test
tools: $(DOM0_BINARIES)

$(call compile_rooms,$(DOM0_OUT),$(DOM0_LIBRARY_SOURCES) $(DOM0_BIN_SOURCES),$(DOM0_CXX) $(DOM0_SPLIT))
$(call compile_rooms,$(DOM0_TEST_OUT),$(DOM0_LIBRARY_SOURCES),$(DOM0_CXX) $(DOM0_SANITIZERS))
$(call compile_rooms,$(DOM0_TEST_OUT),$(DOM0_TEST_SOURCES),$(DOM0_CXX) $(DOM0_SANITIZERS) $(TESTS_UNWATCHED) -Itests/host/dom0-tools)
$(foreach room,$(DOM0_ROOMS),$(eval $(DOM0_OUT)/dom0-tools/$(room).o $(DOM0_TEST_OUT)/dom0-tools/$(room).o \
	$(DOM0_TEST_OUT)/tests/host/dom0-tools/$(room).o: ROOM_FLAGS := $(DOM0_FLAGS_$(room))))

$(DOM0_LIBRARY): $(call room_objects,$(DOM0_OUT),$(DOM0_LIBRARY_SOURCES))
	@rm -f $@; $(AR) rcs $@ $^

define dom0_program
$(BUILD)/dom0/$(1): $(DOM0_OUT)/dom0-tools/bin/$(1).o $(DOM0_LIBRARY)
	@echo "LINK  $$@"; $(CXX) $(DOM0_LINK) -o $$@ $$^ $(DOM0_LIBS_$(1))
endef
$(foreach program,$(DOM0_PROGRAMS),$(eval $(call dom0_program,$(program))))

$(BUILD)/tests/host_tools: $(DOM0_TEST_OBJECTS)
	@echo "LINK  $@"; $(CXX) $(DOM0_SANITIZERS) -o $@ $^ -lgtest -lgtest_main -llzma -lzstd -llz4 -lz $(foreach room,$(DOM0_ROOMS),$(DOM0_LIBS_$(room)))

host-tools-test: $(BUILD)/tests/host_tools
	$(BUILD)/tests/host_tools --gtest_brief=1
