/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/e2e/layout.h"

#include <unistd.h>

#include "lib/proc.h"

static const char *
file_text(struct arena *a, const char *path, size_t *len)
{
	char *text = arena_alloc(a, OCI_TEXT_MAX + 1);
	FILE *f = fopen(path, "re");

	if (f == NULL)
		fatal("open %s", path);
	*len = fread(text, 1, OCI_TEXT_MAX, f);
	fclose(f);
	return text;
}

static const char *
blob_text(struct arena *a, const char *dir, const struct hash *digest, size_t *len)
{
	char hex[HASH_TEXT_SIZE];

	hash_text(digest, hex);
	return file_text(a, arena_printf(a, "%s/blobs/sha256/%s", dir, hex + 2), len);
}

static void
blobs_copy(struct arena *a, const struct jail_config *c, const char *dir)
{
	const char *script =
		arena_printf(a, "cp -f %s/blobs/sha256/* %s/blobs/sha256/; chown -R %u:%u %s/blobs",
			     dir, c->state_dir, c->agent_uid, c->agent_gid, c->state_dir);
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct proc p = { .argv = argv };
	struct err e = ERR_NONE;

	if (proc_now(a, &p, &e) < 0 || proc_check(&p, &e) < 0)
		fatal("import %s: %s", dir, e.text);
}

void
layout_import(struct arena *a, const struct jail_config *c, const char *dir, struct layout *out)
{
	struct image_config config;
	struct oci_manifest m;
	struct oci_blob where;
	struct err e = ERR_NONE;
	const char *text;
	size_t len;

	blobs_copy(a, c, dir);
	text = file_text(a, arena_printf(a, "%s/index.json", dir), &len);
	if (oci_index(a, text, len, "image", &where, &e) < 0)
		fatal("import %s: %s", dir, e.text);
	text = blob_text(a, dir, &where.digest, &len);
	if (oci_manifest(a, text, len, &m, &e) < 0)
		fatal("import %s: %s", dir, e.text);
	text = blob_text(a, dir, &m.config.digest, &len);
	if (oci_config(a, text, len, &config, &e) < 0)
		fatal("import %s: %s", dir, e.text);
	out->count = (uint32_t)m.layer_count;
	for (size_t i = 0; i < m.layer_count; i++)
		out->layers[i] = (struct jail_layer){ m.layers[i].digest, config.diffs[i],
						      m.layers[i].size, 0 };
}

int
layout_unpack(struct arena *a, int fd, const struct layout *l, struct err *e)
{
	for (uint32_t i = 0; i < l->count; i++) {
		struct jail_unpack_reply reply = { .done = 0 };

		for (int tries = 0; reply.done == 0; tries++) {
			struct chan_call c = { .verb = JAIL_UNPACK,
					       .in = &l->layers[i],
					       .in_len = sizeof(l->layers[i]) };

			if (tries > 600)
				return err_set(e, &ERR_TIMEOUT, "unpack");
			if (chan_now(a, fd, &c, e) < 0)
				return -1;
			memcpy(&reply, c.out, MIN(sizeof(reply), c.out_len));
			usleep(20000);
		}
	}
	return 0;
}

void
layout_use(const struct layout *l, struct jail_create *call)
{
	call->layer_count = (uint16_t)l->count;
	for (uint32_t i = 0; i < l->count; i++)
		call->layers[i] = l->layers[i].diff;
}
