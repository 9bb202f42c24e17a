/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_sort.c - the order in which Go's sort package leaves things.
 *
 * Akash sorts by comparators that leave ties (exposes and endpoints) or
 * contradict themselves (volumes), so the outcome, and with it the hash,
 * depends on which comparisons the algorithm makes. sort.Sort is a
 * pattern-defeating quicksort (Orson Peters, 2015) that inserts up to twelve;
 * sort.SliceStable inserts blocks of twenty and merges them by symmetric
 * comparisons (Kim and Kutzner, 2004).
 */
#include "deploy/akash_go.h"

struct sorter {
	char *items;
	size_t size;
	go_less *less;
};

enum hint { HINT_NONE, HINT_UP, HINT_DOWN };

static bool
less(const struct sorter *s, size_t i, size_t j)
{
	return s->less(s->items + i * s->size, s->items + j * s->size);
}

static void
swap(const struct sorter *s, size_t i, size_t j)
{
	char *a = s->items + i * s->size, *b = s->items + j * s->size;

	for (size_t k = 0; k < s->size; k++) {
		char c = a[k];

		a[k] = b[k];
		b[k] = c;
	}
}

static void
insertion_sort(const struct sorter *s, size_t a, size_t b)
{
	for (size_t i = a + 1; i < b; i++)
		for (size_t j = i; j > a && less(s, j, j - 1); j--)
			swap(s, j, j - 1);
}

/* ------------------------------------------------------------------ */
/* sort.Sort.                                                          */

static void
sift_down(const struct sorter *s, size_t low, size_t high, size_t first)
{
	size_t root = low, child;

	while ((child = 2 * root + 1) < high) {
		if (child + 1 < high && less(s, first + child, first + child + 1))
			child++;
		if (!less(s, first + root, first + child))
			return;
		swap(s, first + root, first + child);
		root = child;
	}
}

static void
heap_sort(const struct sorter *s, size_t a, size_t b)
{
	size_t n = b - a;

	for (size_t i = (n - 1) / 2 + 1; i-- > 0;)
		sift_down(s, i, n, a);
	for (size_t i = n; i-- > 0;) {
		swap(s, a, a + i);
		sift_down(s, 0, i, a);
	}
}

/* Three swaps around the middle, by a fixed generator seeded with the length. */
static void
break_patterns(const struct sorter *s, size_t a, size_t b)
{
	size_t n = b - a, middle = a + n / 4 * 2 - 1, mask = 1;
	uint64_t random = n;

	while (mask <= n)
		mask <<= 1;
	for (size_t i = 0; i < 3; i++) {
		size_t other;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		other = (size_t)random & (mask - 1);
		swap(s, middle - 1 + i, a + (other >= n ? other - n : other));
	}
}

static void
order_two(const struct sorter *s, size_t *a, size_t *b, unsigned *swaps)
{
	if (less(s, *b, *a)) {
		size_t t = *a;

		*a = *b;
		*b = t;
		++*swaps;
	}
}

static size_t
median(const struct sorter *s, size_t a, size_t b, size_t c, unsigned *swaps)
{
	order_two(s, &a, &b, swaps);
	order_two(s, &b, &c, swaps);
	order_two(s, &a, &b, swaps);
	return b;
}

#define NINTHER_MIN 50u
#define SWAPS_MAX   12u

static size_t
choose_pivot(const struct sorter *s, size_t a, size_t b, enum hint *hint)
{
	size_t n = b - a, i = a + n / 4, j = a + n / 4 * 2, k = a + n / 4 * 3;
	unsigned swaps = 0;

	if (n >= NINTHER_MIN) {
		i = median(s, i - 1, i, i + 1, &swaps);
		j = median(s, j - 1, j, j + 1, &swaps);
		k = median(s, k - 1, k, k + 1, &swaps);
	}
	j = median(s, i, j, k, &swaps);
	*hint = swaps == 0 ? HINT_UP : swaps == SWAPS_MAX ? HINT_DOWN : HINT_NONE;
	return j;
}

static void
reverse(const struct sorter *s, size_t a, size_t b)
{
	for (b--; a < b; a++, b--)
		swap(s, a, b);
}

/* Up to five pairs that are out of order may be put right. */
static bool
partial_insertion_sort(const struct sorter *s, size_t a, size_t b)
{
	size_t i = a + 1;

	for (unsigned step = 0; step < 5; step++) {
		while (i < b && !less(s, i, i - 1))
			i++;
		if (i == b)
			return true;
		if (b - a < 50)
			return false;
		swap(s, i, i - 1);
		if (i - a >= 2)
			for (size_t j = i - 1; j >= 1 && less(s, j, j - 1); j--)
				swap(s, j, j - 1);
		if (b - i >= 2)
			for (size_t j = i + 1; j < b && less(s, j, j - 1); j++)
				swap(s, j, j - 1);
	}
	return false;
}

