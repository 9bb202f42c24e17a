/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/spread.h"

#include <assert.h>

typedef __int128 i128;

/* What is minimised, in this order; a missing cell costs more than any sum. */
struct cost {
	i128 eff, lots;
};
#define MISSING ((i128)1 << 112)

static struct cost
plus(struct cost a, struct cost b)
{
	return (struct cost){ a.eff + b.eff, a.lots + b.lots };
}

static struct cost
minus(struct cost a, struct cost b)
{
	return (struct cost){ a.eff - b.eff, a.lots - b.lots };
}

static bool
less(struct cost a, struct cost b)
{
	return a.eff != b.eff ? a.eff < b.eff : a.lots < b.lots;
}

static bool
same(struct cost a, struct cost b)
{
	return a.eff == b.eff && a.lots == b.lots;
}

/* Rows by columns; owned by spread_assign(). */
struct matrix {
	const struct tick_order *order;
	const struct spread_row *rows;
	size_t row_count, column_count;
	const struct entry **columns; /* one entry that names each column, in order */
	struct entry **cells;	      /* the best of each row and column, or NULL */
	/* the solver's */
	struct cost *u, *v, *least;
	struct cost first_u[TICK_ROWS_MAX + 1], *first_v;
	size_t *row_of, *way;
	bool *banned, *done;
};

static struct cost
cell_cost(const struct matrix *m, size_t row, size_t column)
{
	struct entry *e = m->cells[row * m->column_count + column];

	if (e == NULL)
		return (struct cost){ MISSING, 0 };
	return (struct cost){ (i128)e->key, (i128)entry_lot(m->order, e) };
}

/* ------------------------------------------------------------------ */
/* Columns.                                                            */

static int
compare_columns(const void *left, const void *right, void *kind)
{
	const struct entry *a = *(const struct entry *const *)left;
	const struct entry *b = *(const struct entry *const *)right;
	int by_owner;

	if (*(enum tick_spread *)kind == SPREAD_REGION)
		return strcmp(a->region, b->region);
	by_owner = memcmp(a->owner->b, b->owner->b, sizeof(a->owner->b));
	if (by_owner != 0 || *(enum tick_spread *)kind == SPREAD_OWNER)
		return by_owner;
	return memcmp(a->provider->b, b->provider->b, sizeof(a->provider->b));
}

static bool
takes_part(const struct entry *e)
{
	return e->sets_prices && e->fits;
}

static void
find_columns(struct matrix *m)
{
	enum tick_spread kind = m->order->spread;
	size_t n = 0, kept = 0;

	for (size_t r = 0; r < m->row_count; r++)
		for (size_t i = 0; i < m->rows[r].count; i++)
			if (takes_part(&m->rows[r].entries[i]))
				m->columns[n++] = &m->rows[r].entries[i];
	qsort_r(m->columns, n, sizeof(*m->columns), compare_columns, &kind);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || compare_columns(&m->columns[kept - 1], &m->columns[i], &kind) != 0)
			m->columns[kept++] = m->columns[i];
	m->column_count = kept;
}

static size_t
column_of(const struct matrix *m, const struct entry *e)
{
	enum tick_spread kind = m->order->spread;
	size_t low = 0, high = m->column_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int c = compare_columns(&m->columns[middle], &e, &kind);

		if (c == 0)
			return middle;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	assert(false);
	return 0;
}

static void
fill_cells(struct matrix *m, const struct address *without)
{
	memset(m->cells, 0, m->row_count * m->column_count * sizeof(*m->cells));
	for (size_t r = 0; r < m->row_count; r++)
		for (size_t i = 0; i < m->rows[r].count; i++) {
			struct entry *e = &m->rows[r].entries[i], **cell;

			if (!takes_part(e) || (without != NULL && address_equal(e->owner, without)))
				continue;
			cell = &m->cells[r * m->column_count + column_of(m, e)];
			if (*cell == NULL || entry_before(m->order, e, *cell))
				*cell = e;
		}
}

/* ------------------------------------------------------------------ */
/* The cheapest assignment: shortest augmenting paths with potentials.  */

/* Gives row `row` a column, moving earlier rows where that is cheaper. Rows and
 * columns are counted from 1 in u, v and row_of; column 0 is where the path begins. */
static void
augment(struct matrix *m, size_t row)
{
	const struct cost far = { MISSING * 32, 0 };
	size_t at = 0;

	m->row_of[0] = row;
	for (size_t c = 0; c <= m->column_count; c++) {
		m->least[c] = far;
		m->done[c] = false;
	}
	do {
		size_t from = m->row_of[at], next = 0;
		struct cost step = far;

		m->done[at] = true;
		for (size_t c = 1; c <= m->column_count; c++) {
			struct cost reduced;

			if (m->done[c] || m->banned[c - 1])
				continue;
			reduced = minus(minus(cell_cost(m, from - 1, c - 1), m->u[from]), m->v[c]);
			if (less(reduced, m->least[c])) {
				m->least[c] = reduced;
				m->way[c] = at;
			}
			if (next == 0 || less(m->least[c], step)) {
				step = m->least[c];
				next = c;
			}
		}
		for (size_t c = 0; c <= m->column_count; c++) {
			if (m->done[c]) {
				m->u[m->row_of[c]] = plus(m->u[m->row_of[c]], step);
				m->v[c] = minus(m->v[c], step);
			} else {
				m->least[c] = minus(m->least[c], step);
			}
		}
		at = next;
	} while (m->row_of[at] != 0);
	for (; at != 0; at = m->way[at])
		m->row_of[at] = m->row_of[m->way[at]];
}

