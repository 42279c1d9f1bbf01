# SPDX-License-Identifier: MIT
# Protocol models and the program that searches them with SPIN. Included by the top Makefile.
BUILD ?= build

$(BUILD)/tests/models: tests/models/models_test.cpp $(SYSTEM_DRIVER) $(wildcard tests/models/*.pml)
	@mkdir -p $(@D); echo "TEST  $<"
	@$(SYSTEM_CXX) $(SYSTEM_CXXFLAGS) -DRF_SOURCE_DIRECTORY='"$(CURDIR)"' -Itests/system -o $@ $< $(SYSTEM_DRIVER) -lgtest -lgtest_main
