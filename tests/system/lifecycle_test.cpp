// SPDX-License-Identifier: MIT
// Story: a domain's whole life in our tools' hands, and whatever an operator may do wrong.
//
// A Linux guest with disk and network card is created and watched on its console; it reboots because its operator asks for
// it, because it wants to, and because it crashed, and comes back each time under a new number with disk and card. Others
// crash to be taken away, to be kept for inspection, to be set aside for a successor. Every verb explains itself; every
// answer can be read by a program. Every refusal is one line that says what is wrong and where, and leaves nothing. Before
// and after all of it what domains hold is counted.
#include <gtest/gtest.h>

#include <sstream>

#include "harness/json.hpp"
#include "harness/toolstack_story.hpp"

namespace {

using namespace rf::system;
using namespace std::chrono_literals;

constexpr auto long_limit = 240s;
const std::string crash = "rf.run=sh,-c,echo${IFS}c>/proc/sysrq-trigger";
const std::string web_answers = "wget -q -O - http://10.9.0.2/index.html | grep -q 'Ringfort guest'";

std::vector<GuestDefinition> guests() {
    std::vector<GuestDefinition> all(1);
    all[0] = {.name = "web",
              .memory_mib = 128,
              .command_line = "rf.disk=xvda rf.net=10.9.0.2/24 rf.run=httpd,-h,/mnt",
              .on_crash = "restart",
              .disk = "/images/guest-disk.img",
              .mac = "00:16:3e:00:00:02"};
    for (const std::string action : {"destroy", "preserve", "rename-restart"})
        all.push_back({.name = "crash-" + action, .command_line = crash, .on_crash = action});
    all.push_back({.name = "hello", .memory_mib = 1, .kernel = "/guests/hello", .initrd = ""});
    return all;
}

/// The text between two others, the first one included from its end; "" when there is none.
std::string part(const std::string& text, const std::string& from, const std::string& to) {
    const auto start = text.find(from);
    if (start == std::string::npos) return {};
    const auto begin = start + from.size();
    return text.substr(begin, text.find(to, begin) - begin);
}

/// As roff writes it.
std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) result += c == '-' ? std::string{"\\-"} : std::string{c};
    return result;
}

/// The long options that a help text lists at the beginning of its lines.
std::vector<std::string> options_in(const std::string& help) {
    std::vector<std::string> found;
    std::istringstream lines{part(help, "Options:\n", "Examples:")};
    for (std::string line; std::getline(lines, line);) {
        const auto at = line.find("--");
        if (at != std::string::npos && at < 8) found.push_back(line.substr(at, line.find_first_of(" ,", at) - at));
    }
    EXPECT_FALSE(found.empty()) << help;
    return found;
}

class Lifecycle : public ToolstackStory {
protected:
    void helps_with_every_verb();
    void answers_programs();
    void refuses_bad_definitions();
    void refuses_what_is_not_there();
    void refuses_bad_commands();
    void shows_the_console();
    void comes_back();
    void follows_crash_actions();
    void ends();

    void define(const std::string& name, const std::string& text) { run("cat > /tmp/" + name + ".xml << 'EOF'\n" + text + "EOF"); }
    Json json(const std::string& command) {
        const auto text = run(command);
        auto value = Json::parse(text);
        EXPECT_TRUE(value) << command << " is not JSON: " << text;
        return value ? *value : Json{};
    }
    /// Waits until `name` has another number than `before` and answers on the network; its new number.
    std::string successor(const std::string& name, const std::string& before) {
        wait_until("n=$(rf domid " + name + ") && [ $n != " + before + " ]", 120s);
        wait_until(web_answers, 120s);
        return number_of(name);
    }
};

