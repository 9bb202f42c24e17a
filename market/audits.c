/* SPDX-License-Identifier: Apache-2.0 */
#include "market/audits.h"

#include "lib/log.h"

struct json_list
audits_read(struct arena *a, const struct batch *b, size_t q)
{
	size_t count = rows_count(b, q), n = 0;
	struct audit_doc *docs = arena_alloc(a, (count + 1) * sizeof(*docs));

	for (size_t i = 0; i < count; i++) {
		const char *text = row_text(b, q, i, "doc");
		struct err e = ERR_NONE;

		if (json_decode(a, text, strlen(text), audit_doc_fields, &docs[n], &e) == 0)
			n++;
		else
			log_warn("audit.unread", "error=\"%s\"", e.text);
	}
	return (struct json_list){ docs, n };
}

const char *
audits_fault(struct arena *a, const struct json_list *audits, const struct group *g,
	     const struct address *provider, wall_t received_at)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address who;

	if (!attest_needed(g) || !attest_lacks(g, provider, audits, received_at, &who))
		return NULL;
	return arena_printf(a, "lacks an audit by %s", address_text(&who, text));
}

void
audits_write(struct jsonw *w, const struct json_list *audits, const struct group *g)
{
	const struct audit_doc *docs = audits->items;

	if (!attest_needed(g))
		return;
	jsonw_name(w, "group");
	json_write(w, group_fields, g);
	jsonw_name(w, "audits");
	jsonw_open(w, '[');
	for (size_t i = 0; i < audits->count; i++)
		json_write(w, audit_doc_fields, &docs[i]);
	jsonw_close(w, ']');
}
