# SPDX-License-Identifier: MIT
# The backends' program, rf-backd, and their host tests. Included by the top Makefile (after dom0-tools/tools.mk); also works
# alone:  make -f dom0-tools/tools.mk -f pv-drivers/drivers.mk drivers host-drivers-test

BUILD ?= build
CXX ?= g++

DRIVER_ROOMS := ring xenbus block net
DRIVER_SOURCES := $(foreach room,$(DRIVER_ROOMS),$(wildcard pv-drivers/$(room)/*.cpp))
BACKD_SOURCES := $(wildcard pv-drivers/bin/rf-backd/*.cpp)
DRIVER_TEST_SOURCES := $(foreach room,$(DRIVER_ROOMS) bin,$(wildcard tests/host/pv-drivers/$(room)/*.cpp)) \
                       $(wildcard tests/host/pv-drivers/*.cpp)
# What rf-backd uses of the tools: the doors it serves through, and a client of the store.
BACKD_TOOLS := $(patsubst %,$(BUILD)/dom0/obj/%.o,xen/descriptor xen/event_channels xen/grant_map xen/kernel \
               rpc/store_client store/message store/path)
# What the tests use of the tools, built with their sanitizers.
DRIVER_TEST_DOORS := $(wildcard dom0-tools/xen/*.cpp)

DRIVER_FLAGS := -std=c++23 -O2 -g1 -Wall -Wextra -Wnon-virtual-dtor -Werror -MMD -MP -Ipv-drivers -Idom0-tools -Iguest-abi
DRIVER_SANITIZERS := -O0 -fsanitize=address,undefined -fno-sanitize-recover=undefined
DRIVER_LIBS := -luring -lseccomp

DRIVER_OBJECTS := $(patsubst pv-drivers/%.cpp,$(BUILD)/dom0/drivers.obj/%.o,$(DRIVER_SOURCES))
BACKD_OBJECTS := $(patsubst pv-drivers/%.cpp,$(BUILD)/dom0/drivers.obj/%.o,$(BACKD_SOURCES))
DRIVER_TEST_OBJECTS := $(patsubst %.cpp,$(BUILD)/tests/host_drivers.obj/%.o,$(DRIVER_SOURCES) $(DRIVER_TEST_DOORS) \
                       $(DRIVER_TEST_SOURCES) pv-drivers/bin/rf-backd/reactor.cpp pv-drivers/bin/rf-backd/confinement.cpp)
# Under the system-call filter: sanitizers make calls of their own, so this is the program's own code as it is built for Dom0.
CONFINED_TEST_OBJECTS := $(patsubst %.cpp,$(BUILD)/tests/host_confined.obj/%.o,$(wildcard tests/host/pv-drivers/bin/rf-backd/*.cpp) \
                         tests/host/pv-drivers/fake_guest.cpp)
CONFINED_TESTED := $(filter-out %/main.o %/supervisor.o,$(BACKD_OBJECTS)) $(DRIVER_OBJECTS) $(BACKD_TOOLS)

.PHONY: drivers host-drivers-test
drivers: $(BUILD)/dom0/rf-backd

$(BUILD)/dom0/rf-backd: $(BACKD_OBJECTS) $(DRIVER_OBJECTS) $(BACKD_TOOLS)
	@echo "CXX   $@"; $(CXX) -static-libstdc++ -static-libgcc -Wl,--gc-sections -o $@ $^ $(DRIVER_LIBS)

$(BUILD)/dom0/drivers.obj/%.o: pv-drivers/%.cpp
	@mkdir -p $(@D)
	@echo "CXX   $@"; $(CXX) $(DRIVER_FLAGS) -ffunction-sections -fdata-sections -c $< -o $@

$(BUILD)/tests/host_drivers.obj/%.o: %.cpp
	@mkdir -p $(@D)
	@echo "CXX   $@"; $(CXX) $(DRIVER_FLAGS) $(DRIVER_SANITIZERS) -Itests/host/pv-drivers -c $< -o $@

$(BUILD)/tests/host_drivers: $(DRIVER_TEST_OBJECTS)
	@echo "CXX   $@"; $(CXX) $(DRIVER_SANITIZERS) -o $@ $^ -lgtest -lgtest_main $(DRIVER_LIBS)

$(BUILD)/tests/host_confined.obj/%.o: %.cpp
	@mkdir -p $(@D)
	@echo "CXX   $@"; $(CXX) $(DRIVER_FLAGS) -O0 -Itests/host/pv-drivers -c $< -o $@

$(BUILD)/tests/host_confined: $(CONFINED_TEST_OBJECTS) $(CONFINED_TESTED)
	@echo "CXX   $@"; $(CXX) -o $@ $^ -lgtest -lgtest_main $(DRIVER_LIBS)

host-drivers-test: $(BUILD)/tests/host_drivers $(BUILD)/tests/host_confined
	$(BUILD)/tests/host_drivers --gtest_brief=1
	$(BUILD)/tests/host_confined --gtest_brief=1

-include $(DRIVER_OBJECTS:.o=.d) $(BACKD_OBJECTS:.o=.d) $(DRIVER_TEST_OBJECTS:.o=.d) $(CONFINED_TEST_OBJECTS:.o=.d)