void Lifecycle::helps_with_every_verb() {
    const auto overview = run("rf --help");
    const auto manual = run("rf --manual");
    const auto completion = run("rf --completion > /tmp/completion; bash -n /tmp/completion && cat /tmp/completion");
    EXPECT_TRUE(manual.starts_with(".TH RF 1"));
    EXPECT_NE(manual.find("rf list \\-o json"), std::string::npos);
    for (const std::string verb : {"list", "create", "console", "shutdown", "reboot", "destroy", "pause", "unpause", "info", "dmesg", "vcpu-list",
                                   "domid", "domname", "debug-keys"}) {
        EXPECT_NE(overview.find("  " + verb + " "), std::string::npos) << verb;
        const auto help = run("rf " + verb + " --help");
        EXPECT_NE(help.find("Examples:\n  rf " + verb), std::string::npos) << help;
        EXPECT_NE(help.find("--help"), std::string::npos) << help;
        // Manual and completion know the verb and each of its options.
        const auto section = part(manual, ".SS rf " + escaped(verb) + "\n", ".SS");
        const auto words = part(completion, "    " + verb + ") words='", "'");
        for (const auto& option : options_in(help)) {
            EXPECT_NE(section.find("\\fB" + escaped(option) + "\\fR"), std::string::npos) << verb << " " << option << ": " << section;
            EXPECT_NE((" " + words + " ").find(" " + option + " "), std::string::npos) << verb << " " << option << ": " << words;
        }
    }
    EXPECT_NE(run("bash -c '. /tmp/completion; COMP_WORDS=(rf domn); COMP_CWORD=1; _rf; echo ${COMPREPLY[*]}'"), "")
        << "completion of a verb";
    EXPECT_EQ(run("bash -c '. /tmp/completion; COMP_WORDS=(rf domid Dom); COMP_CWORD=2; _rf; echo ${COMPREPLY[*]}'"), "Domain-0");
}

void Lifecycle::answers_programs() {
    const auto list = json("rf list -o json");
    EXPECT_EQ(list.at("schema").scalar, "rf/v1");
    EXPECT_EQ(list.at("domains.0.name").scalar, "Domain-0");
    EXPECT_EQ(list.at("domains.1.name").scalar, "web");
    EXPECT_EQ(list.at("domains.1.memory_bytes").scalar, std::to_string(128 << 20));
    EXPECT_EQ(list.at("domains.1.domid").kind, Json::Kind::number);
    EXPECT_EQ(list.at("domains.1.uuid").scalar.size(), 36u);
    EXPECT_EQ(json("rf list -o json web").at("domains").elements.size(), 1u);
    EXPECT_EQ(json("rf info -o json").at("xen_major").scalar, "4");
    EXPECT_EQ(json("rf info -o json").at("nr_cpus").scalar, "2");
    EXPECT_EQ(json("rf vcpu-list -o json web").at("domains.0.vcpus.0.vcpu").scalar, "0");
    EXPECT_EQ(json("rf domid -o json web").at("domid").scalar, number_of("web"));
    EXPECT_EQ(run("rf dmesg -c > /tmp/dmesg; rf debug-keys d; rf dmesg | grep -c -E '(d0v0|d0v1|d1v0): (running|runnable|blocked)'"), "3");
    EXPECT_EQ(json("rf domname -o json " + number_of("web")).at("name").scalar, "web");
    EXPECT_FALSE(json("rf dmesg -o json").at("lines").elements.empty());
}

void Lifecycle::refuses_bad_definitions() {
    const auto head = [](const std::string& rest) { return "<domain type='xen'>\n  <name>bad</name>\n" + rest; };
    const std::string os = "  <os>\n    <type>linux</type>\n    <kernel>/images/vmlinuz</kernel>\n  </os>\n";
    define("torn", head("  <memory>65536</memory>\n"));
    expect_refusal("rf create /tmp/torn.xml", 2, "/tmp/torn.xml:4:");
    define("crossed", head("  <memory>65536</vcpu>\n</domain>\n"));
    expect_refusal("rf create /tmp/crossed.xml", 2, "/tmp/crossed.xml:3:");
    define("word", head("  <memory unit='MiB'>much</memory>\n" + os + "</domain>\n"));
    expect_refusal("rf create /tmp/word.xml", 2, "/tmp/word.xml:3:");
    expect_refusal("rf create /tmp/word.xml", 2, "<memory>");
    define("action", head("  <memory unit='MiB'>64</memory>\n" + os + "  <on_crash>explode</on_crash>\n</domain>\n"));
    expect_refusal("rf create /tmp/action.xml", 2, "/tmp/action.xml:8:");
    expect_refusal("rf create /tmp/action.xml", 2, "<on_crash>");
    define("nameless", "<domain type='xen'>\n  <memory unit='MiB'>64</memory>\n" + os + "</domain>\n");
    expect_refusal("rf create /tmp/nameless.xml", 2, "<name>");
    define("kvm", "<domain type='kvm'>\n  <name>bad</name>\n  <memory unit='MiB'>64</memory>\n" + os + "</domain>\n");
    expect_refusal("rf create /tmp/kvm.xml", 2, "/tmp/kvm.xml:1:");
    define("odd", head("  <memory unit='MiB'>64</memory>\n" + os + "  <colour>red</colour>\n</domain>\n"));
    expect_refusal("rf create --strict -N /tmp/odd.xml", 2, "<colour>");
    EXPECT_NE(run("rf create -N /tmp/odd.xml 2>&1").find("warning: /tmp/odd.xml:8:"), std::string::npos);
}

