/* Plays the kernel of macOS, which refuses every option of a socket whose peer has closed. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	struct pollfd peer = { .fd = fd, .events = POLLRDHUP };
	if (poll(&peer, 1, 0) > 0 && (peer.revents & (POLLRDHUP | POLLERR))) {
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_setsockopt, fd, level, name, value, length);
}
