// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fault.c - goes before libc in an agent (LD_PRELOAD) and lets its N-th step fail, once: what it asks of the kernel by netlink,
 * bpf(2), ioctl(2), or of a file system. So every way out of a failure can be walked without a word in the product.
 *
 * The file named by XSLICE_FAULT is shared with the test: it writes which step is to fail (0: none) and whether questions are steps,
 * too, and reads how many there were and which one failed. Reading files and the log are no steps.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct fault {
	uint32_t at;    /* the step that is to fail; 0: none */
	uint32_t count; /* steps since the test set it to 0 */
	uint32_t changes; /* only those that change something are counted */
	char what[52];    /* that failed */
};

static struct fault *shared;

__attribute__((constructor)) static void open_shared(void)
{
	const char *path = getenv("XSLICE_FAULT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mapped != MAP_FAILED)
		shared = mapped;
	if (fd >= 0)
		close(fd);
}

static bool fails(const char *what, long which, bool asks)
{
	if (!shared || !shared->at || (asks && shared->changes) || ++shared->count != shared->at)
		return false;
	snprintf(shared->what, sizeof(shared->what), "%s %ld", what, which);
	errno = ENOBUFS;
	return true;
}

/* Of rtnetlink's messages each third is a question. */
static bool asks(const void *bytes, size_t size)
{
	const struct nlmsghdr *message = bytes;

	return size >= sizeof(*message) && message->nlmsg_len <= size && (message->nlmsg_type & 3) == 2;
}

static bool asks_ethtool(unsigned long request, const void *argument)
{
	const struct ifreq *interface = argument;
	uint32_t command;

	if (request != SIOCETHTOOL)
		return true;
	memcpy(&command, interface->ifr_data, sizeof(command));
	return command != ETHTOOL_SFEATURES;
}

static bool asks_bpf(long command)
{
	static const long changes[] = {
		BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_PROG_LOAD,	BPF_OBJ_PIN,
		BPF_LINK_CREATE, BPF_LINK_UPDATE,    BPF_LINK_DETACH,	  BPF_MAP_UPDATE_BATCH,
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (command == changes[i])
			return false;
	return true;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define MESSAGE_NOBODY_KNOWS 0xffff

/* Several changes in one message: each is a step, and the kernel refuses the one that is to fail and does the others. */
static ssize_t send_many(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t length)
{
	char *copy = malloc(size);
	struct nlmsghdr *message = (struct nlmsghdr *)copy;
	int left = (int)size;
	ssize_t sent;

	if (!copy)
		return REAL(sendto)(fd, bytes, size, flags, to, length);
	memcpy(copy, bytes, size);
	for (; NLMSG_OK(message, (unsigned int)left); message = NLMSG_NEXT(message, left))
		if (fails("change", message->nlmsg_type, asks(message, left)))
			message->nlmsg_type = MESSAGE_NOBODY_KNOWS;
	sent = REAL(sendto)(fd, copy, size, flags, to, length);
	free(copy);
	return sent;
}

static bool is_many(const void *bytes, size_t size)
{
	const struct nlmsghdr *message = bytes;

	return shared && size >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       NLMSG_ALIGN(message->nlmsg_len) + sizeof(*message) <= size;
}

ssize_t sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t length)
{
	if (is_many(bytes, size))
		return send_many(fd, bytes, size, flags, to, length);
	return fails("sendto", size, asks(bytes, size)) ? -1 : REAL(sendto)(fd, bytes, size, flags, to, length);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	return fails("sendmsg", 0, false) ? -1 : REAL(sendmsg)(fd, message, flags);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	return fails("send", size, asks(bytes, size)) ? -1 : REAL(send)(fd, bytes, size, flags);
}

static bool is_file(int fd)
{
	struct stat status;

	return fd > STDERR_FILENO && !fstat(fd, &status) && S_ISREG(status.st_mode);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
	return is_file(fd) && fails("write", size, false) ? -1 : REAL(write)(fd, bytes, size);
}

int fsync(int fd)
{
	return fails("fsync", 0, false) ? -1 : REAL(fsync)(fd);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	return fails("ioctl", (long)request, asks_ethtool(request, argument)) ? -1 : REAL(ioctl)(fd, request, argument);
}

long syscall(long number, ...)
{
	long argument[6];
	va_list arguments;

	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		argument[i] = va_arg(arguments, long);
	va_end(arguments);
	if (number == SYS_bpf && fails("bpf", argument[0], asks_bpf(argument[0])))
		return -1;
	return REAL(syscall)(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	va_end(arguments);
	if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && fails("open", flags, false))
		return -1;
	return REAL(open)(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	va_end(arguments);
	if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && fails("openat", flags, false))
		return -1;
	return REAL(openat)(at, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
	return mode[0] != 'r' && fails("fopen", 0, false) ? NULL : REAL(fopen)(path, mode);
}

int rename(const char *from, const char *to)
{
	return fails("rename", 0, false) ? -1 : REAL(rename)(from, to);
}

int mkdir(const char *path, mode_t mode)
{
	return fails("mkdir", 0, false) ? -1 : REAL(mkdir)(path, mode);
}

int rmdir(const char *path)
{
	return fails("rmdir", 0, false) ? -1 : REAL(rmdir)(path);
}

int unlink(const char *path)
{
	return fails("unlink", 0, false) ? -1 : REAL(unlink)(path);
}

int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
	return fails("mount", 0, false) ? -1 : REAL(mount)(source, target, type, flags, data);
}

int umount2(const char *target, int flags)
{
	return fails("umount2", 0, false) ? -1 : REAL(umount2)(target, flags);
}