void Lifecycle::refuses_what_is_not_there() {
    GuestDefinition guest{.name = "bad", .memory_mib = 64};
    const auto refused = [&](const GuestDefinition& wanted, int status, const std::string& message) {
        define("bad", xml_of(wanted));
        expect_refusal("rf create /tmp/bad.xml", status, message);
    };
    auto bad = guest;
    bad.kernel = "/images/nothing";
    refused(bad, 3, "rf: error: cannot read the kernel /images/nothing: No such file or directory");
    bad.kernel = "/etc/passwd";
    refused(bad, 2, "rf: error: kernel /etc/passwd: neither a Linux bzImage nor an ELF file");
    bad.kernel = "/bin/busybox";
    refused(bad, 2, "rf: error: kernel /bin/busybox: not a PV kernel");
    bad = guest;
    bad.initrd = "/images/nothing";
    refused(bad, 3, "rf: error: cannot read the initrd /images/nothing: No such file or directory");
    bad = guest;
    bad.disk = "/images/nothing.img";
    refused(bad, 3, "<disk>: disk xvda, /images/nothing.img: No such file or directory");
    bad.disk = "/images";
    refused(bad, 2, "/images: not a regular file: use type='block' for a block device");
    bad.disk = "/images/guest-disk.img";
    refused(bad, 4, "/images/guest-disk.img: in use by another domain or program");
    bad = guest;
    bad.mac = "00:16:3e:00:00:09";
    define("bad", xml_of(bad));
    run("sed -i s/br0/br7/ /tmp/bad.xml");
    expect_refusal("rf create /tmp/bad.xml", 3, "<interface>: bridge br7 does not exist (ip link add br7 type bridge)");
    bad = guest;
    bad.memory_mib = 16;
    refused(bad, 2, "<memory> is too small: kernel, initrd and page tables take");
    bad.memory_mib = 9000;
    refused(bad, 6, "not enough memory for domain 'bad': 9002 MiB needed, ");
    refused(bad, 6, "free; held by Domain-0 1024 MiB, web 128 MiB.");
    bad.name = "web";
    bad.memory_mib = 64;
    refused(bad, 4, "is already called 'web': destroy it, or choose another <name>");
}

void Lifecycle::refuses_bad_commands() {
    expect_refusal("rf frobnicate", 2, "there is no command 'frobnicate': rf --help lists them");
    expect_refusal("rf d", 2, "'d' is short for several commands:");
    expect_refusal("rf list --colour", 2, "(rf list --help)");
    expect_refusal("rf list -o yaml", 2, "(rf list --help)");
    expect_refusal("rf destroy", 2, "(rf destroy --help)");
    expect_refusal("rf create /tmp/no-such-file.xml", 3, "cannot read /tmp/no-such-file.xml: No such file or directory");
    for (const std::string verb : {"list", "destroy", "pause", "unpause", "console", "shutdown", "reboot", "domid", "domname", "vcpu-list"})
        expect_refusal("rf " + verb + " nobody", 3, "rf: error: Domain 'nobody' does not exist (rf list shows those that do)");
    expect_refusal("rf domname 4711", 3, "Domain '4711' does not exist");
    expect_refusal("rf destroy 0", 4, "Domain-0 cannot be destroyed");
    expect_refusal("rf pause Domain-0", 4, "Domain-0 cannot be paused");
    expect_refusal("rf shutdown Domain-0", 4, "Domain-0 is this machine itself");
}

void Lifecycle::shows_the_console() {
    run("terminal open rf create -c /etc/ringfort/web.xml");
    run("terminal wait 'rf: guest web up' 120", long_limit);
    run("terminal type 'echo out-$((6*7))\\r'");
    run("terminal wait out-42");
    run("terminal type '\\035'");
    run("terminal close");
    // Leaving the console leaves the domain, and coming back works.
    run("terminal open rf console web");
    run("terminal type 'echo again-$((6*7))\\r'");
    run("terminal wait again-42");
    run("terminal type '\\035'");
    run("terminal close");
    EXPECT_NE(run("cat /var/log/ringfort/console/web.log").find("out-42"), std::string::npos);
}

