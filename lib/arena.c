/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <sys/mman.h>

#define BLOCK_MIN 4096
/* An arena that has become so large goes on in huge pages, where the kernel has them:
 * to be given memory by the 4 KiB costs more than most of what is done with it. */
#define HUGE_FROM ((size_t)1024 * 1024)
#define HUGE_PAGE ((size_t)2 * 1024 * 1024)
#define ALIGN	  _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t size; /* of data */
	size_t used;
	size_t mapped; /* bytes, when it is of huge pages */
	_Alignas(max_align_t) unsigned char data[];
};

struct arena_hook {
	struct arena_hook *next;
	void (*fn)(void *arg);
	void *arg;
};

/* Zeroed, on a boundary of huge pages; NULL: there are none. */
static struct arena_block *
huge_block(size_t n)
{
	size_t size = (n + sizeof(struct arena_block) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	uint8_t *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before = HUGE_PAGE - (uintptr_t)p % HUGE_PAGE;
	struct arena_block *b;

	if (p == MAP_FAILED)
		return NULL;
	munmap(p, before);
	if (before < HUGE_PAGE)
		munmap(p + before + size, HUGE_PAGE - before);
	b = (void *)(p + before);
	madvise(b, size, MADV_HUGEPAGE); /* not to be had: small pages do as well */
	b->mapped = size;
	b->size = size - sizeof(*b);
	return b;
}

static void
block_free(struct arena_block *b)
{
	if (b->mapped != 0)
		munmap(b, b->mapped);
	else
		free(b);
}

void
arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
	struct arena_hook *hook = ARENA_NEW(a, struct arena_hook);

	*hook = (struct arena_hook){ a->hooks, fn, arg };
	a->hooks = hook;
}

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

void
arena_release(struct arena *a)
{
	struct arena_block *next;

	for (struct arena_hook *hook = a->hooks; hook != NULL; hook = hook->next)
		hook->fn(hook->arg);
	for (struct arena_block *b = a->blocks; b != NULL; b = next) {
		next = b->next;
		block_free(b);
	}
	arena_init(a, a->max);
}

static struct arena_block *
arena_block_for(struct arena *a, size_t n)
{
	struct arena_block *b = a->blocks;
	size_t size;

	if (b != NULL && b->size - b->used >= n)
		return b;
	size = MAX(n, (size_t)BLOCK_MIN);
	if (b != NULL && n <= BLOCK_MIN)
		size = MIN(b->size * 2, (size_t)256 * 1024);
	size = MAX(size, n);
	b = a->used >= HUGE_FROM ? huge_block(n) : NULL;
	if (b == NULL) {
		b = xcalloc(1, sizeof(*b) + size);
		b->size = size;
	}
	b->next = a->blocks;
	a->blocks = b;
	return b;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b;
	void *p;

	n = (n + ALIGN - 1) / ALIGN * ALIGN;
	if (a->max != 0 && a->used + n > a->max)
		a->over = true;
	b = arena_block_for(a, n);
	p = b->data + b->used;
	b->used += n;
	a->used += n;
	return p;
}

void *
arena_copy(struct arena *a, const void *p, size_t n)
{
	void *copy = arena_alloc(a, n != 0 ? n : 1);

	if (n != 0)
		memcpy(copy, p, n);
	return copy;
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (n != 0)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		fatal("bad format %s", fmt);
	s = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void *
arena_grow(struct arena *a, void *items, size_t count, size_t size)
{
	void *bigger;

	if (count != 0 && (count < 8 || (count & (count - 1)) != 0))
		return items;
	if (count == 0)
		return arena_alloc(a, 8 * size);
	bigger = arena_alloc(a, 2 * count * size);
	memcpy(bigger, items, count * size);
	return bigger;
}
