/* SPDX-License-Identifier: Apache-2.0 */
/* compose_volume.c - volumes and tmpfs of a compose file's service. */
#include "deploy/compose_read.h"

#include "deploy/rules.h"

static void
volume_add(struct compose_reader *r, struct compose_service *s, const struct json *v,
	   const char *path, struct compose_volume volume)
{
	const struct compose_volume *have = s->volumes.items;
	const char *fault = rule_mount_path(volume.path, false);
	size_t n = 0;

	for (size_t i = 0; i < s->volumes.count; i++) {
		if (strcmp(have[i].path, volume.path) == 0)
			return;
		n += strcmp(have[i].name, volume.name) == 0;
	}
	if (fault != NULL)
		compose_note(r, v, true, path, NULL, "%s", fault);
	else if (n > 0)
		compose_note(r, v, true, path, "mount it once",
			     "the volume %.60s is mounted at two places", volume.name);
	else if (s->volumes.count + 1 >= SERVICE_MOUNTS_MAX)
		compose_note(r, v, true, path, "put them into one", "more than %u volumes",
			     SERVICE_MOUNTS_MAX - 1);
	else {
		s->volumes.items =
			arena_grow(r->arena, s->volumes.items, s->volumes.count, sizeof(volume));
		((struct compose_volume *)s->volumes.items)[s->volumes.count++] = volume;
	}
}

static const char *
spare_name(struct compose_reader *r, const struct compose_service *s, const char *word)
{
	return arena_printf(r->arena, "%s%zu", word, s->volumes.count + 1);
}

static void
bind_refused(struct compose_reader *r, const struct json *v, const char *path, const char *source)
{
	if (strstr(source, "docker.sock") != NULL)
		compose_note(r, v, true, path, "do without it: a workload cannot start containers",
			     "there is no Docker on a provider's machine");
	else
		compose_note(
			r, v, true, path,
			"put the files into the image, or write SOURCE as the name of a volume",
			"%.80s is a place on your own machine", source);
}

/* [SOURCE:]TARGET[:ro] */
static void
volume_text(struct compose_reader *r, struct compose_service *s, const struct json *v,
	    const char *path, const char *text)
{
	char *source = arena_strdup(r->arena, text), *target = strchr(source, ':'), *mode = NULL;
	struct compose_volume volume = { .kind = VOLUME_KEPT };

	if (target == NULL) {
		volume.name = spare_name(r, s, "disk");
		volume.path = source;
		volume.kind = VOLUME_DISK;
		volume_add(r, s, v, path, volume);
		return;
	}
	*target++ = '\0';
	mode = strchr(target, ':');
	if (mode != NULL)
		*mode++ = '\0';
	if (strchr("./~", *source) != NULL) {
		bind_refused(r, v, path, source);
		return;
	}
	volume.name = compose_name(r, source, spare_name(r, s, "volume"));
	volume.path = target;
	volume.readonly =
		mode != NULL && (strncmp(mode, "ro", 2) == 0 || strstr(mode, ",ro") != NULL);
	volume_add(r, s, v, path, volume);
}

static void
volume_long(struct compose_reader *r, struct compose_service *s, const struct json *v,
	    const char *path)
{
	const char *type = compose_member(r, v, "type", path);
	const char *source = compose_member(r, v, "source", path);
	const char *target = compose_member(r, v, "target", path), *size;
	const struct json *readonly = json_get(v, "read_only"), *tmpfs = json_get(v, "tmpfs");
	struct compose_volume volume = { .path = target, .kind = VOLUME_KEPT };

	if (target == NULL) {
		compose_note(r, v, true, path, "write target: /path", "the key target is missing");
		return;
	}
	volume.readonly = readonly != NULL && readonly->type == JSON_STRING &&
			  strcmp(readonly->text, "true") == 0;
	if (type != NULL && strcmp(type, "tmpfs") == 0) {
		size = tmpfs != NULL ? compose_member(r, tmpfs, "size", path) : NULL;
		volume.name = spare_name(r, s, "ram");
		volume.kind = VOLUME_RAM;
		volume.bytes = size != NULL ? compose_bytes(size) : 0;
		volume.readonly = false;
	} else if (type != NULL && strcmp(type, "volume") != 0) {
		bind_refused(r, v, path, source != NULL ? source : type);
		return;
	} else if (source == NULL) {
		volume.name = spare_name(r, s, "disk");
		volume.kind = VOLUME_DISK;
	} else {
		volume.name = compose_name(r, source, spare_name(r, s, "volume"));
	}
	volume_add(r, s, v, path, volume);
}

void
compose_volumes_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
		     const char *path)
{
	for (const struct json *m = v->first; m != NULL; m = m->next) {
		const char *text = compose_text(r, m, path);

		if (text != NULL)
			volume_text(r, s, m, path, text);
		else if (m->type == JSON_OBJECT)
			volume_long(r, s, m, path);
	}
}

/* PATH[:size=64m,...] */
static void
tmpfs_one(struct compose_reader *r, struct compose_service *s, const struct json *v,
	  const char *path)
{
	const char *text = compose_text(r, v, path), *size;
	struct compose_volume volume = { .kind = VOLUME_RAM };

	if (text == NULL)
		return;
	size = strstr(text, "size=");
	if (size != NULL)
		volume.bytes =
			compose_bytes(arena_strndup(r->arena, size + 5, strcspn(size + 5, ",")));
	volume.name = spare_name(r, s, "ram");
	volume.path = arena_strndup(r->arena, text, strcspn(text, ":"));
	volume_add(r, s, v, path, volume);
}

void
compose_tmpfs_read(struct compose_reader *r, struct compose_service *s, const struct json *v,
		   const char *path)
{
	if (v->type != JSON_ARRAY)
		tmpfs_one(r, s, v, path);
	for (const struct json *m = v->first; m != NULL; m = m->next)
		tmpfs_one(r, s, m, path);
}