void Lifecycle::comes_back() {
    wait_until(web_answers);
    auto number = number_of("web");
    run("rf reboot --wait --timeout 60 web", long_limit);
    number = successor("web", number);

    run("terminal open rf console web");
    run("terminal type 'echo kept-$((1+1)) > /mnt/kept; /sbin/reboot\\r'");
    // The console ends with the domain.
    run("terminal close 60", long_limit);
    number = successor("web", number);
    EXPECT_EQ(run("wget -q -O - http://10.9.0.2/kept"), "kept-2");

    run("terminal open rf console web");
    run("terminal type 'echo c > /proc/sysrq-trigger\\r'");
    run("terminal close 60", long_limit);
    successor("web", number);
    EXPECT_EQ(run("wget -q -O - http://10.9.0.2/kept"), "kept-2");
    run("rf pause web");
    EXPECT_EQ(json("rf list -o json web").at("domains.0.state").scalar, "paused");
    run("rf unpause web");
    wait_until(web_answers);
}

void Lifecycle::follows_crash_actions() {
    run("for a in destroy preserve rename-restart; do rf create /etc/ringfort/crash-$a.xml || exit 1; done", long_limit);
    wait_until("! rf domid crash-destroy", 120s);
    wait_until("rf list crash-preserve | grep -q -- '---sc-'", 120s);
    EXPECT_EQ(json("rf list -o json crash-preserve").at("domains.0.state").scalar, "crashed");
    EXPECT_EQ(json("rf list -o json crash-preserve").at("domains.0.shutdown_reason").scalar, "crash");
    run("rf destroy crash-preserve");
    // The crashed one is set aside under another name, its successor has its own.
    wait_until("rf list crash-rename-restart-1 | grep -q -- '---sc-' && rf domid crash-rename-restart", 120s);
    EXPECT_NE(number_of("crash-rename-restart-1"), number_of("crash-rename-restart"));
    run("rf destroy crash-rename-restart");
    run("for d in $(rf list | sed -n 's/^\\(crash-[^ ]*\\) .*/\\1/p'); do rf destroy $d; done");
}

void Lifecycle::ends() {
    run("rf create /etc/ringfort/hello.xml");
    wait_until("! rf domid hello", 60s);  // it powers off by itself
    EXPECT_NE(run("cat /var/log/ringfort/console/hello.log").find("Goodbye"), std::string::npos);
    run("rf shutdown --wait web", long_limit);
    expect_refusal("rf domid web", 3, "does not exist");
    run("rf create -p /etc/ringfort/web.xml", long_limit);
    EXPECT_EQ(json("rf list -o json web").at("domains.0.state").scalar, "paused");
    expect_refusal("rf shutdown web", 4, "is paused and cannot act: rf unpause it first, or rf destroy it");
    // What Dom0's kernel notes about a device stays as long as its domain does.
    const std::string reports = "/local/domain/0/error/backend/vbd/";
    run("for id in 9999 $(rf domid web); do xenstore-write " + reports + "$id/51712/error '2 cannot'; done");
    wait_until("! xenstore-exists " + reports + "9999");
    run("xenstore-exists " + reports + "$(rf domid web)/51712/error && rf destroy web");
    wait_until("! xenstore-exists /local/domain/0/error");
}

TEST_F(Lifecycle, FromCreationToTheLastTrace) {
    MachineOptions options;
    options.name = "lifecycle";
    options.wall_clock_limit = 1200s;
    ASSERT_NO_FATAL_FAILURE(boot_with_our_tools(options, guests()));
    const auto before = leftovers();

    helps_with_every_verb();
    shows_the_console();
    answers_programs();
    const auto running = leftovers();
    refuses_bad_definitions();
    refuses_what_is_not_there();
    refuses_bad_commands();
    EXPECT_EQ(leftovers(), running) << "a refusal left something behind";
    comes_back();
    follows_crash_actions();
    ends();
    expect_nothing_left(before, 16);
    STEP(machine().power_off());
    expect_healthy_log();
}

}  // namespace
