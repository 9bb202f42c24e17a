/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/e2e/images/tarball.h"

#include <archive.h>
#include <archive_entry.h>

void
tar_bytes(struct tarball *t, const void *data, size_t len)
{
	if (t->len + len > t->size) {
		t->size = MAX(t->size * 2, t->len + len + 65536);
		t->b = xrealloc(t->b, t->size);
	}
	if (data != NULL)
		memcpy(t->b + t->len, data, len);
	else
		memset(t->b + t->len, 0, len);
	t->len += len;
}

/* Octal when it fits, else the binary form of GNU and star. */
static void
number_put(uint8_t *at, size_t len, int64_t v)
{
	char text[32];

	if (v >= 0 && v < INT64_C(1) << (3 * (len - 1))) {
		snprintf(text, sizeof(text), "%0*llo", (int)len - 1, (unsigned long long)v);
		memcpy(at, text, len);
		return;
	}
	for (size_t i = len; i-- > 0; v >>= 8)
		at[i] = (uint8_t)v;
	at[0] = v < 0 ? 0xff : 0x80;
}

static void
sum_put(uint8_t *h)
{
	unsigned sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
}

void
tar_add(struct tarball *t, const struct tar_entry *e)
{
	uint8_t h[512] = { 0 };
	char type = e->type != 0 ? e->type : '0', *pax = t->pax;

	if (pax != NULL) {
		t->pax = NULL;
		TAR(t, .name = "pax", .type = 'x', .data = pax, .len = t->pax_len);
		free(pax);
		t->pax_len = 0;
	}
	if (e->name != NULL)
		memcpy(h, e->name, MIN(strlen(e->name), (size_t)100));
	number_put(h + 100, 8, e->mode != 0 ? e->mode : type == '5' ? 0755 : 0644);
	number_put(h + 108, 8, e->uid);
	number_put(h + 116, 8, 0);
	number_put(h + 124, 12, e->size_is_set ? e->size : (int64_t)e->len);
	number_put(h + 136, 12, e->mtime);
	h[156] = (uint8_t)type;
	if (e->link != NULL)
		memcpy(h + 157, e->link, MIN(strlen(e->link), (size_t)100));
	memcpy(h + 257, type == 'S' ? "ustar  " : "ustar\00000", 8);
	number_put(h + 329, 8, e->major);
	number_put(h + 337, 8, e->minor);
	if (type == 'S') { /* one piece of nothing at the end */
		number_put(h + 386, 12, (int64_t)e->sparse);
		number_put(h + 398, 12, 0);
		number_put(h + 483, 12, (int64_t)e->sparse);
	}
	sum_put(h);
	tar_bytes(t, h, sizeof(h));
	tar_bytes(t, e->data, e->len);
	tar_bytes(t, NULL, (512 - e->len % 512) % 512);
}

void
tar_pax(struct tarball *t, const char *key, const void *value, size_t len)
{
	size_t rest = strlen(key) + len + 3, total = rest + 1;
	char number[24];
	int n;

	/* The length counts its own digits. */
	while (rest + (size_t)snprintf(number, sizeof(number), "%zu", total) != total)
		total = rest + strlen(number);
	t->pax = xrealloc(t->pax, t->pax_len + total + 1);
	n = snprintf(t->pax + t->pax_len, total, "%s %s=", number, key);
	memcpy(t->pax + t->pax_len + n, value, len);
	t->pax[t->pax_len + total - 1] = '\n';
	t->pax_len += total;
}

void
tar_end(struct tarball *t)
{
	tar_bytes(t, NULL, 1024);
}

void
tar_free(struct tarball *t)
{
	free(t->b);
	*t = (struct tarball){ .len = 0 };
}

static la_ssize_t
pack_write(struct archive *a, void *ctx, const void *data, size_t len)
{
	(void)a;
	tar_bytes(ctx, data, len);
	return (la_ssize_t)len;
}

void
tar_pack(const struct tarball *t, char filter, struct tarball *out)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();

	*out = (struct tarball){ .len = 0 };
	if (filter == 'g') {
		archive_write_add_filter_gzip(a);
		/* The same bytes give the same blob, whatever the time. */
		archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
	} else if (filter == 'z') {
		archive_write_add_filter_zstd(a);
	}
	archive_write_set_format_raw(a);
	archive_write_set_bytes_per_block(a, 0);
	archive_entry_set_filetype(entry, AE_IFREG);
	if (archive_write_open(a, out, NULL, pack_write, NULL) != ARCHIVE_OK ||
	    archive_write_header(a, entry) != ARCHIVE_OK ||
	    archive_write_data(a, t->b, t->len) != (la_ssize_t)t->len ||
	    archive_write_close(a) != ARCHIVE_OK)
		fatal("pack: %s", archive_error_string(a));
	archive_entry_free(entry);
	archive_write_free(a);
}
