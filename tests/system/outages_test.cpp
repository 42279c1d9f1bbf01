// SPDX-License-Identifier: MIT
// Story: the store and the backends die hundreds of times while everybody works, and nothing is lost.
//
// A Linux guest writes patterns past all caches to a bare disk and compares them, fetches files over TCP, keeps them in a file
// system and reads them back, and writes, removes and watches nodes in the store through its kernel's ring; a client in Dom0 does
// so, too, over the socket. Meanwhile the store is killed again and again at random moments, then the guest's backends. After
// each death all of this must go on; in the end no block was wrong, no file, no acknowledged value, and no watch was silent.
//
// RF_OUTAGES says how often each is killed, RF_OUTAGES_OF names only one: store, backends.
#include <gtest/gtest.h>

#include <cstdlib>

#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr int usual_outages = 25;

int outages() {
    const char* const text = std::getenv("RF_OUTAGES");
    return text ? std::atoi(text) : usual_outages;
}

/// Dom0's overlay: the scripts, the loads, and the guest's disk with what the guest runs.
Result<std::filesystem::path> lay_work() {
    namespace fs = std::filesystem;
    const auto work = build_directory() / "run/outages.files";
    const auto loads = build_directory() / "tests/survival";
    std::error_code error;
    fs::remove_all(work, error);
    fs::create_directories(work / "overlay/usr/bin", error);
    fs::create_directories(work / "overlay/images", error);
    fs::create_directories(work / "disk", error);
    fs::copy_file(source_directory() / "tests/system/survival/file-load", work / "disk/file-load", error);
    for (const auto* name : {"store-load", "block-load"}) fs::copy_file(loads / name, work / "disk" / name, error);
    fs::copy_file(loads / "store-load", work / "overlay/usr/bin/store-load", error);
    if (!error) fs::copy_file("/sbin/e2fsck", work / "overlay/usr/bin/e2fsck", error);
    if (error) return std::unexpected(Failure{"cannot lay " + work.string() + ": " + error.message()});
    const auto image = work / "worker.img";
    if (auto made = run_program({source_directory() / "tests/images/make-disk", image, "32M", work / "disk"}); !made) return std::unexpected(made.error());
    if (auto packed = run_program({"gzip", "-1", image}); !packed) return std::unexpected(packed.error());
    fs::rename(image.string() + ".gz", work / "overlay/images/worker.img.gz", error);
    return work / "overlay";
}

class Outages : public ToolstackStory {
protected:
    void boot_with_a_worker() {
        const auto overlay = lay_work();
        ASSERT_TRUE(overlay) << overlay.error().message;
        MachineOptions options;
        options.name = "outages";
        options.cpus = 1;
        options.wall_clock_limit = 1500s + outages() * 40s;
        options.overlays = {source_directory() / "tests/system/survival/dom0", *overlay};
        ASSERT_NO_FATAL_FAILURE(boot_with_our_tools(options, {}));
        run("supervise; mkdir /tmp/www; dd if=/dev/urandom of=/tmp/www/blob bs=64k count=4 2> /dev/null; httpd -p 10.9.0.1:80 -h /tmp/www");
        run("zcat /images/worker.img.gz > /tmp/worker.img; dd if=/dev/zero of=/tmp/blocks.img bs=1M count=16 2> /dev/null");
        wait_until("[ -s /run/rf-stored.pid ] && [ -s /run/rf-consoled.pid ] && [ -s /run/rfd.pid ]");
        checksum_ = run("sha256sum /tmp/www/blob | cut -d ' ' -f 1");
    }
    void type(const std::string& line) { run("printf '%s\\n\\035' " + line + " | rf console worker > /dev/null"); }
    void start_work() {
        run("rf create /etc/ringfort/worker.xml", 240s);
        wait_for_line("worker", "guest worker up");
        type("'/mnt/file-load http://10.9.0.1/blob " + checksum_ + " > /dev/hvc0 2>&1 &'");
        type("'/mnt/block-load /dev/xvdb > /dev/hvc0 2>&1 &'");
        type("'/mnt/store-load /dev/xen/xenbus data > /dev/hvc0 2>&1 &'");
        run("setsid store-load /run/xenstored/socket /tool/load > /tmp/store-load 2>&1 < /dev/null &");
        for (const auto* load : {"block-load: done", "store-load: done", "file-load: done 1 wrong 0"}) wait_for_line("worker", load);
        wait_until("grep -q done /tmp/store-load");
    }
    /// Kills `whom` and shows the figures.
    void let_die(const std::string& whom) {
        auto said = run("outages " + whom + " " + std::to_string(outages()), 300s + outages() * 30s);
        said = said.substr(said.rfind('\n') + 1);
        std::printf("%s\n", said.c_str());
        std::fflush(stdout);
        RecordProperty(whom, said);
    }
    void expect_no_complaint(const std::string& file, const std::string& load) {
        const auto end = run("grep '" + load + "' " + file + " | tail -n 1 | tr -d '\\r' | sed 's/.*" + load + ": //'");
        std::printf("%s: %s\n", load.c_str(), end.c_str());
        EXPECT_EQ(run("cat " + file + "* | grep '" + load + ": ' | grep -v -e ' lost 0 silent 0 failed 0' -e ' wrong 0' | head -n 5"), "");
    }
    std::string checksum_;
};

TEST_F(Outages, OfStoreAndBackendsLoseNothing) {
    ASSERT_NO_FATAL_FAILURE(boot_with_a_worker());
    ASSERT_NO_FATAL_FAILURE(start_work());
    ASSERT_FALSE(HasFailure());
    const char* const only = std::getenv("RF_OUTAGES_OF");
    for (const std::string whom : {"store", "backends"})
        if (!only || whom == only) let_die(whom);
    expect_no_complaint("/tmp/store-load", "store-load");
    expect_no_complaint(console_log("worker"), "store-load");

    type("'touch /tmp/stop /tmp/stop-block; killall store-load'");
    wait_for_line("worker", "block-load: ended");
    wait_for_line("worker", "file-load: ended");
    expect_no_complaint(console_log("worker"), "block-load");
    expect_no_complaint(console_log("worker"), "file-load");
    if (HasFailure()) std::printf("%s\n", run("tail -n 100 /var/log/ringfort/rfd.log").c_str());
    type("'umount /mnt'");
    run("rf shutdown worker", 120s);
    wait_until("! rf domid worker");
    const auto checked = machine().run("e2fsck -fn /tmp/worker.img", 120s);
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_EQ(checked->status, 0) << checked->output;
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
