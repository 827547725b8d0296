// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * heap.c - goes before libc in an agent (LD_PRELOAD) and counts the blocks that it has from malloc(), so that a test sees each one
 * that is forgotten, though a pointer to it is kept, which no sanitizer tells.
 *
 * The file named by XSLICE_HEAP is shared with the test, which reads it. What begins anew counts anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

struct heap {
	int64_t blocks, bytes;
};

/* Until the file is mapped. */
static struct heap early, *shared = &early;

static void count(int64_t blocks, int64_t bytes)
{
	__atomic_add_fetch(&shared->blocks, blocks, __ATOMIC_RELAXED);
	__atomic_add_fetch(&shared->bytes, bytes, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void open_shared(void)
{
	const char *path = getenv("XSLICE_HEAP");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (mapped == MAP_FAILED)
		return;
	shared = mapped;
	*shared = early;
}

static void *taken(void *block)
{
	if (block)
		count(1, (int64_t)malloc_usable_size(block));
	return block;
}

void *malloc(size_t size)
{
	return taken(__libc_malloc(size));
}

void *calloc(size_t number, size_t size)
{
	return taken(__libc_calloc(number, size));
}

void *realloc(void *block, size_t size)
{
	int64_t before = block ? (int64_t)malloc_usable_size(block) : 0;
	void *after = __libc_realloc(block, size);

	if (after)
		count(!block, (int64_t)malloc_usable_size(after) - before);
	else if (block && !size)
		count(-1, -before);
	return after;
}

void *memalign(size_t alignment, size_t size)
{
	return taken(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return taken(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *block = taken(__libc_memalign(alignment, size));

	if (block)
		*out = block;
	return block ? 0 : ENOMEM;
}

void free(void *block)
{
	if (block)
		count(-1, -(int64_t)malloc_usable_size(block));
	__libc_free(block);
}
