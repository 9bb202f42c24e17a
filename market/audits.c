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
