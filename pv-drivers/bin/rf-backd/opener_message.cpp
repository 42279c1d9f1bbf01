// SPDX-License-Identifier: MIT
#include "bin/rf-backd/opener_message.hpp"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace rf::backd {
namespace {

/// Room for the descriptors of one message, aligned as the kernel wants it.
union ControlBuffer {
    cmsghdr align;
    char bytes[CMSG_SPACE(max_descriptors * sizeof(int))];
};

}  // namespace

bool send_reply(int socket, const OpenReply& reply, std::span<const int> descriptors)
{
    OpenReply copy = reply;
    iovec part{&copy, sizeof copy};
    ControlBuffer control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof copy);
}

xen::Result<OpenReply> receive_reply(int socket, std::vector<xen::Descriptor>& descriptors)
{
    OpenReply reply;
    iovec part{&reply, sizeof reply};
    ControlBuffer control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    ssize_t count;
    do {
        count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (count < 0 && errno == EINTR);
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); count >= 0 && header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        for (std::size_t i = 0; i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(header) + i * sizeof(int), sizeof number);
            descriptors.emplace_back(xen::Kernel::host(), number);
        }
    }
    if (count != static_cast<ssize_t>(sizeof reply))
        return xen::failure(count < 0 ? errno : EPIPE, "the privileged half of this program is gone");
    reply.text[sizeof reply.text - 1] = '\0';
    return reply;
}

}  // namespace rf::backd
