# SPDX-License-Identifier: MIT
# The backends' program, rf-backd, and their host tests. Included by the top Makefile, after dom0-tools/tools.mk.

BUILD ?= build

DRIVER_ROOMS := ring xenbus block net
DRIVER_SOURCES := $(foreach room,$(DRIVER_ROOMS),$(wildcard pv-drivers/$(room)/*.cpp))
BACKD_SOURCES := $(wildcard pv-drivers/bin/rf-backd/*.cpp)
DRIVER_TEST_SOURCES := $(foreach room,$(DRIVER_ROOMS) bin,$(wildcard tests/host/pv-drivers/$(room)/*.cpp)) \
                       $(wildcard tests/host/pv-drivers/*.cpp)
# What rf-backd uses of the tools: the doors it serves through, and a client of the store.
BACKD_TOOLS := $(patsubst %,dom0-tools/%.cpp,xen/descriptor xen/event_channels xen/grant_map xen/kernel \
               rpc/store_client store/message store/path)
# What the tests use of the tools, built with their sanitizers.
DRIVER_TEST_DOORS := $(wildcard dom0-tools/xen/*.cpp)

DRIVER_CXX := $(CXX) -std=c++23 -O2 -g1 -Wall -Wextra -Wnon-virtual-dtor -Werror -Ipv-drivers -Idom0-tools -Iguest-abi
DRIVER_SANITIZERS := -O0 -fsanitize=address,undefined -fno-sanitize-recover=undefined
DRIVER_LIBS := -luring -lseccomp

DRIVER_OUT := $(BUILD)/dom0/drivers.obj
# The program's own entry and its supervisor are not for tests.
BACKD_MAIN_SOURCES := $(filter %/main.cpp %/supervisor.cpp,$(BACKD_SOURCES))
BACKD_PARTS := $(filter-out $(BACKD_MAIN_SOURCES),$(BACKD_SOURCES)) $(DRIVER_SOURCES) $(BACKD_TOOLS)
BACKD_MAIN_OBJECTS := $(BACKD_MAIN_SOURCES:%.cpp=$(DRIVER_OUT)/%.o)
BACKD_OBJECTS := $(call room_objects,$(DRIVER_OUT),$(BACKD_PARTS))
DRIVER_TEST_OUT := $(BUILD)/tests/host_drivers.obj
DRIVER_TESTED := $(DRIVER_SOURCES) $(DRIVER_TEST_DOORS) $(addprefix pv-drivers/bin/rf-backd/,reactor.cpp confinement.cpp)
DRIVER_TEST_OBJECTS := $(call room_objects,$(DRIVER_TEST_OUT),$(DRIVER_TESTED) $(DRIVER_TEST_SOURCES))
# Under the system-call filter: sanitizers make calls of their own, so this is the program's own code as it is built for Dom0.
CONFINED_OUT := $(BUILD)/tests/host_confined.obj
CONFINED_TEST_SOURCES := $(wildcard tests/host/pv-drivers/bin/rf-backd/*.cpp) tests/host/pv-drivers/fake_guest.cpp

.PHONY: drivers host-drivers-test
drivers: $(BUILD)/dom0/rf-backd

$(call compile_rooms,$(DRIVER_OUT),$(BACKD_PARTS),$(DRIVER_CXX) $(DOM0_SPLIT))
$(call compile_rooms,$(DRIVER_TEST_OUT),$(DRIVER_TESTED),$(DRIVER_CXX) $(DRIVER_SANITIZERS))
$(call compile_rooms,$(DRIVER_TEST_OUT),$(DRIVER_TEST_SOURCES),$(DRIVER_CXX) $(DRIVER_SANITIZERS) $(TESTS_UNWATCHED) -Itests/host/pv-drivers)
$(call compile_rooms,$(CONFINED_OUT),$(CONFINED_TEST_SOURCES),$(DRIVER_CXX) -O0 -Itests/host/pv-drivers)

$(BACKD_MAIN_OBJECTS): $(DRIVER_OUT)/%.o: %.cpp
	@mkdir -p $(@D); echo "CXX   $<"
	@$(DRIVER_CXX) $(DOM0_SPLIT) $(DEPENDENCIES) -c $< -o $@

$(BUILD)/dom0/rf-backd: $(BACKD_MAIN_OBJECTS) $(BACKD_OBJECTS)
	@echo "LINK  $@"; $(CXX) $(DOM0_LINK) -o $@ $^ $(DRIVER_LIBS)

$(BUILD)/tests/host_drivers: $(DRIVER_TEST_OBJECTS)
	@echo "LINK  $@"; $(CXX) $(DRIVER_SANITIZERS) -o $@ $^ -lgtest -lgtest_main $(DRIVER_LIBS)

$(BUILD)/tests/host_confined: $(call room_objects,$(CONFINED_OUT),$(CONFINED_TEST_SOURCES)) $(BACKD_OBJECTS)
	@echo "LINK  $@"; $(CXX) -o $@ $^ -lgtest -lgtest_main $(DRIVER_LIBS)

host-drivers-test: $(BUILD)/tests/host_drivers $(BUILD)/tests/host_confined
	$(BUILD)/tests/host_drivers --gtest_brief=1
	$(BUILD)/tests/host_confined --gtest_brief=1

-include $(BACKD_MAIN_OBJECTS:.o=.d)
