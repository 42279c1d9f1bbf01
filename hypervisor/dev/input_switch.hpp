// SPDX-License-Identifier: MIT
#pragma once
/// Who gets what is typed on the serial line: Dom0, or the hypervisor's keys. Pressing the switch key (Ctrl-A) three
/// times in a row changes sides; fewer of them are passed on. Not locked.

#include <cstdint>

namespace rf::dev {

class InputSwitch {
public:
    enum class Side : std::uint8_t { control_domain, hypervisor };

    constexpr InputSwitch() = default;
    /// `letter`: the switch key is Ctrl and this letter.
    void configure(char letter, Side start)
    {
        key_ = static_cast<char>(letter - 'a' + 1);
        side_ = start;
    }
    [[nodiscard]] Side side() const { return side_; }

    /// Takes one typed character. Calls pass(char) for each one to be delivered to side(), and switched() after a change.
    template <class Pass, class Switched>
    void take(char c, Pass pass, Switched switched)
    {
        if (c == key_) {
            if (++held_ < 3)
                return;
            held_ = 0;
            side_ = side_ == Side::hypervisor ? Side::control_domain : Side::hypervisor;
            switched();
            return;
        }
        for (; held_; --held_)
            pass(key_);
        pass(c);
    }

private:
    char key_ = 1;
    Side side_ = Side::control_domain;
    unsigned held_ = 0;
};

} // namespace rf::dev