/* Rows from `first` on, on columns that are not banned: the least sum, and the
 * column of each row. */
static bool
solve(struct matrix *m, size_t first, size_t *columns, struct cost *sum)
{
	size_t open = 0;

	for (size_t c = 0; c < m->column_count; c++)
		open += !m->banned[c];
	if (open < m->row_count - first)
		return false;
	memset(m->u, 0, (m->row_count + 1) * sizeof(*m->u));
	memset(m->v, 0, (m->column_count + 1) * sizeof(*m->v));
	memset(m->row_of, 0, (m->column_count + 1) * sizeof(*m->row_of));
	for (size_t r = first; r < m->row_count; r++)
		augment(m, r + 1);
	*sum = (struct cost){ 0, 0 };
	for (size_t c = 1; c <= m->column_count; c++) {
		if (m->row_of[c] == 0)
			continue;
		columns[m->row_of[c] - 1] = c - 1;
		*sum = plus(*sum, cell_cost(m, m->row_of[c] - 1, c - 1));
	}
	return sum->eff < MISSING;
}

/* Among all assignments of the same cost the first: row by row, the lowest column
 * that still allows it. After solve() only cells without reduced cost can. */
static void
first_of_equals(struct matrix *m, size_t *columns)
{
	size_t other[TICK_ROWS_MAX] = { 0 };
	struct cost rest = { 0, 0 };

	memcpy(m->first_u, m->u, (m->row_count + 1) * sizeof(*m->u));
	memcpy(m->first_v, m->v, (m->column_count + 1) * sizeof(*m->v));
	for (size_t r = 0; r < m->row_count; r++) {
		struct cost want = { 0, 0 };

		for (size_t k = r; k < m->row_count; k++)
			want = plus(want, cell_cost(m, k, columns[k]));
		for (size_t c = 0; c < columns[r]; c++) {
			struct cost cell = cell_cost(m, r, c);

			if (m->banned[c] || !same(cell, plus(m->first_u[r + 1], m->first_v[c + 1])))
				continue;
			m->banned[c] = true;
			if (solve(m, r + 1, other, &rest) && same(plus(cell, rest), want)) {
				columns[r] = c;
				memcpy(columns + r + 1, other + r + 1,
				       (m->row_count - r - 1) * sizeof(*columns));
			}
			m->banned[c] = false;
		}
		m->banned[columns[r]] = true;
	}
	memset(m->banned, 0, m->column_count * sizeof(*m->banned));
}

/* ------------------------------------------------------------------ */

static void
matrix_init(struct matrix *m, struct arena *a, const struct tick_order *o,
	    const struct spread_row *rows, size_t count)
{
	size_t n = 0;

	*m = (struct matrix){ .order = o, .rows = rows, .row_count = count };
	for (size_t r = 0; r < count; r++)
		n += rows[r].count;
	m->columns = arena_alloc(a, (n + 1) * sizeof(const struct entry *));
	find_columns(m);
	n = m->column_count + 1;
	m->cells = arena_alloc(a, count * n * sizeof(*m->cells));
	m->u = arena_alloc(a, (count + 1) * sizeof(*m->u));
	m->v = arena_alloc(a, n * sizeof(*m->v));
	m->first_v = arena_alloc(a, n * sizeof(*m->first_v));
	m->least = arena_alloc(a, n * sizeof(*m->least));
	m->row_of = arena_alloc(a, n * sizeof(*m->row_of));
	m->way = arena_alloc(a, n * sizeof(*m->way));
	m->banned = arena_alloc(a, n * sizeof(*m->banned));
	m->done = arena_alloc(a, n * sizeof(*m->done));
}

static struct rate
price_of(struct matrix *m, const struct entry *w, u128 cost)
{
	size_t columns[TICK_ROWS_MAX] = { 0 };
	struct rate p = w->list;
	struct cost other = { 0, 0 };

	fill_cells(m, w->owner);
	if (solve(m, 0, columns, &other)) {
		u128 bound = ((u128)other.eff - (cost - w->key)) * 10000 / w->weight;

		p.nano = MIN(p.nano, bound);
	}
	p.nano = MAX(p.nano, w->floor.nano);
	return p;
}

bool
spread_assign(const struct tick_order *o, const struct spread_row *rows, size_t count,
	      struct spread_award *out)
{
	size_t columns[TICK_ROWS_MAX] = { 0 };
	struct arena a;
	struct matrix m;
	struct cost sum = { 0, 0 };
	bool found;

	assert(count <= TICK_ROWS_MAX);
	arena_init(&a, 0);
	matrix_init(&m, &a, o, rows, count);
	fill_cells(&m, NULL);
	found = solve(&m, 0, columns, &sum);
	if (found) {
		first_of_equals(&m, columns);
		out->cost = (u128)sum.eff;
		for (size_t r = 0; r < count; r++)
			out->winner[r] = m.cells[r * m.column_count + columns[r]];
		for (size_t r = 0; r < count; r++)
			out->price[r] = price_of(&m, out->winner[r], out->cost);
	}
	arena_release(&a);
	return found;
}
