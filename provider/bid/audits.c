/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/audits.h"

#include "lease/attest.h"
#include "lib/log.h"

struct audits {
	struct arena arena;
	struct json_list list; /* of struct audit_doc */
};

struct answer {
	struct json_list data;
};

static const struct json_field answer_fields[] = {
	JSON_LIST(struct answer, data, audit_doc_fields, struct audit_doc, 1000, 0), JSON_END
};

static void
audits_free(struct audits *a)
{
	if (a != NULL)
		arena_release(&a->arena);
	free(a);
}

int
audits_replace(struct agent *g, const char *text, size_t len, struct err *e)
{
	struct audits *a = xcalloc(1, sizeof(*a));
	struct answer answer;
	struct audit_doc *d;
	size_t kept = 0;

	arena_init(&a->arena, 0);
	if (json_decode(&a->arena, text, len, answer_fields, &answer, e) < 0) {
		audits_free(a);
		return err_wrap(e, "audits");
	}
	d = answer.data.items;
	for (size_t i = 0; i < answer.data.count; i++) {
		struct err why = ERR_NONE;

		if (attest_check(&g->domain, &d[i], &why) == 0)
			d[kept++] = d[i];
		else
			log_warn("audit.refused", "error=\"%s\"", why.text);
	}
	a->list = (struct json_list){ d, kept };
	audits_free(g->audits);
	g->audits = a;
	return 0;
}

bool
audits_lack(const struct agent *g, const struct group *group, wall_t now)
{
	static const struct json_list none = { NULL, 0 };
	struct address who;

	return attest_needed(group) &&
	       attest_lacks(group, &g->self, g->audits != NULL ? &g->audits->list : &none, now,
			    &who);
}