/* What equals the pivot goes first; returns where the rest begins. */
static size_t
partition_equal(const struct sorter *s, size_t a, size_t b, size_t pivot)
{
	size_t i = a + 1, j = b - 1;

	swap(s, a, pivot);
	for (;;) {
		while (i <= j && !less(s, a, i))
			i++;
		while (i <= j && less(s, a, j))
			j--;
		if (i > j)
			return i;
		swap(s, i++, j--);
	}
}

static size_t
partition(const struct sorter *s, size_t a, size_t b, size_t pivot, bool *already)
{
	size_t i = a + 1, j = b - 1;

	swap(s, a, pivot);
	*already = true;
	for (;;) {
		while (i <= j && less(s, i, a))
			i++;
		while (i <= j && !less(s, j, a))
			j--;
		if (i > j)
			break;
		*already = false;
		swap(s, i++, j--);
	}
	swap(s, j, a);
	return j;
}

static void
pdqsort(const struct sorter *s, size_t a, size_t b, unsigned limit)
{
	bool balanced = true, partitioned = true;

	for (;;) {
		size_t n = b - a, pivot, middle;
		enum hint hint;

		if (n <= 12) {
			insertion_sort(s, a, b);
			return;
		}
		if (limit == 0) {
			heap_sort(s, a, b);
			return;
		}
		if (!balanced) {
			break_patterns(s, a, b);
			limit--;
		}
		pivot = choose_pivot(s, a, b, &hint);
		if (hint == HINT_DOWN) {
			reverse(s, a, b);
			pivot = b - 1 - (pivot - a);
			hint = HINT_UP;
		}
		if (balanced && partitioned && hint == HINT_UP && partial_insertion_sort(s, a, b))
			return;
		if (a > 0 && !less(s, a - 1, pivot)) {
			a = partition_equal(s, a, b, pivot);
			continue;
		}
		middle = partition(s, a, b, pivot, &partitioned);
		balanced = MIN(middle - a, b - middle) >= n / 8;
		if (middle - a < b - middle) {
			pdqsort(s, a, middle, limit);
			a = middle + 1;
		} else {
			pdqsort(s, middle + 1, b, limit);
			b = middle;
		}
	}
}

void
go_sort(void *items, size_t count, size_t size, go_less *is_less)
{
	struct sorter s = { items, size, is_less };
	unsigned bits = 0;

	for (size_t n = count; n > 0; n >>= 1)
		bits++;
	if (count > 1)
		pdqsort(&s, 0, count, bits);
}

/* ------------------------------------------------------------------ */
/* sort.SliceStable.                                                   */

static void
swap_range(const struct sorter *s, size_t a, size_t b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		swap(s, a + i, b + i);
}

/* Two neighbouring blocks change places. */
static void
rotate(const struct sorter *s, size_t a, size_t m, size_t b)
{
	size_t i = m - a, j = b - m;

	while (i != j) {
		if (i > j) {
			swap_range(s, m - i, m, j);
			i -= j;
		} else {
			swap_range(s, m - i, m + j - i, i);
			j -= i;
		}
	}
	swap_range(s, m - i, m, i);
}

/* The first of a block goes to its place in the other: a single one is moved
 * up to before what is not less, or down to behind what is not greater. */
static void
merge_one(const struct sorter *s, size_t a, size_t m, size_t b)
{
	bool up = m - a == 1;
	size_t i = up ? m : a, j = up ? b : m;

	while (i < j) {
		size_t h = (i + j) >> 1;

		if (up ? less(s, h, a) : !less(s, m, h))
			i = h + 1;
		else
			j = h;
	}
	if (up)
		for (size_t k = a; k + 1 < i; k++)
			swap(s, k, k + 1);
	else
		for (size_t k = m; k > i; k--)
			swap(s, k, k - 1);
}

static void
sym_merge(const struct sorter *s, size_t a, size_t m, size_t b)
{
	size_t middle = (a + b) >> 1, n = middle + m, start, r, end;

	if (m - a == 1 || b - m == 1) {
		merge_one(s, a, m, b);
		return;
	}
	start = m > middle ? n - b : a;
	r = m > middle ? middle : m;
	while (start < r) {
		size_t c = (start + r) >> 1;

		if (!less(s, n - 1 - c, c))
			start = c + 1;
		else
			r = c;
	}
	end = n - start;
	if (start < m && m < end)
		rotate(s, start, m, end);
	if (a < start && start < middle)
		sym_merge(s, a, start, middle);
	if (middle < end && end < b)
		sym_merge(s, middle, end, b);
}

void
go_sort_stable(void *items, size_t count, size_t size, go_less *is_less)
{
	struct sorter s = { items, size, is_less };
	size_t block = 20, a = 0;

	for (; a + block <= count; a += block)
		insertion_sort(&s, a, a + block);
	insertion_sort(&s, a, count);
	for (; block < count; block *= 2) {
		for (a = 0; a + 2 * block <= count; a += 2 * block)
			sym_merge(&s, a, a + block, a + 2 * block);
		if (a + block < count)
			sym_merge(&s, a, a + block, count);
	}
}
